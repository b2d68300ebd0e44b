from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hearsight.config import TrainConfig
from hearsight.dataset.reader import Dataset
from hearsight.dataset.survey.agreement import find_pairs, read_agreement, write_agreement
from hearsight.dataset.survey.pairs import count_pairs
from hearsight.dataset.survey.tables import LabelTables
from hearsight.dataset.verify import verify_dataset
from hearsight.errors import DatasetError
from hearsight.training.data.dataset import choose_agreeing
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset

KINDS = ("dog", "drum", "train", "harp", "rain", "bell")
EYES = InventedTeacher("eyes", "vision", KINDS, top=2)
EARS = InventedTeacher("ears", "audio", KINDS, top=2)


def draw_clips(num_sources: int, *, permute: bool = False, seed: int = 0) -> list[InventedClip]:
    """Draw sources of one to four clips; a clip's picture and sound show its kind, and one class by chance besides."""
    rng = np.random.default_rng(seed)
    clips = []
    for source in range(num_sources):
        for kind in rng.integers(0, len(KINDS), rng.integers(1, 5)):
            seen, heard = ({int(kind): 0.9, int(rng.integers(len(KINDS))): 0.5} for _ in range(2))
            clips.append(InventedClip(f"/videos/{source:04d}.mp4", {"eyes": seen, "ears": heard}))
    if permute:
        order = rng.permutation(len(clips))
        clips = [
            InventedClip(clip.source, {"eyes": clips[other].soft["eyes"], "ears": clip.soft["ears"]})
            for clip, other in zip(clips, order, strict=True)
        ]
    return clips


def test_clips_whose_picture_and_sound_show_the_same_agree_and_permuted_pictures_do_not(tmp_path: Path) -> None:
    true = write_agreement(write_dataset(tmp_path / "true", [EYES, EARS], draw_clips(300)))
    permuted = write_agreement(write_dataset(tmp_path / "permuted", [EYES, EARS], draw_clips(300, permute=True)))
    error = permuted.std() / math.sqrt(len(permuted))
    assert abs(permuted.mean()) < 0.01 + 3 * error
    assert true.mean() > permuted.mean() + 0.15
    assert np.mean(true > np.quantile(permuted, 0.95)) > 0.6


def test_a_clip_with_foreign_pictures_agrees_less_than_the_others(tmp_path: Path) -> None:
    clips = draw_clips(200)
    clips.append(InventedClip("/videos/odd.mp4", {"eyes": {0: 0.9}, "ears": {1: 0.9}}))
    clips.append(InventedClip("/videos/even.mp4", {"eyes": {0: 0.9}, "ears": {0: 0.9}}))
    folder = write_dataset(tmp_path / "dataset", [EYES, EARS], clips)
    by_source = dict(zip(Dataset(folder).clips()["source"].to_pylist(), write_agreement(folder), strict=True))
    assert by_source["/videos/odd.mp4"] < -0.2
    assert by_source["/videos/even.mp4"] > 0.5


def test_a_pair_that_only_one_source_has_says_nothing_of_its_own_clips(tmp_path: Path) -> None:
    lonely = [InventedClip("/videos/lonely.mp4", {"eyes": {5: 0.9}, "ears": {5: 0.9}})] * 50
    others = [InventedClip(f"/videos/{n}.mp4", {"eyes": {n % 2: 0.9}, "ears": {n % 2: 0.9}}) for n in range(20)]
    folder = write_dataset(tmp_path / "dataset", [EYES, EARS], [*lonely, *others])
    agreement = write_agreement(folder)
    alone = np.array(Dataset(folder).clips()["source"].to_pylist()) == "/videos/lonely.mp4"
    np.testing.assert_allclose(agreement[alone], 0.0, atol=1e-6)
    assert agreement[~alone].min() > 0.2


def test_the_scores_are_those_of_the_definition(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "dataset", [EYES, EARS], draw_clips(12, seed=3), num_shards=4)
    data = Dataset(folder)
    rows = data.clips().to_pylist()
    media = [row["media_uuid"] for row in rows]
    labels = [data.labels(place) for place in range(len(data))]
    expected = []
    for place, row in enumerate(rows):
        other = [k for k, one in enumerate(rows) if one["fold"] != row["fold"]]
        total = len({media[k] for k in other})

        def weigh(other: list[int] = other, **wanted: int) -> float:
            chosen = [k for k in other if all(wanted[s] in getattr(labels[k], s).tolist() for s in wanted)]
            return sum(1.0 / media.count(media[k]) for k in chosen)

        ratios = [
            (weigh(visual=v, audio=a) + 1.0) / (weigh(visual=v) * weigh(audio=a) / total + 1.0)
            for v in labels[place].visual.tolist()
            for a in labels[place].audio.tolist()
        ]
        expected.append(math.log(np.mean(ratios)))
    np.testing.assert_allclose(write_agreement(folder), expected, rtol=1e-5)


def test_a_long_source_counts_as_much_as_a_short_one(tmp_path: Path) -> None:
    long = [InventedClip("/videos/long.mp4", {"eyes": {0: 0.9}, "ears": {1: 0.9}})] * 40
    short = [InventedClip(f"/videos/{n}.mp4", {"eyes": {0: 0.9}, "ears": {0: 0.9}}) for n in range(4)]
    rest = [InventedClip(f"/videos/rest-{n}.mp4", {"eyes": {2: 0.9}, "ears": {1: 0.9}}) for n in range(8)]
    tables = LabelTables(write_dataset(tmp_path / "dataset", [EYES, EARS], [*long, *short, *rest]))
    counts = count_pairs(tables)
    assert counts.num_sources == 13
    names = [record.name for record in tables.classes]
    pairs = {(names[one.visual], names[one.audio]): one for one in find_pairs(counts, tables, 10, min_sources=0.5)}
    same, foreign = pairs["dog (seen)", "dog (heard)"], pairs["dog (seen)", "drum"]
    assert (same.observed, foreign.observed) == pytest.approx((4.0, 1.0))
    assert same.share == pytest.approx(0.8)
    assert same.information == pytest.approx(math.log(5.0 / (5.0 * 4.0 / 13 + 1.0)))
    assert list(counts.clips) == [44, 8, 4, 48]
    assert list(counts.sources) == [5, 8, 4, 9]


def test_clips_without_labels_of_one_sense_have_no_agreement(tmp_path: Path) -> None:
    clips = [*draw_clips(30), InventedClip("/videos/mute.mp4", {"eyes": {0: 0.9}})]
    folder = write_dataset(tmp_path / "dataset", [EYES, EARS], clips)
    agreement = write_agreement(folder)
    mute = np.array(Dataset(folder).clips()["source"].to_pylist()) == "/videos/mute.mp4"
    np.testing.assert_array_equal(np.isnan(agreement), mute)
    assert pq.read_table(folder / "agreement.parquet")["agreement"].null_count == 1


def test_a_dataset_of_one_sense_or_of_one_source_has_no_agreement_at_all(tmp_path: Path) -> None:
    deaf = write_dataset(tmp_path / "deaf", [EYES], draw_clips(5))
    assert np.isnan(write_agreement(deaf)).all()
    alone = write_dataset(
        tmp_path / "alone", [EYES, EARS], [InventedClip("/a.mp4", {"eyes": {0: 1.0}, "ears": {0: 1.0}})]
    )
    assert np.isnan(write_agreement(alone)).all()


def test_the_number_of_shards_does_not_matter(tmp_path: Path) -> None:
    clips = draw_clips(40)
    found = [
        write_agreement(write_dataset(tmp_path / str(shards), [EYES, EARS], clips, num_shards=shards))
        for shards in (1, 2, 16)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-6)


def test_the_agreement_is_stored_with_the_clips_and_passes_verification(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "dataset", [EYES, EARS], draw_clips(20))
    assert Dataset(folder).agreement is None
    written = write_agreement(folder)
    stored = pq.read_table(folder / "agreement.parquet")
    assert stored["uuid"].to_pylist() == Dataset(folder).clips()["uuid"].to_pylist()
    np.testing.assert_array_equal(Dataset(folder).agreement, written)
    assert verify_dataset(folder).problems == ()


def test_the_agreement_of_other_clips_is_refused(tmp_path: Path) -> None:
    first = write_dataset(tmp_path / "first", [EYES, EARS], draw_clips(20))
    second = write_dataset(tmp_path / "second", [EYES, EARS], draw_clips(20, seed=1))
    write_agreement(first)
    (second / "agreement.parquet").write_bytes((first / "agreement.parquet").read_bytes())
    with pytest.raises(DatasetError, match=LabelTables(first).digest) as refusal:
        read_agreement(second, LabelTables(second).digest)
    assert "hearsight stats" in str(refusal.value)
    assert any("agreement" in problem for problem in verify_dataset(second).problems)


def test_training_takes_the_clips_that_agree(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "dataset", [EYES, EARS], draw_clips(40))
    data = Dataset(folder)
    everything = data.indices("train")
    assert choose_agreeing(data, everything, TrainConfig().min_agreement) is everything
    with pytest.raises(DatasetError, match=r"min_agreement = 0\.5"):
        choose_agreeing(data, everything, 0.5)
    agreement = write_agreement(folder)
    chosen = choose_agreeing(Dataset(folder), everything, 0.5)
    assert 0 < len(chosen) < len(everything)
    assert set(chosen) == {clip for clip in everything if agreement[clip] >= 0.5}
