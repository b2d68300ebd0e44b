from __future__ import annotations

import dataclasses
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from hearsight.errors import BenchmarkError, UsageError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.features import vision
from hearsight.evaluation.features.concatenate import ClipFeatures
from hearsight.evaluation.features.extract import extract_features
from hearsight.evaluation.features.load import load_extractor
from hearsight.evaluation.features.vision import VisionExtractor, choose_images
from hearsight.evaluation.probes.cross_validation import score_splits
from hearsight.media.containers.writer import write_video
from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.records import Source
from hearsight.vocabulary import Vocabulary
from tests.support.videos import FRAME_RATE, SAMPLE_RATE, make_waveform


class Painter:
    """A teacher that says how red, green and blue a picture is, and remembers how many it was shown."""

    name, spec, modality, digest = "painter", "painter:", "vision", "0"
    vocabulary = Vocabulary(("red", "green", "blue"))
    image_request = ImageRequest(16, 16)

    def __init__(self):
        self.shown = []

    def predict(self, items):
        self.shown.append(len(items))
        return (items.mean(axis=(1, 2)) / 255.0).astype(np.float32)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Red and blue videos that get brighter, with sounds that tell nothing."""
    folder = tmp_path_factory.mktemp("videos")
    for label, channel in (("red", 0), ("blue", 2)):
        (folder / label).mkdir()
        for number in range(5):
            images = np.zeros((18, 48, 64, 3), dtype=np.uint8)
            images[..., channel] = np.linspace(60 + 20 * number, 200, 18)[:, None, None]
            path = folder / label / f"{number}.mp4"
            write_video(path, iter(images), FRAME_RATE, make_waveform(3.0, 10 * channel + number), SAMPLE_RATE)
    return folder


def test_four_pictures_spread_over_a_video_are_averaged(videos):
    teacher = Painter()
    values, shares = VisionExtractor(teacher).extract_media(videos / "red" / "0.mp4")
    assert teacher.shown == [4]
    assert values.shape == (1, 3)
    assert shares.tolist() == [1.0]
    assert values[0, 0] * 255 == pytest.approx(130, abs=20)  # the middle of 60 and 200
    assert values[0, 2] * 255 < 20


def test_videos_are_told_apart_by_what_is_seen(videos):
    benchmark = load_benchmark(f"videos={videos}")
    found = extract_features(VisionExtractor(Painter()), benchmark, cache=False)
    score = score_splits(ClipFeatures(found.values), benchmark, probe="linear", hyperparameter=100.0)
    assert score.folds[0].accuracy == 1.0
    assert score.folds[0].num_clips == 4


def test_sounds_have_nothing_to_be_seen(make_folder):
    benchmark = load_benchmark(f"folder={make_folder({'a': 2, 'b': 2})}")
    with pytest.raises(BenchmarkError, match="none of its clips can be read"):
        extract_features(VisionExtractor(Painter()), benchmark, cache=False)


def test_a_teacher_without_classes_of_its_own_cannot_look():
    with pytest.raises(UsageError, match="a published classifier"):
        load_extractor("vision:clusters")
    with pytest.raises(UsageError, match="weights"):
        load_extractor("vision:litert:model.tflite", untrained=True)


@pytest.mark.parametrize("announced", [3.0, 9.0, 1.4, None])
def test_the_same_four_pictures_are_chosen_whatever_duration_was_announced(videos, announced):
    media = dataclasses.replace(read_media(Source(str(videos / "red" / "0.mp4"))))
    request = [ImageRequest(16, 16)]
    wanted = choose_images(media, request)
    assert wanted.shape == (4, 16, 16, 3)
    if announced is None or announced > 3.0:  # a rate of one picture a second
        whole = [
            window.images[0] for window in decode_windows(media, length=4.0, images_per_second=1.0, requests=request)
        ]
        wanted = np.concatenate(whole)
    found = choose_images(dataclasses.replace(media, duration=announced), request)
    if announced == 1.4:
        assert len(found) == 4
        assert (np.diff(found[..., 0].mean(axis=(1, 2))) > 0).all()
    else:
        np.testing.assert_array_equal(found, wanted)


def test_memory_does_not_grow_with_the_length_of_a_video(monkeypatch, videos):
    """One window of pictures is held at a time, and the four that were chosen."""
    media = dataclasses.replace(read_media(Source(str(videos / "red" / "0.mp4"))), duration=4_000.0)
    alive = []

    def decode(media, **given):
        for number in range(1_000):
            window = SimpleNamespace(images=(np.full((4, 2, 2, 3), number % 256, dtype=np.uint8),))
            alive.append(weakref.ref(window.images[0]))
            assert sum(reference() is not None for reference in alive) <= 2
            yield window

    monkeypatch.setattr(vision, "decode_windows", decode)
    found = choose_images(media, [ImageRequest(2, 2)])
    assert found[:, 0, 0, 0].tolist() == [125, 375 % 256, 625 % 256, 875 % 256]
