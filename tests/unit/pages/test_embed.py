from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest

from hearsight.pages.embed import embed_file, encode_png, escape, show_picture, show_video


@pytest.mark.parametrize("shape", [(1, 1), (54, 72), (96, 128)])
def test_a_picture_comes_back_from_png_bit_by_bit(shape: tuple[int, int]) -> None:
    from matplotlib.image import imread

    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    read = imread(io.BytesIO(encode_png(image)), format="png")
    np.testing.assert_array_equal(np.round(read[..., :3] * 255.0).astype(np.uint8), image)


def test_a_file_is_embedded_whole(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF\x00\xff")
    head, _, body = embed_file(tmp_path / "x.wav").partition(",")
    assert head == "data:audio/wav;base64"
    assert base64.b64decode(body) == b"RIFF\x00\xff"


def test_descriptions_cannot_break_out_of_their_attribute(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"")
    nasty = "\"><script>alert('x')</script>"
    for markup in (show_picture(np.zeros((2, 2, 3), np.uint8), nasty), show_video(tmp_path / "x.mp4", nasty)):
        assert "<script" not in markup
    assert escape("<&>\"'") == "&lt;&amp;&gt;&quot;&#x27;"
