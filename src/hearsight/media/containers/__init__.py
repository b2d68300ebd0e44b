"""Container files read and written with FFmpeg: a path in, decoded sound and pictures out, and back.

Invariant: only ``ffmpeg.py`` knows PyAV, and no number in a file's header is followed beyond ``media/limits.py``.
"""
