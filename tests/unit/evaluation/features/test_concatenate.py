from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import BenchmarkError, ConfigError, MediaError, UsageError
from hearsight.evaluation import evaluate as evaluating
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.features.concatenate import ClipFeatures, concatenate_features, extract_parts
from hearsight.evaluation.paper_tables.record import check_cells, make_measurement
from hearsight.evaluation.probes.registry import PROBES, ProbeInputs, fit_probe
from hearsight.learners.rows import weigh_parts
from hearsight.records import RejectReason


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tones(make_folder):
    return f"folder={make_folder({'high': 6, 'low': 6, 'middle': 6})}"


class Ear:
    """Gives a row for each second: its number, and the loudest amplitude; remembers how many clips it was given."""

    name, sample_rate, pooled, untrained = "ear", 1000, False, False

    def __init__(self):
        self.heard = 0

    def compute_digest(self):
        return self.name

    def extract(self, waveform):
        self.heard += 1
        rows = [[number, np.abs(second).max()] for number, second in enumerate(np.array_split(waveform, 2))]
        return np.array(rows, dtype=np.float32), np.ones(2)


class Eye:
    """Gives the length of a clip's path, and cannot see some of the clips."""

    name, pooled, untrained = "eye", True, False

    def __init__(self, *unseen):
        self.unseen, self.seen = unseen, 0

    def compute_digest(self):
        return self.name

    def extract_media(self, path):
        self.seen += 1
        if path.name in self.unseen:
            raise MediaError(path, "no pictures", reason=RejectReason.NO_VIDEO)
        return np.full((1, 3), len(path.name), dtype=np.float32), np.ones(1)


def test_descriptions_of_the_same_clips_stand_side_by_side():
    heard, seen = np.arange(6.0).reshape(3, 2), np.arange(9.0).reshape(3, 3)
    joined = concatenate_features([ClipFeatures(heard), ClipFeatures(seen)], ["ear", "eye"])
    np.testing.assert_array_equal(joined.values, np.hstack([heard, seen]))
    assert (joined.widths, joined.counts, joined.num_clips) == ((2, 3), None, 3)


def test_a_single_description_stays_as_it_is():
    only = ClipFeatures(np.ones((4, 2)), np.array([3, 1]))
    assert concatenate_features([only], ["ear"]) is only
    with pytest.raises(UsageError, match="no part"):
        concatenate_features([], [])


def test_what_has_one_row_per_clip_says_the_same_beside_each_window():
    counts = np.array([2, 1, 3])
    windows = ClipFeatures(np.arange(6.0)[:, None], counts)
    joined = concatenate_features([ClipFeatures(np.array([[10.0], [20.0], [30.0]])), windows], ["eye", "ear"])
    np.testing.assert_array_equal(joined.values, [[10, 0], [10, 1], [20, 2], [30, 3], [30, 4], [30, 5]])
    np.testing.assert_array_equal(joined.counts, counts)


def test_windows_of_other_numbers_do_not_stand_side_by_side():
    one, other = (ClipFeatures(np.ones((sum(counts), 1)), np.array(counts)) for counts in ([2, 2, 3], [2, 3, 2]))
    with pytest.raises(UsageError, match="ear and other: 2 and 3 windows of clip 1") as caught:
        concatenate_features([one, other], ["ear", "other"])
    assert "--pool mean" in caught.value.hint
    assert concatenate_features([one, one], ["ear", "ear"]).widths == (1, 1)


def test_descriptions_of_other_clips_do_not_stand_side_by_side():
    with pytest.raises(UsageError, match="ear and eye: 4 and 3 clips"):
        concatenate_features([ClipFeatures(np.ones((4, 1))), ClipFeatures(np.ones((3, 1)))], ["ear", "eye"])


def test_what_one_model_cannot_read_is_left_out_of_all(make_folder):
    folder = make_folder({"a": 4, "b": 4})
    (folder / "b" / "2.wav").write_bytes(b"no sound")
    found, failures = extract_parts([Ear(), Eye("1.wav")], load_benchmark(f"folder={folder}"), cache=False)
    assert list(failures) == [1, 5, 6]
    assert failures[1] == "a/1.wav: no pictures"
    assert "b/2.wav" in failures[6]
    for part, rows in zip(found, (2, 1), strict=True):
        np.testing.assert_array_equal(part.counts, [rows, 0, rows, rows, rows, 0, 0, rows])
        assert len(part.values) == len(part.shares) == 5 * rows


def test_each_model_has_an_entry_of_its_own_in_the_cache(make_folder, cache_folder):
    benchmark = load_benchmark(f"folder={make_folder({'a': 2, 'b': 2})}")
    ear, eye = Ear(), Eye()
    extract_parts([ear], benchmark)
    extract_parts([ear, eye], benchmark)
    extract_parts([eye, ear], benchmark)
    assert (ear.heard, eye.seen) == (4, 4)
    assert len(list(cache_folder.rglob("*.npz"))) == 2


def test_an_evaluation_names_all_that_stands_side_by_side(tones):
    result = evaluate(
        "baseline:log-mel", tones, extra_models=["baseline:mfcc", "untrained:jia-mobilenet-v2"], hyperparameter=1.0
    )
    assert result.model == "baseline:log-mel+baseline:mfcc+jia-mobilenet-v2"
    assert result.pool == "statistics, statistics, mean+max"
    assert result.dim == 128 + 26 + 256
    assert result.untrained
    assert result.as_json()["extra_models"] == ["baseline:mfcc", "untrained:jia-mobilenet-v2"]
    assert "on 410 numbers" in result.describe()[0]
    assert evaluate("baseline:log-mel", tones, hyperparameter=1.0).as_json()["extra_models"] == []


def test_fresh_weights_are_asked_of_the_run_alone(tones):
    with pytest.raises(UsageError, match="a baseline has no weights"):
        evaluate("baseline:mfcc", tones, extra_models=["untrained:jia-mobilenet-v2"], untrained=True)


def test_clips_that_one_model_cannot_read_end_the_evaluation_or_are_left_out_and_named(tones, monkeypatch):
    load = evaluating.load_extractor
    monkeypatch.setattr(
        evaluating, "load_extractor", lambda run, **options: Eye("3.wav") if run == "eye" else load(run, **options)
    )
    with pytest.raises(BenchmarkError, match=r"3 of 18 clips cannot be read: high/3\.wav: no pictures"):
        evaluate("baseline:log-mel", tones, extra_models=["eye"])
    result = evaluate("baseline:log-mel", tones, extra_models=["eye"], unreadable="exclude")
    assert result.num_clips == 15
    assert any("3 clips that cannot be read left out: high/3.wav" in note for note in result.notes)


def test_whole_networks_are_not_trained_side_by_side(tones):
    with pytest.raises(ConfigError, match="probe finetune trains one network, and 2 models are given"):
        evaluate("untrained:jia-mobilenet-v2", tones, extra_models=["baseline:mfcc"], probe="finetune")


def test_unknown_models_beside_a_run_are_named(tones):
    with pytest.raises(UsageError, match="no such kind of model") as caught:
        evaluate("baseline:mfcc", tones, extra_models=["visoin:litert:x.tflite"])
    assert "'vision'" in caught.value.hint


def draw_few_beside_many(clips=160, few=4, many=400):
    """A few features that tell two classes apart, beside many that tell nothing."""
    rng = np.random.default_rng(0)
    labels = np.arange(clips) % 2
    telling = 1.2 * (2 * labels[:, None] - 1) + rng.standard_normal((clips, few))
    return np.hstack([telling, rng.standard_normal((clips, many))]), np.eye(2, dtype=bool)[labels], (few, many)


@pytest.mark.parametrize(("probe", "hyperparameter"), [("linear", 1.0), ("svm", 1.0), ("knn", 5), ("mlp", 8)])
def test_few_features_are_not_drowned_by_many(probe, hyperparameter):
    features, targets, widths = draw_few_beside_many()
    found = {}
    for parts in ((), widths):
        examples = ProbeInputs(features[:80], targets[:80], np.arange(80), False, widths=parts)
        fitted = fit_probe(probe, examples, hyperparameter)
        found[parts] = (
            np.argmax(fitted.predict_scores(features[80:]), axis=1) == np.argmax(targets[80:], axis=1)
        ).mean()
    assert found[widths] > max(0.85, found[()] + 0.05)


@pytest.mark.parametrize("probe", ["linear", "svm"])
def test_few_features_are_not_drowned_where_clips_have_several_classes(probe):
    features, targets, widths = draw_few_beside_many()
    several = np.hstack([targets, targets[:, :1]])
    found = {}
    for parts in ((), widths):
        examples = ProbeInputs(features[:80], several[:80], np.arange(80), True, widths=parts)
        scores = fit_probe(probe, examples, 1.0).predict_scores(features[80:])
        found[parts] = ((scores > 0.0) == several[80:]).mean()
    assert found[widths] > max(0.85, found[()] + 0.05)


def test_a_part_has_the_share_of_any_other_in_the_length_of_a_clip():
    varies = np.array([True, True, False, True, True, True, True, True])
    weights = weigh_parts(varies, (3, 5))
    assert np.square(weights[:3][varies[:3]]).sum() == pytest.approx(np.square(weights[3:]).sum())
    assert np.square(weights[varies]).sum() == pytest.approx(varies.sum())
    np.testing.assert_array_equal(weigh_parts(varies, (8,)), np.ones(8))
    np.testing.assert_array_equal(weigh_parts(varies, ()), np.ones(8))
    with pytest.raises(UsageError, match=r"3 \+ 4 features, wanted 8 together"):
        weigh_parts(varies, (3, 4))


@pytest.mark.parametrize("probe", [name for name in PROBES if name not in ("forest", "mlp", "jia", "softmax")])
@pytest.mark.parametrize("multi_label", [False, True])
def test_what_is_the_same_for_all_clips_changes_nothing(probe, multi_label):
    rng = np.random.default_rng(3)
    targets = np.eye(3, dtype=bool)[np.arange(60) % 3]
    features = 2.0 * targets @ rng.standard_normal((3, 5)) + rng.standard_normal((60, 5))
    beside = np.hstack([np.full((60, 7), 0.3), features])
    groups = np.arange(60) % 4
    alone = fit_probe(probe, ProbeInputs(features, targets, groups, multi_label))
    joined = fit_probe(probe, ProbeInputs(beside, targets, groups, multi_label, widths=(7, 5)))
    assert alone.hyperparameter == joined.hyperparameter
    np.testing.assert_allclose(joined.predict_scores(beside), alone.predict_scores(features), rtol=1e-6, atol=1e-6)


def test_sound_and_sight_together_are_recorded_in_the_paper_s_table(tones):
    (cell,) = check_cells(["soundnet2016-7:conv7:both"], "videos=x")
    result = evaluate("baseline:log-mel", tones, extra_models=["baseline:mfcc"], probe="svm", hyperparameter=1.0)
    one = make_measurement(result, cell, "hearsight evaluate x")
    assert one.data == "baseline:log-mel and baseline:mfcc"
    assert one.list_differences(cell) == [
        "benchmark folder (paper: flickr-44)",
        "number of classes 3 (paper: 44)",
        "network baseline:log-mel+baseline:mfcc (paper: soundnet-8 and two VGG networks)",
    ]
