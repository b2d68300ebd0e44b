from __future__ import annotations

from datetime import datetime

import pytest

from hearsight.detection.time_stamps import parse_time


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20240517_043000.wav", datetime(2024, 5, 17, 4, 30)),
        ("night/SMA01234_20240517_043000.wav", datetime(2024, 5, 17, 4, 30)),
        ("20240517_043000T.WAV", datetime(2024, 5, 17, 4, 30)),
        ("S4A-2_20191231-235959_0+1.flac", datetime(2019, 12, 31, 23, 59, 59)),
        ("20240517T043000Z.ogg", datetime(2024, 5, 17, 4, 30)),
        ("20240517T043000.25+0200.ogg", datetime(2024, 5, 17, 4, 30, 0, 250_000)),
        ("20240517043000.wav", datetime(2024, 5, 17, 4, 30)),
        ("2024-05-17T04:30:00Z.wav", datetime(2024, 5, 17, 4, 30)),
        ("rec 2024-05-17 04-30-59.mp3", datetime(2024, 5, 17, 4, 30, 59)),
        ("2024-05-17_04h30.wav", datetime(2024, 5, 17, 4, 30)),
        ("C:\\night\\20240517_043000.wav", datetime(2024, 5, 17, 4, 30)),
        ("5CE12A4C.WAV", datetime(2019, 5, 19, 10, 5)),
        ("20240517_043000_20240517_053000.wav", datetime(2024, 5, 17, 4, 30)),
        ("20249917_043000_20240517_053000.wav", datetime(2024, 5, 17, 5, 30)),
        ("00000010.WAV", None),  # a number, not a second of 1970
        ("DEADBEEF.wav", None),
        ("5ce12a4c.wav", None),  # AudioMoth writes capital letters
        ("20240517.wav", None),
        ("20241399_043000.wav", None),
        ("00010101_000000.wav", None),
        ("120240517_043000.wav", None),
        ("1-100032-A-0.wav", None),
        ("20240517_043000/dog.wav", None),
        ("", None),
    ],
)
def test_the_time_of_a_recording_is_read_from_its_name(name: str, expected: datetime | None) -> None:
    assert parse_time(name) == expected
