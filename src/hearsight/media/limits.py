"""Every bound on what a media file may ask of us. The numbers in a file's header are claims; none is followed beyond these.

Memory and time that reading a file takes depend on these bounds and on the size of the file, not on numbers in its headers.
A file beyond a bound is rejected as ``broken_stream`` with the number found.
"""

from __future__ import annotations

MAX_FILE_BYTES = 2**63 - 1
"""Bytes of a media file. Files are read piece by piece, so that their size does not matter."""

MIN_SAMPLE_RATE = 1_000
"""Hz: lowest sample rate that is read."""

MAX_SAMPLE_RATE = 768_000
"""Hz: highest sample rate that is read, twice that of the fastest audio interfaces."""

MAX_CHANNELS = 64
"""Channels of a sound stream: seventh-order ambisonics."""

MAX_PIXELS = 36_000_000
"""Pixels of a coded picture: 8192 x 4320. A decoder may hold 16 of them, 0.9 GB."""

MAX_PIXEL_ASPECT = 16.0
"""Width of a pixel over its height, or the inverse; pixels that claim to be more oblong are taken to be square."""

MAX_STRETCH = 16
"""Pictures more oblong than this are squeezed to it before they are cropped, so that a picture of 20,000 by 2 costs no gigabyte."""

MAX_FRAME_RATE = 1_000.0
"""Pictures per second that a header may claim; a higher rate is taken to be unknown."""

MAX_JUMP = 60.0
"""Seconds by which a stream's time may jump ahead; beyond, its clock is broken."""

MAX_LATE_START = 600.0
"""Seconds by which a stream may start later than the other one, or be damaged without a break."""

MAX_STREAMS = 256
"""Streams of a container; further ones are not opened."""

PROBE_BYTES = 32_000_000
"""Bytes that are searched for a late stream, where sound or pictures seem to be absent."""

PROBE_SECONDS = 60.0
"""Seconds of the file that are searched for a late stream."""

STALL_SECONDS = 60.0
"""Seconds that opening a file, or reading one packet, may take."""

BLOCK_BYTES = 4_000_000
"""Bytes of sound that are read from an uncompressed audio file at a time."""
