from __future__ import annotations

import csv

import numpy as np
import pytest

from hearsight.detection.formats.catalogue import open_file
from hearsight.detection.formats.writer import Context
from hearsight.errors import InputError, UsageError
from hearsight.records import Tag
from hearsight.review.draw import COLUMNS, choose, divide, draw_detections


@pytest.fixture(scope="module")
def tags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tags")
    scores = np.random.default_rng(0).random(200).tolist()
    for number in range(2):
        with open_file("csv", folder / f"{number}.csv", Context()) as writer:
            own = scores[100 * number : 100 * number + 100]
            names = ["owl", "=fox"]
            writer.write(
                [Tag(f"{number}.wav", float(i), 1.0, names[i % 10 == 0], score) for i, score in enumerate(own)]
            )
            writer.fail("broken.wav", "no sound")
    return folder


def test_strata_halve_towards_high_scores():
    strata = divide(np.random.default_rng(1).permutation(64) / 64.0)
    assert np.bincount(strata).tolist() == [32, 16, 8, 4, 4]
    assert divide(np.array([0.5])).tolist() == [0]
    assert np.bincount(divide(np.arange(9.0))).tolist() == [4, 5]


def test_all_strata_have_the_same_share_of_a_sample():
    strata = divide(np.arange(64.0))
    rows = choose(strata, 20, np.random.default_rng(0))
    assert np.bincount(strata[rows]).tolist() == [4, 4, 4, 4, 4]
    assert len(choose(strata, 100, np.random.default_rng(0))) == 64
    few = choose(strata, 3, np.random.default_rng(0))
    assert strata[few].tolist() == [2, 3, 4]


def test_a_table_to_judge_states_what_its_rows_stand_for(tags, tmp_path):
    drawn = draw_detections([tags], tmp_path / "judge.csv", 10)
    assert drawn == {"=fox": 10, "owl": 10}
    with (tmp_path / "judge.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert {row["class"] for row in rows} == {"owl", "'=fox"}
    assert all(row["judgement"] == "" for row in rows)
    for name, total in (("owl", 180), ("'=fox", 20)):
        sizes = {row["stratum"]: int(row["stratum_size"]) for row in rows if row["class"] == name}
        assert sum(sizes.values()) == total


def test_the_same_seed_draws_the_same_and_another_one_does_not(tags, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_detections([tags], tmp_path / f"{name}.csv", 10, seed)
    one, same, other = ((tmp_path / f"{name}.csv").read_bytes() for name in "abc")
    assert one == same != other


def test_what_is_drawn_of_a_class_does_not_depend_on_other_classes(tags, tmp_path):
    draw_detections([tags], tmp_path / "all.csv", 5)
    lines = [line for path in sorted(tags.iterdir()) for line in path.read_text().splitlines() if "fox" in line]
    head = (tags / "0.csv").read_text().splitlines()[0]
    (tmp_path / "fox.csv").write_text("\n".join([head, *lines]) + "\n")
    draw_detections([tmp_path / "fox.csv"], tmp_path / "alone.csv", 5)
    together = [line for line in (tmp_path / "all.csv").read_text().splitlines() if "fox" in line]
    assert together == (tmp_path / "alone.csv").read_text().splitlines()[1:]


def test_nothing_to_draw_and_other_suffixes_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("path,class,probability\n")
    with pytest.raises(InputError, match="no detection with a probability in 1 tables"):
        draw_detections([tmp_path / "a.csv"], tmp_path / "out.csv", 5)
    with pytest.raises(UsageError, match=r"ends in \.csv"):
        draw_detections([tmp_path / "a.csv"], tmp_path / "out.txt", 5)


def test_judgements_are_not_drawn_over(tags, tmp_path):
    out = tmp_path / "judge.csv"
    out.write_text("path,judgement\na.wav,wrong\n")
    with pytest.raises(UsageError, match="1 judgements"):
        draw_detections([tags], out, 10)
    assert out.read_text() == "path,judgement\na.wav,wrong\n"
