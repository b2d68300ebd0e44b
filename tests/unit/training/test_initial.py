from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from hearsight.errors import CheckpointError, RunError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training import epoch as epoch_module
from hearsight.training.loop import train
from tests.support.training import FakeDataset, make_config

SMALL = {"model": "hearsight-conv-4", "options": {"width": 0.1}, "epochs": 1}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("first") / "run"
    train(FakeDataset(), run, make_config(**SMALL))
    return run


def begin(run: Path, **values: object):
    """A configuration without a network of its own."""
    given = make_config(**values).model_dump(
        include={"epochs", "batch_size", "learning_rate", "threads", "device", *values}
    )
    return type(make_config()).parse({**given, "initial": str(run)}, "test")


def test_a_run_begins_with_the_weights_of_another_and_the_known_classes_keep_their_rows(
    first: Path, tmp_path: Path
) -> None:
    data = FakeDataset(num_tones=3)
    train(data, tmp_path / "run", begin(first, learning_rate=1e-9, epochs=1))
    before, old = load_checkpoint(first)
    after, new = load_checkpoint(tmp_path / "run")
    assert (new.name, new.options) == (old.name, {"width": 0.1})
    known = [(index, old.vocabulary.index(name)) for index, name in enumerate(new.vocabulary) if name in old.vocabulary]
    rows, sources = zip(*known, strict=True)
    torch.testing.assert_close(
        after.output_layer.weight[list(rows)], before.output_layer.weight[list(sources)], atol=1e-6, rtol=0
    )
    torch.testing.assert_close(after.trunk.layers[0].weight, before.trunk.layers[0].weight, atol=1e-6, rtol=0)
    origin = json.loads((tmp_path / "run" / "run.json").read_text())["initial"]
    assert origin["kept_classes"] == len(known) > 0
    assert new.training["begun_with"] == origin


def test_frozen_layers_end_as_they_began_also_in_parts_of_a_step(first: Path, tmp_path: Path) -> None:
    config = begin(first, freeze=("trunk",), global_batch_size=16, epochs=2)
    train(FakeDataset(num_tones=3), tmp_path / "run", config)
    before, after = (load_checkpoint(run)[0] for run in (first, tmp_path / "run"))
    for name, value in before.trunk.state_dict().items():
        assert torch.equal(after.trunk.state_dict()[name], value), name
    assert after.output_layer.weight.shape != before.output_layer.weight.shape


def test_a_run_goes_on_when_the_one_that_it_began_with_is_gone(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shutil.copytree(first, tmp_path / "source")
    config = begin(source, epochs=2, checkpoint_steps=2)
    train(FakeDataset(), tmp_path / "whole", config)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(epoch_module, "validate", stop)
        with pytest.raises(KeyboardInterrupt):
            train(FakeDataset(), tmp_path / "run", config)
    shutil.rmtree(source)
    train(FakeDataset(), tmp_path / "run", config)
    one, other = (load_checkpoint(tmp_path / name)[0].state_dict() for name in ("whole", "run"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_weights_that_changed_before_the_first_checkpoint_are_refused(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shutil.copytree(first, tmp_path / "source")
    config = begin(source, epochs=1)
    with monkeypatch.context() as patched:
        patched.setattr(epoch_module, "prefetch", lambda _: (_ for _ in ()).throw(OSError("no disk")))
        with pytest.raises(Exception, match="no disk"):
            train(FakeDataset(), tmp_path / "run", config)
    shutil.rmtree(source)
    with pytest.raises(CheckpointError, match="no such folder"):
        train(FakeDataset(), tmp_path / "run", config)
    train(FakeDataset(), source, make_config(**{**SMALL, "seed": 1}))
    with pytest.raises(RunError, match="which the run began with"):
        train(FakeDataset(), tmp_path / "run", config)


def test_another_network_than_that_of_the_run_is_refused(first: Path, tmp_path: Path) -> None:
    config = make_config(model="jia-vggish-fcn", initial=str(first))
    with pytest.raises(CheckpointError, match="the network hearsight-conv-4"):
        train(FakeDataset(), tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


def test_a_softmax_over_all_classes_learns_and_is_kept(tmp_path: Path) -> None:
    config = make_config(**{**SMALL, "loss": "softmax", "epochs": 2})
    summary = train(FakeDataset(), tmp_path / "run", config)
    assert summary.loss > 1.0  # of 14 classes, each with equal shares among five or so
    network, _ = load_checkpoint(tmp_path / "run")
    assert network.heads == (14,)
