from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hearsight.errors import CheckpointError, UsageError
from hearsight.models.checkpoint import load_checkpoint, read_tensors, save_checkpoint, write_tensors
from hearsight.models.network import Network
from hearsight.models.zoo import NETWORKS, build_network

NAMES = ("bark", "meow", 'the "odd" one', "wind, outdoors", "bark", "häuser", "7")


@pytest.fixture
def saved(tiny: Network, tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    save_checkpoint(tiny, folder, vocabulary=NAMES, training={"epochs": 3}, scores={"mean_average_precision": 0.5})
    return folder


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    edit(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_loaded_is_what_was_saved(name: str, tmp_path: Path) -> None:
    network = build_network(name, len(NAMES), seed=1, width=0.1)
    waveform = 0.1 * torch.randn(2, 20_000, generator=torch.Generator().manual_seed(0))
    network(waveform)  # moves the normalisations' statistics
    save_checkpoint(network, tmp_path, vocabulary=NAMES, training={"seed": 1}, scores={"accuracy": 0.25})
    loaded, info = load_checkpoint(tmp_path)
    assert not loaded.training
    assert torch.equal(loaded(waveform).logits, network.eval()(waveform).logits)
    assert (info.name, info.vocabulary, info.options) == (name, NAMES, {"width": 0.1})
    described = (info.sample_rate, info.embedding_dim, info.num_classes)
    assert described == (network.sample_rate, network.embedding_dim, network.num_classes)
    assert (info.training, info.scores) == ({"seed": 1}, {"accuracy": 0.25})


def test_a_loaded_network_can_be_trained_on(saved: Path) -> None:
    network, _ = load_checkpoint(saved)
    network.train()(torch.zeros(2, 16_000)).logits.sum().backward()
    assert all(parameter.requires_grad and parameter.grad is not None for parameter in network.parameters())
    assert not any(value.is_meta for value in [*network.parameters(), *network.buffers()])


def test_the_folder_has_hugging_face_shape(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    config = json.loads((saved / "config.json").read_text())
    assert config["id2label"]["3"] == "wind, outdoors"
    assert config["label2id"]["bark"] == 0
    assert config["sampling_rate"] == 16_000
    card = (saved / "README.md").read_text()
    assert card.startswith('---\nlibrary_name: "hearsight"\npipeline_tag: "audio-classification"\n')
    assert "- mean average precision: 0.5" in card
    assert "- epochs: 3" in card


def test_the_card_names_what_is_heard(saved: Path, tmp_path: Path) -> None:
    card = (saved / "README.md").read_text()
    assert "its log-mel front end (`jia`) is inside" in card
    assert '"log-mel"' in card
    network = build_network("soundnet-5", 7, width=0.1)
    save_checkpoint(network, tmp_path / "soundnet", vocabulary=NAMES)
    card = (tmp_path / "soundnet" / "README.md").read_text()
    assert "one channel at 22050 Hz; its front end (`soundnet`) is inside" in card
    assert "log-mel" not in card


def test_a_checkpoint_goes_beside_what_is_there(tiny: Network, saved: Path) -> None:
    (saved / "notes.txt").write_text("mine")
    save_checkpoint(tiny, saved, vocabulary=[f"class {index}" for index in range(7)])
    assert (saved / "notes.txt").read_text() == "mine"
    assert load_checkpoint(saved)[1].vocabulary[6] == "class 6"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda config: config.update(format_version=2), "format version 2.*\nhint: upgrade hearsight"),
        (lambda config: config.update(format_version=None), "format version None"),
        (lambda config: config.update(model_type="ast"), "a checkpoint that hearsight wrote"),
        (lambda config: config.update(architectures=["jia-mobilenet-v3"]), "did you mean 'jia-mobilenet-v2'"),
        (lambda config: config.update(architectures=["jia-vggish-fcn"]), "is missing"),
        (lambda config: config.update(options={"width": 0.5}), "and not"),
        (lambda config: config.update(options={"depth": 3}), "options of jia-mobilenet-v2"),
        (lambda config: config["front_end"].update(window="hann"), "another front end"),
        (lambda config: config["front_end"].update(colour="pink"), "another front end"),
        (lambda config: config.update(front_end=7), "another front end"),
        (lambda config: config["id2label"].pop("6"), "num_labels 7 beside 6 names"),
        (lambda config: config["id2label"].pop("3"), "a key is missing"),
        (lambda config: config["label2id"].update(meow=3), "label2id contradicts id2label"),
        (lambda config: config.pop("label2id"), "a key is missing"),
        (lambda config: config.pop("options"), "a key is missing"),
        (lambda config: config.update(id2label=["bark"]), "a key is missing or of another kind"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    saved: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    change(saved, edit)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(saved)


def test_a_front_end_that_was_written_before_a_field_existed_is_read(saved: Path) -> None:
    change(saved, lambda config: config["front_end"].pop("normalize"))
    assert load_checkpoint(saved)[1].name == "jia-mobilenet-v2"


def test_fewer_classes_than_logits_are_refused(saved: Path) -> None:
    def drop_last(config: dict[str, Any]) -> None:
        config["id2label"].pop("6")
        config["label2id"].pop("7")
        config["num_labels"] = 6

    change(saved, drop_last)
    with pytest.raises(CheckpointError, match="classifier"):
        load_checkpoint(saved)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_weights_cut_short_are_refused(saved: Path, share: float) -> None:
    weights = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(weights[: int(share * len(weights))])
    with pytest.raises(CheckpointError, match="a whole safetensors file"):
        load_checkpoint(saved)


def test_the_weights_of_another_network_are_refused(saved: Path, tmp_path: Path) -> None:
    save_checkpoint(build_network("soundnet-5", 7, width=0.1), tmp_path / "other", vocabulary=NAMES)
    shutil.copy(tmp_path / "other" / "model.safetensors", saved)
    with pytest.raises(CheckpointError, match=r"is missing.*is unknown"):
        load_checkpoint(saved)


def test_a_pickle_in_place_of_the_weights_is_refused_unopened(saved: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, saved / "model.safetensors")
    with pytest.raises(CheckpointError, match="a whole safetensors file"):
        load_checkpoint(saved)


def test_absent_files_are_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        load_checkpoint(tmp_path / "nowhere")
    (saved / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(saved)
    (saved / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="JSON"):
        load_checkpoint(saved)
    (saved / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load_checkpoint(saved)


def test_an_unfinished_run_says_how_to_go_on(saved: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"an unfinished run.*\nhint: train it to the end with --resume$"):
        load_checkpoint(run)
    shutil.copytree(saved, run / "checkpoints" / "epoch-0002")
    with pytest.raises(CheckpointError, match=r"or use .*epoch-0002"):
        load_checkpoint(run)


def test_a_vocabulary_of_another_length_is_not_written(tiny: Network, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="7, one per logit"):
        save_checkpoint(tiny, tmp_path / "new", vocabulary=NAMES[:6])
    assert not (tmp_path / "new").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "tensors.safetensors"
    write_tensors(path, {"a": torch.ones(2)})
    shared = torch.ones(4)
    with pytest.raises(RuntimeError):
        write_tensors(path, {"a": shared, "b": shared})
    assert torch.equal(read_tensors(path)["a"], torch.ones(2))
    assert [file.name for file in tmp_path.iterdir()] == ["tensors.safetensors"]
