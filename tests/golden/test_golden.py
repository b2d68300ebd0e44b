"""What the golden files say, computed by hearsight; ``regenerate.py`` says where each comes from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hearsight.clips import cut
from hearsight.clips.cut import cut_media
from hearsight.dataset.labels.policy import choose_label_lists, top_probabilities
from hearsight.media.decode import DecodedClip
from hearsight.metrics.ranking import rank_classes
from hearsight.metrics.tagging import f1_macro, f1_micro, hits, lwlrap
from hearsight.models.segments import Segmentation
from hearsight.records import LABEL_SCHEMA, Media, Rejection
from hearsight.teachers.policy import choose_labels, fit_threshold, keep_soft_labels
from tests.golden import regenerate
from tests.support import golden_tables

FOLDER = Path(__file__).resolve().parent


def load(name: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["cuts", "labels", "metrics", "segments"])
def test_the_script_writes_the_file_that_is_here(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regenerate, "FOLDER", tmp_path)
    regenerate.WRITERS[name]()
    assert (tmp_path / f"{name}.json").read_text() == (FOLDER / f"{name}.json").read_text()


def test_tables_and_comparisons_are_printed_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regenerate, "FOLDER", tmp_path)
    assert regenerate.main(["tables"]) == 0
    wanted = {path.name: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "tables").iterdir())}
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted((tmp_path / "tables").iterdir())}
    assert found == wanted
    assert len(wanted) == 7


def test_the_golden_difference_of_two_models_is_the_mean_over_folds() -> None:
    shares = [
        [Fraction(sum(first) - sum(second), len(first)) for first, second in zip(*pair, strict=True)]
        for pair in (golden_tables.HITS, golden_tables.HITS[::-1])
    ]
    comparisons = {one["case"]: one for one in load("tables/comparisons")}
    for case, folds in zip(("accuracy", "accuracy, reversed"), shares, strict=True):
        assert comparisons[case]["difference"] == pytest.approx(float(sum(folds) / len(folds)), abs=1e-8)
    assert comparisons["accuracy, two runs"]["difference"] == pytest.approx(
        comparisons["accuracy"]["difference"] / 2, abs=1e-8
    )


def test_an_unknown_golden_file_is_refused_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert regenerate.main(["cuts", "lables"]) == 2
    assert "'lables' is not a golden file, wanted one of: log_mel, cuts" in capsys.readouterr().err


def make_windows(total: int, length: int) -> Iterator[DecodedClip]:
    for start in range(0, total, length):
        duration = min(length, total - start)
        samples = np.zeros(16 * duration, np.int16)
        thumbnails = np.zeros((round(duration * 0.003), 32, 32), np.uint8)
        yield DecodedClip(start / 1000, duration / 1000, samples, thumbnails, (), 64, 48)


@pytest.mark.parametrize("case", load("cuts"), ids=lambda case: "-".join(map(str, list(case.values())[:5])))
def test_media_are_cut_as_the_reference_cuts_them(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "decode_windows", lambda *_, **__: make_windows(case["total"], case["length"]))
    media = Media("m", "a.mp4", 1, 0.0, None, None, "mp4", "aac", 16_000, 1, "h264", 64, 48, 25.0)
    pieces = list(
        cut_media(
            media,
            length=case["length"] / 1000,
            min_length=case["shortest"] / 1000,
            max_length=case["longest"] / 1000,
            tail=case["tail"],
            images_per_second=3.0,
            requests=(),
        )
    )
    spans: dict[bool, list[list[int]]] = {True: [], False: []}
    for piece in pieces:
        assert piece.duration is not None
        first, last = round(1000 * piece.start, 6), round(1000 * (piece.start + piece.duration), 6)
        assert (first, last) == (round(first), round(last))
        spans[isinstance(piece, Rejection)].append([round(first), round(last - first)])
    assert spans == {False: case["clips"], True: case["rejected"]}


@pytest.mark.parametrize("case", load("labels"))
def test_labels_are_chosen_as_the_reference_chooses_them(case: dict[str, Any]) -> None:
    clips = [np.array(clip, np.float32) / np.float32(64) for clip in case["clips"]]
    top, least = case["top"], case["min_probability"]
    everything = [keep_soft_labels(clip, 0) for clip in clips]
    assert [soft.classes.tolist() for soft in everything] == case["classes"]
    assert [soft.probabilities.tolist() for soft in everything] == case["probabilities"]
    items = [[item.tolist() for item in keep_soft_labels(clip, top).item_classes] for clip in clips]
    assert items == case["item_classes"]
    table = pa.Table.from_pylist([{"uuid": "", **dataclasses.asdict(soft)} for soft in everything], schema=LABEL_SCHEMA)
    threshold = fit_threshold(top_probabilities(table, top), case["mean"], min_probability=least)
    assert threshold == case["threshold"]
    chosen = [choose_labels(soft, top=top, threshold=threshold, min_probability=least) for soft in everything]
    assert [labels.tolist() for labels in chosen] == case["labels"]
    lists = choose_label_lists(table, top=top, threshold=threshold, min_probability=least)
    assert [lists[clip].tolist() for clip in range(len(clips))] == case["labels"]


@pytest.mark.parametrize("case", load("metrics"))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_metrics_are_those_of_counting_pairs(case: dict[str, Any], dtype: type) -> None:
    scores, targets = np.array(case["scores"], dtype), np.array(case["targets"], bool)
    ranking = rank_classes(scores, targets)
    for name in ("average_precision", "area_under_curve"):
        wanted = [np.nan if value is None else value for value in case[name]]
        # a sum of at most 23 fractions: each adds one rounding
        np.testing.assert_allclose(getattr(ranking, name), wanted, rtol=23 * np.finfo(np.float64).eps)
    assert lwlrap(scores, targets) == pytest.approx(case["lwlrap"], rel=1e-13)
    for top, wanted in case["hits"].items():
        assert hits(scores, targets, top=int(top)).tolist() == [bool(one) for one in wanted]
    assert f1_micro(scores, targets, threshold=case["threshold"]) == pytest.approx(case["f1_micro"], rel=1e-13)
    assert f1_macro(scores, targets, threshold=case["threshold"]) == pytest.approx(case["f1_macro"], rel=1e-13)


@pytest.mark.parametrize("case", load("segments"), ids=lambda case: "-".join(map(str, list(case.values())[:4])))
def test_sounds_are_divided_as_the_reference_divides_them(case: dict[str, Any]) -> None:
    rule = Segmentation(case["segment"], case["hop"], tail=case["tail"])
    starts, weights = rule.place(case["samples"])
    assert starts.tolist() == case["starts"]
    assert rule.count(case["samples"]) == len(case["starts"])
    # one division, and one difference from 1
    np.testing.assert_allclose(weights.numpy(), case["weights"], atol=2 * np.finfo(np.float64).eps)
