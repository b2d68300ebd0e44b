"""A media file: its identity, and the header of its container. This is where a video's duration is read."""

from __future__ import annotations

from pathlib import Path

from hearsight.errors import MediaError
from hearsight.files import hash_open_file
from hearsight.media.containers.reader import MediaReader
from hearsight.media.containers.streams import Picture
from hearsight.media.guard import open_media_file, reject_unexpected
from hearsight.media.pictures import find_shown_size
from hearsight.records import Media, RejectReason, Source, name_media

EXCERPT_MARGIN = 0.5
"""Seconds by which a downloaded excerpt may be longer than the span that a list names: cuts are made at key pictures."""


def read_media(source: Source, local_path: str | Path | None = None) -> Media:
    """Read the facts of a media file, and name it by its content.

    One picture is decoded to learn how players turn it; the rest comes from the container. A file without sound or without
    pictures is described all the same, with None in those fields.

    Parameters
    ----------
    source
        The file, and the span of it that is meant. Where the file may be an excerpt, its duration decides: one that is no longer
        than the span, and ends before the span does, is the excerpt, and all of it is meant.
    local_path
        The copy of a source that is no file of this machine.

    Returns
    -------
    Media
        ``duration`` is what the container announces of the whole file, None where it announces nothing.

    Raises
    ------
    MediaError
        ``unreadable`` or ``not_media``.
    """
    path = source.path if local_path is None else str(local_path)
    with reject_unexpected(path), MediaReader(path) as reader:
        audio, video = reader.audio, reader.video
        size, rotation = _find_size_and_rotation(reader)
        start, end = _find_span(source, reader.duration)
        return Media(
            uuid=name_media(digest_file(path)),
            path=source.path,
            size_bytes=Path(path).stat().st_size,
            start=start,
            end=end,
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
            local_path=None if local_path is None else path,
        )


def _find_span(source: Source, duration: float | None) -> tuple[float, float | None]:
    """Return the span of a file that a source means; the whole file, where it is the excerpt and not the whole video."""
    if not source.may_be_excerpt or source.end is None or duration is None:
        return source.start, source.end
    length = source.end - source.start
    # a whole video of which the list names a span is longer than the span, except for rounding
    is_excerpt = duration <= length + EXCERPT_MARGIN and duration < source.end - EXCERPT_MARGIN
    return (0.0, None) if is_excerpt else (source.start, source.end)


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
