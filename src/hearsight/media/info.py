"""What a media file is: its identity, and what its container says of it. This is where a video's duration is read."""

from __future__ import annotations

from pathlib import Path

from hearsight.errors import MediaError
from hearsight.files import hash_open_file
from hearsight.media.containers.reader import MediaReader
from hearsight.media.containers.streams import Picture
from hearsight.media.guard import open_media_file, reject_unexpected
from hearsight.media.pictures import find_shown_size
from hearsight.records import Media, RejectReason, Source, name_media


def read_media(source: Source) -> Media:
    """Read the facts of a media file, and name it by its content.

    One picture is decoded to learn how players turn it; the rest comes from the container. A file without sound or without
    pictures is described all the same, with None in those fields.

    Parameters
    ----------
    source
        The file, and the span of it that is meant.

    Returns
    -------
    Media
        ``duration`` is what the container announces of the whole file, None where it announces nothing.

    Raises
    ------
    MediaError
        ``unreadable`` or ``not_media``.
    """
    with reject_unexpected(source.path), MediaReader(source.path) as reader:
        audio, video = reader.audio, reader.video
        size, rotation = _find_size_and_rotation(reader)
        return Media(
            uuid=name_media(digest_file(source.path)),
            path=source.path,
            size_bytes=Path(source.path).stat().st_size,
            start=source.start,
            end=source.end,
            duration=reader.duration,
            container=reader.container,
            audio_codec=None if audio is None else audio.codec,
            sample_rate=None if audio is None else audio.sample_rate,
            channels=None if audio is None else audio.channels,
            video_codec=None if video is None else video.codec,
            width=None if size is None else size[0],
            height=None if size is None else size[1],
            frame_rate=None if video is None else video.frame_rate,
            rotation=rotation,
        )


def digest_file(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a media file's bytes.

    Raises
    ------
    MediaError
        ``unreadable``.
    """
    try:
        with open_media_file(path) as file:
            return hash_open_file(file)
    except OSError as error:
        raise MediaError(path, error.strerror or str(error), reason=RejectReason.UNREADABLE) from error


def _find_size_and_rotation(reader: MediaReader) -> tuple[tuple[int, int] | None, int]:
    """Return the shown size and the rotation of the first picture; what the container says where none can be decoded."""
    video = reader.video
    if video is None:
        return None, 0
    try:
        picture = next((item for item in reader.read(sound=False) if isinstance(item, Picture)), None)
    except MediaError:
        picture = None
    if picture is None:
        return (video.width, video.height) if video.width and video.height else None, 0
    rotation, matrix = reader.find_orientation(picture)
    return find_shown_size(picture, video.pixel_aspect, matrix), rotation
