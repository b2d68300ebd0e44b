"""From a file of published weights to a checkpoint folder."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hearsight.errors import CheckpointError, InputError, UsageError, cannot_write, guess
from hearsight.files import check_output, describe_path
from hearsight.models.checkpoint import CARD, CONFIG, WEIGHTS, read_config, save_checkpoint
from hearsight.models.network import Network
from hearsight.models.published.panns import build_cnn14
from hearsight.models.published.soundnet import build_soundnet
from hearsight.models.published.source import Source, read_source
from hearsight.models.published.vggish import build_vggish
from hearsight.vocabulary import load_vocabulary, number_vocabulary

KINDS = ("vggish", "soundnet", "panns-cnn14")
"""What can be converted."""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What was converted.

    Attributes
    ----------
    kind, source, sha256
        The requested kind, the file, and its digest.
    out
        The checkpoint folder.
    network
        Name of the network in the zoo.
    num_classes, embedding_dim, sample_rate
        Its number of outputs, the length of its embeddings, and its sample rate in Hz.
    named
        Whether its classes have names.
    """

    kind: str
    source: str
    sha256: str
    out: str
    network: str
    num_classes: int
    embedding_dim: int
    sample_rate: int
    named: bool

    def describe(self) -> list[str]:
        """Return a summary as lines of text."""
        classes = f"{self.num_classes:,} classes" if self.num_classes else "no classes"
        lines = [
            f"{self.out}: {self.network}, {classes}, embeddings of {self.embedding_dim:,} numbers, {self.sample_rate:,} Hz",
            f"from {self.source} (sha256 {self.sha256[:16]}…)",
        ]
        if not self.num_classes:
            lines.append("it was published without classes: use it with hearsight embed and hearsight evaluate")
        elif not self.named:
            lines.append("its classes have numbers: --vocabulary gives them names")
        return lines


def convert(
    kind: str,
    source: str | Path,
    out: str | Path,
    *,
    vocabulary: Sequence[str | Path] = (),
    pca: str | Path | None = None,
    width: float = 1.0,
) -> Conversion:
    """Make a checkpoint of published weights, which tags, embeds and is evaluated like any other.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    source
        The file of weights; see ``docs/how-to/published-weights.md``.
    out
        The checkpoint folder: a new or empty one, or one that was converted before of the same kind.
    vocabulary
        Class lists, one after the other in the order of the outputs; without one, classes have numbers.
    pca
        VGGish's ``vggish_pca_params.npz``.
    width
        Factor on all channels, for weights of a narrower network of the same layers; published ones have 1.

    Raises
    ------
    UsageError
        When there is no such kind, an option does not belong to it, or the class lists have another number of names than the
        network has outputs.
    CheckpointError
        When something else is in the folder ``out``.
    MachineError
        When the folder cannot be written.
    WeightsError
        When a file cannot be read or does not fit; nothing is written.
    TableError
        When a class list cannot be read.
    """
    if kind not in KINDS:
        raise UsageError("kind", f"{kind!r}", "published weights that are known", guess(kind, KINDS))
    if pca is not None and kind != "vggish":
        raise UsageError("--pca", f"given for {kind}", "for vggish only")
    out = Path(out)
    check_output(out / CONFIG)
    _check_out(out, kind)
    names = [name for path in vocabulary for name in load_vocabulary(path).names]
    file, pca_file = read_source(source), None if pca is None else read_source(pca)
    builders: dict[str, Callable[[], Network]] = {
        "vggish": lambda: build_vggish(file, pca_file, width),
        "soundnet": lambda: build_soundnet(file, width),
        "panns-cnn14": lambda: build_cnn14(file, width),
    }
    network = builders[kind]()
    try:
        save_checkpoint(
            network,
            out,
            vocabulary=_name_classes(network, names, vocabulary),
            converted_from=_describe_source(kind, file, pca_file),
        )
    except OSError as error:
        raise cannot_write(out, error) from error
    return Conversion(
        kind=kind,
        source=str(file.path),
        sha256=file.sha256,
        out=str(out),
        network=network.name,
        num_classes=network.num_classes,
        embedding_dim=network.embedding_dim,
        sample_rate=network.sample_rate,
        named=bool(vocabulary),
    )


def _check_out(out: Path, kind: str) -> None:
    """Refuse to write over what is no checkpoint of the same kind."""
    wanted = f"a new folder, or one that was converted from {kind} before"
    if out.exists() and not out.is_dir():
        raise cannot_write(out, NotADirectoryError(errno.ENOTDIR, f"{describe_path(out)}, not a folder", str(out)))
    if not out.is_dir() or all(path.name in (CARD, WEIGHTS) or path.suffix == ".tmp" for path in out.iterdir()):
        return  # new, empty, or left behind by a conversion that was killed
    try:
        before = read_config(out).converted_from
    except InputError as error:
        found = f"a folder with other things in it: {describe_path(out)}"
        raise CheckpointError(out, found, wanted) from error
    found = before.get("kind")
    if found != kind:
        told = f"a checkpoint converted from {found}" if found else "a checkpoint that was not converted"
        raise CheckpointError(out, told, wanted)


def _name_classes(network: Network, names: Sequence[str], vocabulary: Sequence[str | Path]) -> tuple[str, ...]:
    if not names:
        return _number_classes(network)
    if not network.num_classes:
        raise UsageError(
            "--vocabulary",
            f"{', '.join(map(str, vocabulary))} given",
            "none",
            f"{network.name} was published without classes",
        )
    if len(names) != network.num_classes:
        heads = f" ({' and '.join(map(str, network.heads))})" if network.heads else ""
        raise UsageError("--vocabulary", f"{len(names)} names", f"{network.num_classes}{heads}, one per output")
    return tuple(names)


def _number_classes(network: Network) -> tuple[str, ...]:
    if len(network.heads) != 2:
        return number_vocabulary(network.num_classes).names
    # SoundNet's two heads
    kinds = zip(("object", "scene"), network.heads, strict=True)
    return tuple(f"{kind} {index}" for kind, count in kinds for index in range(count))


def _describe_source(kind: str, source: Source, pca: Source | None) -> dict[str, Any]:
    described = {"kind": kind, "file": source.path.name, "sha256": source.sha256}
    if pca is not None:
        described |= {"pca_file": pca.path.name, "pca_sha256": pca.sha256}
    return described
