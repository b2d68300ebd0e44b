from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hearsight.config import FinetuneConfig
from hearsight.errors import BenchmarkError, CheckpointError, ConfigError, TrainingError, UsageError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.probes import finetune, tuning
from hearsight.evaluation.probes.finetune import decode_clips, finetune_splits, replace_output
from hearsight.listening.listener import Listener, SegmentOutputs
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.tensors import write_tensors
from hearsight.models.zoo import build_network
from hearsight.training.step.device import Device
from tests.support.layouts import write_audioset, write_sound

QUICK = {"epochs": 6, "batch_size": 4, "learning_rate": 2e-3}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("HEARSIGHT_CACHE", str(folder))
    return folder


@pytest.fixture
def network():
    return build_network("jia-mobilenet-v2", 2, seed=5, width=0.25)


@pytest.fixture
def tones(make_folder):
    folder = make_folder({"high": 6, "low": 6})
    lines = [f"{label}/{number}.wav,{label},{number % 2}" for label in ("high", "low") for number in range(6)]
    (folder / "folds.csv").write_text("\n".join(["path,label,fold", *lines]) + "\n")
    return load_benchmark(f"folder={folder}")


def tune(network, benchmark, seed=0, **options):
    with decode_clips(benchmark, network.sample_rate) as sounds:
        return finetune_splits(network, benchmark, sounds, FinetuneConfig(**{**QUICK, **options}), seed=seed)


def test_a_network_learns_a_benchmark_and_stays_as_it_was(network, tones):
    before = {key: value.clone() for key, value in network.state_dict().items()}
    score = tune(network, tones, epochs=12)
    assert np.mean([fold.mean_average_precision for fold in score.folds]) > 0.9
    assert [fold.hyperparameter for fold in score.folds] == [12.0, 12.0]
    np.testing.assert_allclose(np.exp(score.scores).sum(axis=1), 1.0, rtol=1e-5)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_a_clip_is_scored_by_the_weighted_mean_of_its_segments(network, tones, monkeypatch):
    def forward(self, waveform, sample_rate):
        for weights, rows in (([1.0, 1.0], [[0.9, 0.1], [0.6, 0.4]]), ([0.5], [[0.2, 0.8]])):
            seconds, probabilities = np.ones(len(rows)), np.array(rows, np.float32)
            yield SegmentOutputs(
                seconds, seconds, np.array(weights), probabilities, np.zeros((len(rows), 3), np.float32), 1.0
            )

    monkeypatch.setattr(Listener, "forward_waveform", forward)
    expected = np.log([(0.9 + 0.6 + 0.5 * 0.2) / 2.5, (0.1 + 0.4 + 0.5 * 0.8) / 2.5])
    np.testing.assert_allclose(tune(network, tones, epochs=1).scores, np.tile(expected, (12, 1)), rtol=1e-5)


def test_equal_seeds_give_equal_scores_whatever_else_draws(network, tones):
    torch.manual_seed(1)
    one = tune(network, tones, seed=3, epochs=2).scores
    torch.manual_seed(2)
    np.testing.assert_array_equal(one, tune(network, tones, seed=3, epochs=2).scores)
    assert not np.array_equal(one, tune(network, tones, seed=4, epochs=2).scores)


def test_a_network_with_dropout_is_fine_tuned_to_the_same_scores_from_any_state_of_the_generators(tones):
    network = build_network("wu-mlp", 2, seed=5, width=0.25)
    torch.manual_seed(1)
    one = tune(network, tones, epochs=2).scores
    state = torch.get_rng_state()
    torch.rand(100)
    np.testing.assert_array_equal(one, tune(network, tones, epochs=2).scores)
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())


def test_the_masks_of_fine_tuning_follow_from_seed_epoch_and_step(tones, monkeypatch):
    seen = []
    real = Device.seed
    monkeypatch.setattr(Device, "seed", lambda self, *key: (seen.append(key), real(self, *key)))
    tune(build_network("wu-mlp", 2, seed=5, width=0.25), tones, seed=3, epochs=2)
    assert seen == 2 * [(3, 0, 0), (3, 0, 1), (3, 1, 0), (3, 1, 1)]


def test_a_fold_that_was_done_is_not_trained_again(network, tones, cache, tmp_path, monkeypatch):
    save_checkpoint(network, tmp_path / "run", vocabulary=("a", "b"))
    where = f"folder={tones.folder}"
    train = finetune.tune
    trained: list[int] = []

    def train_until_killed(*given):
        trained.append(len(trained))
        if len(trained) == 2:
            raise KeyboardInterrupt
        yield from train(*given)

    monkeypatch.setattr(finetune, "tune", train_until_killed)
    options = {"probe": "finetune", "finetune": {**QUICK, "epochs": 1}}
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path / "run", where, **options)
    assert [path.name for path in cache.rglob("*.npz")] == ["0.npz"]
    resumed = evaluate(tmp_path / "run", where, **options)
    assert len(trained) == 3  # the fold that was killed, and no other
    whole = evaluate(tmp_path / "run", where, **options, cache=False)
    assert len(trained) == 5
    np.testing.assert_array_equal(resumed.score.scores, whole.score.scores)
    evaluate(tmp_path / "run", where, **options, seed=1)
    assert len(trained) == 7
    (broken, *_) = cache.rglob("0.npz")
    broken.write_bytes(b"no array")
    evaluate(tmp_path / "run", where, **options)
    evaluate(tmp_path / "run", where, **options, seed=1)
    assert len(trained) == 8


def test_nothing_of_a_fold_reaches_what_is_trained_for_it(network, tones):
    first = tune(network, tones, epochs=1).scores[tones.folds == 0]
    for clip in tones.clips:
        if clip.fold == 0 and clip.path != "high/0.wav":
            write_sound(tones.locate(clip), 9, 99)
    again = tune(network, tones, epochs=1).scores[tones.folds == 0]
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[1], again[1])


def test_only_the_last_layer_is_fresh(network):
    fresh = replace_output(network, 7, exclusive=True, seed=0)
    changed = {
        key
        for key, value in fresh.state_dict().items()
        if value.shape != network.state_dict()[key].shape or not torch.equal(value, network.state_dict()[key])
    }
    assert changed == {key for key in fresh.state_dict() if key.endswith(("classifier.1.weight", "classifier.1.bias"))}
    assert (fresh.heads, fresh.num_classes) == ((7,), 7)


def test_a_soundnet_of_two_heads_is_given_the_benchmarks_classes(tones):
    network = build_network("soundnet-5", 5, seed=0, width=0.1, heads=(2, 3))
    assert np.isfinite(tune(network, tones, epochs=1).scores).all()


def test_clips_of_several_classes_are_learned_by_a_sigmoid_each(network, tmp_path):
    benchmark = load_benchmark(f"audioset={write_audioset(tmp_path, write=write_sound)}")
    score = tune(network, benchmark, epochs=1)
    assert (np.exp(score.scores) <= 1.0).all()
    assert not np.allclose(np.exp(score.scores).sum(axis=1), 1.0)


def test_the_command_says_what_was_done(network, tones, tmp_path):
    save_checkpoint(network, tmp_path / "run", vocabulary=("a", "b"))
    result = evaluate(tmp_path / "run", f"folder={tones.folder}", probe="finetune", finetune=QUICK)
    assert (result.probe, result.pool, result.dim) == ("finetune", "trained", 128)
    assert "finetune on 128 numbers (trained)" in result.describe()[0]


def test_clips_that_cannot_be_read_are_listed_or_left_out(network, tones, tmp_path):
    tones.locate(tones.clips[3]).write_bytes(b"no sound")
    save_checkpoint(network, tmp_path / "run", vocabulary=("a", "b"))
    with pytest.raises(BenchmarkError, match="1 of 12 clips cannot be read"):
        evaluate(tmp_path / "run", f"folder={tones.folder}", probe="finetune", finetune=QUICK)
    options = {"unreadable": "exclude", "finetune": {**QUICK, "epochs": 1}}
    assert evaluate(tmp_path / "run", f"folder={tones.folder}", probe="finetune", **options).num_clips == 11


def test_what_cannot_be_trained_is_refused(network, tones):
    with pytest.raises(UsageError, match="baseline:mfcc, which cannot be trained"):
        evaluate("baseline:mfcc", f"folder={tones.folder}", probe="finetune")
    with pytest.raises(ConfigError, match=r"no hyperparameter; its budget is finetune\.epochs"):
        evaluate("untrained:jia-mobilenet-v2", f"folder={tones.folder}", probe="finetune", hyperparameter=3.0)
    with torch.no_grad():
        next(network.trunk.parameters()).fill_(torch.nan)
    with pytest.raises(TrainingError, match="a loss of nan in epoch 1"):
        tune(network, tones)


class Killed(BaseException):
    """Raised where a real kill would strike."""


@pytest.mark.parametrize("steps", [2, 5])
def test_a_killed_fold_goes_on_within_its_epoch_to_the_same_scores(tones, cache, tmp_path, monkeypatch, steps):
    """With dropout, whose masks must go on too; a fold has two steps an epoch."""
    save_checkpoint(build_network("wu-mlp", 2, seed=5, width=0.25), tmp_path / "run", vocabulary=("a", "b"))
    arguments = (tmp_path / "run", f"folder={tones.folder}")
    options = {"probe": "finetune", "finetune": {**QUICK, "epochs": 4}}
    whole = evaluate(*arguments, **options, cache=False).score.scores
    monkeypatch.setattr(tuning, "SAVE_SECONDS", -1.0)
    taken, real = [], tuning._take_step

    def take_step(*given):
        if len(taken) == steps:
            raise Killed
        taken.append(given)
        real(*given)

    with monkeypatch.context() as context:
        context.setattr(tuning, "_take_step", take_step)
        with pytest.raises(Killed):
            evaluate(*arguments, **options)
    (state,) = cache.rglob("0.safetensors")
    del taken[:]
    monkeypatch.setattr(tuning, "_take_step", lambda *given: (taken.append(given), real(*given)))
    np.testing.assert_array_equal(evaluate(*arguments, **options).score.scores, whole)
    assert len(taken) == 2 * 8 - steps
    assert not state.exists()


def test_a_damaged_state_of_fine_tuning_is_named(network, tones, tmp_path):
    state = tmp_path / "0.safetensors"
    examples = tuning.TuningExamples(SimpleNamespace(lengths=np.ones(12), read=np.zeros), tones.targets, np.arange(12))
    state.write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match=r"0\.safetensors"):
        list(tuning.tune(network, examples, FinetuneConfig(), 0, state))
    write_tensors(state, {"step": torch.tensor(1), "network/other": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="the state of this fine-tuning"):
        list(tuning.tune(network, examples, FinetuneConfig(), 0, state))
