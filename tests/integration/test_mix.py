"""A built dataset in, a dataset of mixtures out, and a network trained on it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hearsight.config import BuildConfig, MixConfig, TrainConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.mixing.mix import mix_dataset
from hearsight.dataset.mixing.teachers import load_mix_teachers
from hearsight.dataset.parts import cut_segments
from hearsight.dataset.reader import Dataset
from hearsight.errors import ConfigError, DatasetError, MissingExtraError, TeacherError, UsageError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.contamination import find_contamination
from hearsight.signal.chimaeras import make_chimaera, scramble_phases
from hearsight.signal.waveform import change_speed, from_int16
from hearsight.training.learn import LearnConfigs, learn_from_media, load_learn_configs
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from tests.support.layouts import write_sound
from tests.support.processes import digest_tree, kill_when, run_command
from tests.support.videos import write_clip, write_folder

SMALL = ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]', "shard_clips=6", "validation_share=0.3"]
FEW = MixConfig(clips=150, vision=True, shard_clips=64, speed=1.3)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    videos = write_folder(folder / "videos", 6, seconds=9.0)
    build_dataset([videos], folder / "dataset", load_config(BuildConfig, "build", None, SMALL), workers=1)
    return folder / "dataset"


@pytest.fixture(scope="module")
def mixed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mixed") / "mixtures"
    mix_dataset(built, out, FEW, workers=1)
    return out


def test_what_comes_out_is_a_dataset_of_seconds(mixed: Path, built: Path) -> None:
    dataset, parent = Dataset(mixed), Dataset(built)
    assert len(dataset) == 150
    assert set(dataset.num_samples.tolist()) == {16_000}
    assert len(dataset.manifest.shards) > 1
    assert dataset.manifest.validation_folds == parent.manifest.validation_folds
    assert {teacher.modality for teacher in dataset.manifest.teachers} == {"vision", "audio"}
    assert len(dataset.indices("validation")) > 0
    assert all(len(dataset.labels(index).audio) + len(dataset.labels(index).visual) for index in range(150))


def test_each_mixture_sounds_as_its_spec_says(mixed: Path, built: Path) -> None:
    dataset, parent = Dataset(mixed), Dataset(built)
    place = {uuid: index for index, uuid in enumerate(parent.clips().column("uuid").to_pylist())}
    specs = {row["uuid"]: row for row in pq.read_table(mixed / "mixtures.parquet").to_pylist()}
    assert len(specs) == 150
    assert {len(row["clips"]) for row in specs.values()} == {1, 2}
    folds = parent.folds
    for index, clip in enumerate(dataset.clips().to_pylist()):
        spec = specs[clip["uuid"]]
        total = np.zeros(16_000)
        assert all(1 / 1.3 <= speed <= 1.3 for speed in spec["speeds"])
        parts = (spec[key] for key in ("clips", "starts", "levels", "speeds"))
        for uuid, start, level, speed in zip(*parts, strict=True):
            samples = parent.read(place[uuid], round(start * 16_000), round(16_000 * speed))
            excerpt = change_speed(from_int16(samples), speed)[:16_000]
            total[: len(excerpt)] += excerpt * 10 ** (level / 20)
        total /= max(1.0, np.abs(total).max())
        np.testing.assert_allclose(from_int16(dataset.read(index)), total, atol=2 / 32768)
        bound = parent.manifest.validation_folds
        assert len({folds[place[uuid]] < bound for uuid in spec["clips"]} | {clip["fold"] < bound}) == 1


def test_each_chimaera_is_made_as_its_spec_says(built: Path, tmp_path: Path) -> None:
    mix_dataset(built, tmp_path / "made", MixConfig(clips=60, share=0.3, chimaeras=0.6, bands=8), workers=1)
    dataset, parent = Dataset(tmp_path / "made"), Dataset(built)
    place = {uuid: index for index, uuid in enumerate(parent.clips().column("uuid").to_pylist())}
    specs = {row["uuid"]: row for row in pq.read_table(tmp_path / "made" / "mixtures.parquet").to_pylist()}
    carriers = [carrier for spec in specs.values() for carrier in spec["carriers"]]
    assert {None, 1, 2, 4, 8} == {carrier and carrier["bands"] for carrier in carriers}
    assert len({carrier["phases"] for carrier in carriers if carrier}) > 5

    def read(uuid: str, start: float) -> np.ndarray:
        return from_int16(parent.read(place[uuid], round(start * 16_000), 16_000))

    for index, clip in enumerate(dataset.clips().to_pylist()):
        spec = specs[clip["uuid"]]
        total = np.zeros(16_000, np.float32)
        parts = (spec[key] for key in ("clips", "starts", "levels", "carriers"))
        for uuid, start, level, carrier in zip(*parts, strict=True):
            sound = read(uuid, start)
            if carrier is not None:
                lent = read(carrier["clip"], carrier["start"])
                if carrier["phases"] is not None:
                    lent = scramble_phases(lent, np.random.default_rng(carrier["phases"]))
                sound = make_chimaera(sound, lent, sample_rate=16_000, bands=carrier["bands"])
            total += sound * np.float32(10 ** (level / 20))
        total /= max(1.0, np.abs(total).max())
        np.testing.assert_allclose(from_int16(dataset.read(index)), total, atol=2 / 32768)


def test_what_nobody_saw_has_no_pictures() -> None:
    with pytest.raises(ConfigError, match=r"chimaeras = 0\.5 excludes vision"):
        load_config(MixConfig, "mix", None, ["vision=true", "chimaeras=0.5"])


def test_the_audio_teacher_names_the_mixture_itself(mixed: Path, built: Path) -> None:
    dataset = Dataset(mixed)
    (teacher,) = [one for one in load_mix_teachers(Dataset(built), FEW) if one.modality == "audio"]
    rows = [
        row
        for shard in range(len(dataset.manifest.shards))
        for row in dataset.soft_labels(teacher.name, shard).to_pylist()
    ]
    for index in range(0, 150, 10):
        (said,) = teacher.predict(cut_segments(dataset.read(index)))
        dense = np.zeros_like(said)
        dense[rows[index]["classes"]] = rows[index]["probabilities"]
        np.testing.assert_allclose(dense, said, atol=1e-6)
        heard = {r.index: r.class_index for r in dataset.classes if r.modality == "audio"}
        probabilities = dataset.probabilities(index)
        np.testing.assert_allclose([probabilities[at] for at in heard], said[list(heard.values())], atol=1e-6)


def test_an_excerpt_is_seen_as_its_pictures_were(mixed: Path, built: Path) -> None:
    dataset, parent = Dataset(mixed), Dataset(built)
    name = next(record.name for record in parent.manifest.teachers if record.modality == "vision")
    place = {uuid: index for index, uuid in enumerate(parent.clips().column("uuid").to_pylist())}
    specs = {row["uuid"]: row for row in pq.read_table(mixed / "mixtures.parquet").to_pylist()}
    seen = [row for shard in parent.manifest.shards for row in parent.soft_labels(name, shard.index).to_pylist()]
    said = [row for shard in dataset.manifest.shards for row in dataset.soft_labels(name, shard.index).to_pylist()]
    checked = 0
    for row in said:
        spec = specs[row["uuid"]]
        if len(spec["clips"]) > 1:
            continue
        parent_row = seen[place[spec["clips"][0]]]
        start, count = spec["starts"][0], len(parent_row["item_classes"])
        rate = count / (parent.num_samples[place[spec["clips"][0]]] / 16_000)
        pictures = range(int(start * rate), min(count, int(np.ceil((start + spec["speeds"][0]) * rate))))
        expected: dict[int, float] = {}
        for picture in pictures:
            for one, value in zip(
                parent_row["item_classes"][picture], parent_row["item_probabilities"][picture], strict=True
            ):
                expected[one] = expected.get(one, 0.0) + value / len(pictures)
        found = dict(zip(row["classes"], row["probabilities"], strict=True))
        for one, value in expected.items():
            assert found.get(one, 0.0) == pytest.approx(value, abs=1e-5)
        checked += 1
    assert checked > 20


def test_the_bytes_do_not_depend_on_the_workers(mixed: Path, built: Path, tmp_path: Path) -> None:
    mix_dataset(built, tmp_path / "again", FEW, workers=2)
    assert digest_tree(tmp_path / "again") == digest_tree(mixed)


def test_done_again_nothing_is_done_and_another_configuration_is_refused(mixed: Path, built: Path) -> None:
    before = digest_tree(mixed)
    assert mix_dataset(built, mixed, FEW).num_clips == 150
    assert digest_tree(mixed) == before
    with pytest.raises(DatasetError, match="clips: 150 there, 151 now"):
        mix_dataset(built, mixed, MixConfig(clips=151, vision=True, shard_clips=64))
    with pytest.raises(DatasetError, match="a dataset of mixtures"):
        mix_dataset(mixed, mixed.parent / "twice", FEW)
    with pytest.raises(DatasetError, match=r"the folder of the dataset .* itself"):
        mix_dataset(built, built, FEW)
    with pytest.raises(DatasetError, match=r"no clip longer than 5 s, wanted clips of 6 s"):
        mix_dataset(built, mixed.parent / "long", MixConfig(length=6.0))


def test_a_dataset_of_the_same_files_with_other_sound_is_another(built: Path, mixed: Path, tmp_path: Path) -> None:
    videos = write_folder(tmp_path / "videos", 6, seconds=9.0)
    write_clip(videos / "video-00.mp4", 9.0, seed=77)
    settings = load_config(BuildConfig, "build", None, SMALL)
    shutil.copytree(built.parent / "videos", tmp_path / "same")
    build_dataset([tmp_path / "same"], tmp_path / "first", settings, workers=1)
    before = Dataset(tmp_path / "first").digest
    shutil.copy(videos / "video-00.mp4", tmp_path / "same" / "video-00.mp4")
    shutil.rmtree(tmp_path / "first")
    build_dataset([tmp_path / "same"], tmp_path / "first", settings, workers=1)
    assert Dataset(tmp_path / "first").digest != before
    with pytest.raises(DatasetError, match="mixed_from"):
        mix_dataset(tmp_path / "first", mixed, FEW)


def test_a_benchmark_is_looked_for_in_what_was_mixed(mixed: Path, tmp_path: Path) -> None:
    for label in range(2):
        for number in range(5):
            write_sound(tmp_path / str(label) / f"{number}.wav", label, number)
    with pytest.raises(DatasetError, match="mixed from"):
        find_contamination(mixed, load_benchmark(f"folder={tmp_path}"))


def test_a_teacher_that_changed_or_is_none_is_named(built: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(built, changed)
    manifest = json.loads((changed / "dataset.json").read_text())
    manifest["teachers"][1]["digest"] = "0" * 64
    (changed / "dataset.json").write_text(json.dumps(manifest))
    with pytest.raises(TeacherError, match="has changed"):
        mix_dataset(changed, tmp_path / "out", FEW)
    with pytest.raises(UsageError, match="a teacher that is fitted to a dataset"):
        mix_dataset(built, tmp_path / "out", MixConfig(audio=("clusters",)))
    only_heard = {**manifest, "teachers": json.loads((built / "dataset.json").read_text())["teachers"][1:]}
    (changed / "dataset.json").write_text(json.dumps(only_heard))
    with pytest.raises(UsageError, match="without a vision teacher"):
        mix_dataset(changed, tmp_path / "out", FEW)
    manifest["teachers"] = manifest["teachers"][:1]
    (changed / "dataset.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="without an audio teacher"):
        mix_dataset(changed, tmp_path / "out", MixConfig(clips=10))
    assert not (tmp_path / "out").exists()


def test_killed_at_any_moment_it_ends_in_the_same_bytes(mixed: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "mixtures"
    knobs = ("--clips", "150", "--vision", "--set", "shard_clips=64", "--set", "speed=1.3")
    command = ("mix", built, "--out", out, *knobs, "--workers", "1")
    for number in (1, 2, 4):  # of what has been written when it is killed; one unit of work leaves two files
        assert kill_when(lambda number=number: len(list(out.glob("parts/*"))) >= number, *command)
    done = run_command(*command)
    assert done.returncode == 0, done.stderr
    assert "150 clips" in done.stdout
    assert digest_tree(out) == digest_tree(mixed)


def test_soft_targets_are_learned_from_mixtures(mixed: Path, tmp_path: Path) -> None:
    config = TrainConfig(
        recipe="mixtures",
        model="jia-mobilenet-v2",
        options={"width": 0.25},
        epochs=3,
        batch_size=32,
        precision="float32",
    )
    train(mixed, tmp_path / "run", config)
    lines = [line for line in read_runlog(tmp_path / "run") if line["kind"] == "epoch"]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[-1]["validation_num_clips"] == len(Dataset(mixed).indices("validation"))


def test_learn_tells_at_once_that_nothing_would_be_mixed_or_heard(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is mixed"):
        load_learn_configs(None, ["mix.clips=10"])
    with pytest.raises(ConfigError, match=r"mix\.clips"):
        load_learn_configs(None, ["train.recipe=mixtures", "mixclips=10"])
    with pytest.raises(ConfigError, match="targets = soft is for loss = cross-entropy"):
        load_learn_configs(None, ["train.recipe=soundnet2016", "train.targets=soft"])
    deaf = LearnConfigs(build=BuildConfig(audio=()), mix=MixConfig(), train=TrainConfig(recipe="mixtures"))
    with pytest.raises(UsageError, match="no audio teacher"):
        learn_from_media([tmp_path], tmp_path / "run", deaf)
    absent = dataclasses.replace(deaf, mix=MixConfig(audio=("litert:absent.tflite",)))
    with pytest.raises((TeacherError, MissingExtraError)):
        learn_from_media([tmp_path], tmp_path / "run", absent)
    assert not (tmp_path / "run").exists()


def test_a_damaged_table_is_named(built: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(built, broken)
    (broken / "clips" / "00000.parquet").unlink()
    with pytest.raises(DatasetError, match=r"00000\.parquet"):
        mix_dataset(broken, tmp_path / "out", FEW)


def test_learn_mixes_where_the_recipe_says_so(built: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "few.toml"
    recipe.write_text('[mix]\nclips = 100\n[train]\nrecipe = "mixtures"\nepochs = 1\nbatch_size = 32\n')
    out = tmp_path / "run"
    done = run_command(
        "learn", built.parent / "videos", "--out", out, "-c", recipe, "--vision", "clusters:k=4", "--audio", "clusters:k=4",
        "--set", "train.options.width=0.25",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mixtures: 100 clips" in done.stdout
    assert len(Dataset(out / "mixtures")) == 100
    assert json.loads((out / "run.json").read_text())["dataset"]["digest"] == Dataset(out / "mixtures").digest
