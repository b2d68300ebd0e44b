from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsight.errors import MediaError, UsageError
from hearsight.figures.traces import find_size, plot_traces, trace_file, write_traced_video
from hearsight.listening.listener import load
from hearsight.media.audio import read_audio
from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.records import Source
from tests.support.videos import make_waveform, write_clip


def test_lanes_are_what_the_listener_hears(videos: Path, run: Path) -> None:
    file = videos / "video-00.mp4"
    traces = trace_file(file, run, 3)
    tags = load(run).tag(file, top=None, per_segment=True)
    for name, values in zip(traces.names, traces.values, strict=True):
        np.testing.assert_allclose(values, [tag.probability for tag in tags if tag.name == name], atol=1e-6)
    peaks = {name: max(tag.probability for tag in tags if tag.name == name) for name in {tag.name for tag in tags}}
    assert set(traces.names) == set(sorted(peaks, key=lambda name: -peaks[name])[:3])


def test_a_sound_without_pictures_has_a_figure_and_no_video(run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", make_waveform(2.5, 1), 16_000)
    figure = plot_traces(tmp_path / "a.wav", run, top=4)
    assert len(figure.axes[0].patches) == 4
    with pytest.raises(MediaError, match="no pictures"):
        write_traced_video(tmp_path / "a.wav", run, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_a_video_is_written_again_with_lanes_and_a_line_that_moves(run: Path, tmp_path: Path) -> None:
    file, out = write_clip(tmp_path / "in.mp4", seconds=3.0), tmp_path / "out.mp4"
    write_traced_video(file, run, out, top=2)
    media = read_media(Source(str(out)))
    assert (media.width, media.height) == (960, 720)
    assert media.duration == pytest.approx(3.0, abs=0.2)
    np.testing.assert_allclose(len(read_audio(out, 16_000)) / 16_000, 3.0, atol=0.1)
    (window,) = decode_windows(media, length=3.0, images_per_second=6.0, requests=[ImageRequest(720, 960, "stretch")])
    images = window.images[0].astype(int)
    assert len(images) == 18
    # the line is yellow: more red than blue, from the left to the right as time goes on
    band = images[:, -30:]
    yellow = (band[..., 0] - band[..., 2]).mean(axis=1)
    places = [int(yellow[index].argmax()) for index in (2, 9, 16)]
    expected = [960 * (index + 0.5) / 18 for index in (2, 9, 16)]
    np.testing.assert_allclose(places, expected, atol=12)
    (plain,) = decode_windows(
        read_media(Source(str(file))), length=3.0, images_per_second=6.0, requests=[ImageRequest(720, 960, "stretch")]
    )
    above = np.abs(images[:, :600] - plain.images[0][:, :600].astype(int)).mean()
    behind = np.abs(images[:, -30:] - plain.images[0][:, -30:].astype(int)).mean()
    assert above < 12.0  # two encodings of the same picture
    assert behind > 20.0


def test_a_video_is_never_written_over_itself(videos: Path, run: Path) -> None:
    before = (videos / "video-01.mp4").read_bytes()
    with pytest.raises(UsageError, match="the video itself"):
        write_traced_video(videos / "video-01.mp4", run, videos / "video-01.mp4")
    assert (videos / "video-01.mp4").read_bytes() == before


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(320, 240, (960, 720)), (1920, 1080, (1280, 720)), (720, 1280, (720, 1280)), (176, 144, (880, 720))],
)
def test_pictures_are_large_enough_for_names(width: int, height: int, size: tuple[int, int], videos: Path) -> None:
    import dataclasses

    media = dataclasses.replace(read_media(Source(str(videos / "video-00.mp4"))), width=width, height=height)
    assert find_size(media) == size
