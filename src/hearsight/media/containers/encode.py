"""Pictures and sound on their way into a file that is being written, in step with each other.

:func:`~hearsight.media.containers.writer.write_video` is the way in; these two know their stream and how its times run.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from hearsight.media.containers.streams import Encoding

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
_FINE_UNIT = Fraction(1, 90_000)
"""Unit of the times of pictures that are not evenly spaced (MPEG's clock)."""


class PictureWriter:
    """Encode pictures one by one.

    Parameters
    ----------
    container
        The open output.
    encoding
        Codec, quality, rotation, times.
    frame_rate
        Pictures per second.
    frame_class
        PyAV's class of video frames.
    """

    def __init__(self, container: Any, encoding: Encoding, frame_rate: float, frame_class: Any) -> None:
        self._container = container
        self._frame_class = frame_class
        self._times = encoding.times
        self._rate = Fraction(frame_rate).limit_denominator(1001)
        options = {"crf": str(encoding.crf), "preset": encoding.preset} if encoding.video_codec == "libx264" else {}
        options = {"threads": "1", **options, **(encoding.picture_options or {})}
        self._stream = container.add_stream(encoding.video_codec, rate=self._rate, options=options)
        self._stream.pix_fmt = "yuv420p"
        self._unit = 1 / self._rate if self._times is None else _FINE_UNIT
        self._stream.codec_context.time_base = self._unit
        if encoding.rotation:
            self._stream.set_display_rotation(encoding.rotation)

    def find_time(self, index: int) -> float:
        """Return when a picture is shown, in seconds."""
        return float(index / self._rate) if self._times is None else float(self._times[index])

    def set_size(self, image: UInt8[np.ndarray, "height width 3"]) -> None:
        """Set the size of the pictures from the first one, before anything is written.

        Raises
        ------
        ValueError
            When a side is odd.
        """
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            raise ValueError(f"pictures of {width} x {height}: yuv420p needs even sides")
        self._stream.width, self._stream.height = width, height

    def write(self, image: UInt8[np.ndarray, "height width 3"], index: int) -> None:
        """Encode the next picture."""
        frame = self._frame_class.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.time_base = self._unit
        frame.pts = index if self._times is None else round(self._times[index] / self._unit)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Flush the encoder."""
        self._container.mux(self._stream.encode(None))


class SoundWriter:
    """Encode a waveform in step with the pictures.

    Parameters
    ----------
    container
        The open output.
    encoding
        Codec, bit rate, where the sound starts.
    waveform
        Amplitudes, ``samples`` or ``channels samples`` of 1, 2 or 6 channels.
    sample_rate
        Hz.
    frame_class
        PyAV's class of audio frames.
    """

    def __init__(
        self,
        container: Any,
        encoding: Encoding,
        waveform: Float32[np.ndarray, "*channels samples"],
        sample_rate: int,
        frame_class: Any,
    ) -> None:
        self._container = container
        self._frame_class = frame_class
        self._waveform = np.atleast_2d(waveform)
        self._rate = sample_rate
        self._offset = round(encoding.sound_start * sample_rate)
        self._written = 0
        if self._waveform.shape[0] not in _LAYOUTS:
            raise ValueError(f"a waveform of {self._waveform.shape[0]} channels; known are 1, 2 and 6")
        self._layout = _LAYOUTS[self._waveform.shape[0]]
        self._stream = container.add_stream(encoding.audio_codec, rate=sample_rate, layout=self._layout)
        if not encoding.audio_codec.startswith(("pcm", "flac")):
            self._stream.bit_rate = encoding.audio_bit_rate

    def write_until(self, seconds: float | None) -> None:
        """Encode the sound before a time; None: all of the rest, and flush."""
        total = self._waveform.shape[1]
        end = total if seconds is None else min(total, round(seconds * self._rate) - self._offset)
        if end > self._written:
            block = np.ascontiguousarray(self._waveform[:, self._written : end], np.float32)
            frame = self._frame_class.from_ndarray(block, format="fltp", layout=self._layout)
            frame.sample_rate = self._rate
            frame.time_base = Fraction(1, self._rate)
            frame.pts = self._offset + self._written
            self._container.mux(self._stream.encode(frame))
            self._written = end
        if seconds is None:
            self._container.mux(self._stream.encode(None))
