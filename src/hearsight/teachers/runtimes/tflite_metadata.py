"""The metadata of a TensorFlow Lite file: normalisation, sample rate and class names.

The metadata is a flatbuffer inside the model's own flatbuffer (``TFLITE_METADATA``); the label files are in a zip archive at the
end of the file. The numbers of the fields are those of TensorFlow Lite's ``schema.fbs`` and of tflite-support's
``metadata_schema.fbs``.
"""

from __future__ import annotations

import dataclasses
import io
import struct
import zipfile
import zlib
from pathlib import PurePosixPath

from hearsight.errors import TableError, TeacherError
from hearsight.teachers.classes import ClassList
from hearsight.vocabulary import MAX_BYTES, ControlCharacterError, parse_vocabulary

_NORMALISATION, _AUDIO = 1, 4
"""Members of the unions ``ProcessUnitOptions`` and ``ContentProperties``."""


@dataclasses.dataclass(frozen=True)
class TFLiteMetadata:
    """The metadata of the first input and output.

    Attributes
    ----------
    mean, std
        Normalisation of pixels in 0..255; None where it is not stated.
    sample_rate
        Hz of the input; None where it is not stated.
    label_files
        Names of the label files of the output.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    sample_rate: int | None = None
    label_files: tuple[str, ...] = ()


def read_metadata(content: bytes, where: object) -> TFLiteMetadata:
    """Read the metadata of a TensorFlow Lite model.

    Raises
    ------
    TeacherError
        When the file is not a TensorFlow Lite model, or is truncated.
    """
    if content[4:8] != b"TFL3":
        found = f"a file that begins with {content[:8]!r}"
        raise TeacherError(where, found, "a TensorFlow Lite model")
    try:
        model = _Table.root(content)
        for entry in model.tables(6):
            if entry.text(0) == "TFLITE_METADATA":
                return _read_model(_Table.root(model.tables(4)[entry.number(1, "I")].blob(0)))
    except (struct.error, IndexError, UnicodeDecodeError, MemoryError, OverflowError) as error:
        raise TeacherError(where, f"damaged or truncated ({error})", "a complete .tflite file") from error
    return TFLiteMetadata()


def read_label_files(content: bytes, metadata: TFLiteMetadata, where: object) -> list[ClassList]:
    """Read the class lists in the zip archive at the end of a model, those of its output first.

    Raises
    ------
    TeacherError
        When the archive is damaged, or a label file in it too large.
    TableError
        When a label file of the output is not a class list, or a name contains control characters.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return []
    found: list[ClassList] = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = [info for info in archive.infolist() if PurePosixPath(info.filename).suffix in (".txt", ".csv")]
            infos.sort(key=lambda info: info.filename not in metadata.label_files)
            for info in infos:
                if info.file_size > MAX_BYTES:
                    found_size = f"{info.filename} of {info.file_size:,} bytes inside it"
                    raise TeacherError(where, found_size, f"a class list of at most {MAX_BYTES:,}")
                try:
                    vocabulary = parse_vocabulary(archive.read(info), f"{where}/{info.filename}")
                except ControlCharacterError:
                    raise
                except TableError:
                    if info.filename in metadata.label_files:
                        raise
                    continue  # another text: a licence, a description
                found.append(ClassList(vocabulary, f"{info.filename} inside it"))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise TeacherError(where, f"the label files inside it cannot be read ({error})", "a complete file") from error
    return found


def _read_model(metadata: _Table) -> TFLiteMetadata:
    """Read ``ModelMetadata``: the first input's process units and content, the files of the outputs."""
    subgraphs = metadata.tables(3)
    if not subgraphs:
        return TFLiteMetadata()
    mean = std = sample_rate = None
    for tensor in subgraphs[0].tables(2)[:1]:
        for unit in tensor.tables(4):
            if unit.number(0, "B") == _NORMALISATION and (options := unit.table(1)):
                mean, std = options.floats(0) or None, options.floats(1) or None
        properties = tensor.table(3)
        if properties and properties.number(0, "B") == _AUDIO and (audio := properties.table(1)):
            sample_rate = audio.number(0, "I") or None
    labels = [file.text(0) for tensor in subgraphs[0].tables(3) for file in tensor.tables(6)]
    return TFLiteMetadata(mean, std, sample_rate, tuple(labels))


@dataclasses.dataclass(frozen=True)
class _Table:
    """A table of a flatbuffer. Its fields have the numbers of the schema, and may be absent."""

    content: bytes
    start: int

    @classmethod
    def root(cls, content: bytes) -> _Table:
        return cls(content, struct.unpack_from("<I", content, 0)[0])

    def _find(self, field: int) -> int | None:
        entries = self.start - struct.unpack_from("<i", self.content, self.start)[0]
        size = struct.unpack_from("<H", self.content, entries)[0]
        offset = 4 + 2 * field
        if offset >= size:
            return None
        return self.start + place if (place := struct.unpack_from("<H", self.content, entries + offset)[0]) else None

    def _follow(self, place: int) -> int:
        return place + struct.unpack_from("<I", self.content, place)[0]

    def number(self, field: int, code: str) -> int:
        place = self._find(field)
        return 0 if place is None else struct.unpack_from(f"<{code}", self.content, place)[0]

    def table(self, field: int) -> _Table | None:
        place = self._find(field)
        return None if place is None else _Table(self.content, self._follow(place))

    def _vector(self, field: int) -> tuple[int, int]:
        """Return the position of a vector's first element, and the number of elements."""
        place = self._find(field)
        if place is None:
            return 0, 0
        start = self._follow(place)
        return start + 4, struct.unpack_from("<I", self.content, start)[0]

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field)
        return [_Table(self.content, self._follow(start + 4 * index)) for index in range(count)]

    def floats(self, field: int) -> tuple[float, ...]:
        start, count = self._vector(field)
        return struct.unpack_from(f"<{count}f", self.content, start)

    def blob(self, field: int) -> bytes:
        start, count = self._vector(field)
        return self.content[start : start + count]

    def text(self, field: int) -> str:
        return self.blob(field).decode("utf-8")
