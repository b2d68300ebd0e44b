from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard

from hearsight.errors import CheckpointError, UsageError
from hearsight.models.checkpoint import load_checkpoint, save_checkpoint
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.network import Network
from hearsight.models.tensors import read_tensors, write_tensors
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


def rename(config: dict[str, Any], name: str) -> None:
    config["label2id"] = {name if key == "7" else key: index for key, index in config["label2id"].items()}
    config["id2label"]["6"] = name


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
    assert card.startswith("---\nlibrary_name: hearsight\npipeline_tag: audio-classification\n")
    assert "- mean average precision: 0.5" in card
    assert "- epochs: 3" in card


def test_the_card_names_what_is_heard(saved: Path, tmp_path: Path) -> None:
    card = (saved / "README.md").read_text()
    assert "its log-mel front end (`jia`) is inside" in card
    assert "\n- log-mel\n" in card
    network = build_network("soundnet-5", 7, width=0.1)
    save_checkpoint(network, tmp_path / "soundnet", vocabulary=NAMES)
    card = (tmp_path / "soundnet" / "README.md").read_text()
    assert "one channel at 22050 Hz; its front end (`soundnet`) is inside" in card
    assert "log-mel" not in card


def test_the_hub_reads_the_head_of_the_card(tiny: Network, tmp_path: Path) -> None:
    scores = {"esc10/accuracy": 0.84, "validation/accuracy": 0.5, "loss": 0.1}
    save_checkpoint(tiny, tmp_path / "scored", vocabulary=NAMES, scores=scores)
    (tmp_path / "scored" / "README.md").rename(tmp_path / "card.md")
    head = ModelCard.load(tmp_path / "card.md").data.to_dict()
    assert head["library_name"] == "hearsight"
    assert head["tags"] == ["audio", "audio-classification", "audio-embedding", "log-mel", tiny.name]
    (result,) = head["model-index"][0]["results"]
    assert head["model-index"][0]["name"] == tiny.name
    assert result["dataset"] == {"name": "ESC-10", "type": "esc10"}
    assert result["metrics"] == [{"type": "accuracy", "value": 0.84}]


def test_a_card_without_a_published_benchmark_has_no_results(saved: Path) -> None:
    assert "model-index" not in (saved / "README.md").read_text()


def test_a_checkpoint_goes_beside_what_is_there(tiny: Network, saved: Path) -> None:
    (saved / "notes.txt").write_text("mine")
    save_checkpoint(tiny, saved, vocabulary=[f"class {index}" for index in range(7)])
    assert (saved / "notes.txt").read_text() == "mine"
    assert load_checkpoint(saved)[1].vocabulary[6] == "class 6"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda config: config.update(format_version=2), "format_version 2.*\nhint: upgrade hearsight"),
        (lambda config: config.update(format_version=None), "format_version None"),
        (lambda config: config.update(model_type="ast"), "a checkpoint that hearsight wrote"),
        (lambda config: config.update(architectures=["jia-mobilenet-v3"]), "did you mean 'jia-mobilenet-v2'"),
        (lambda config: config.update(architectures=["jia-vggish-fcn"]), "is missing"),
        (lambda config: config.update(options={"width": 0.5}), "and not"),
        (lambda config: config.update(options={"depth": 3}), "options of jia-mobilenet-v2"),
        (lambda config: config["front_end"].update(window="hann"), "another front end"),
        (lambda config: config["front_end"].update(colour="pink"), "another front end"),
        (lambda config: config.update(front_end=7), "front_end = 7: Input should be a valid dictionary"),
        (lambda config: config["id2label"].pop("6"), "num_labels 7 and 6 names"),
        (lambda config: config["id2label"].pop("3"), "id2label has 6 names, but none for '3'"),
        (lambda config: config["label2id"].update(meow=3), "label2id has 3 for 'meow', and id2label 1"),
        (lambda config: config.pop("label2id"), "label2id: Field required"),
        (lambda config: config.pop("options"), "options: Field required"),
        (lambda config: config.update(id2label=["bark"]), "id2label: Input should be a valid dictionary"),
        (lambda config: config.update(num_labels="7"), "num_labels = '7': Input should be a valid integer"),
        (lambda config: config.update(format_version="1"), "format_version '1'"),
        (lambda config: config.update(format_version=True), "format_version True"),
        (lambda config: config.update(sampling_rate=-5), "sampling_rate = -5"),
        (lambda config: config.update(sampling_rate=10**12), "sampling_rate = 1000000000000"),
        (lambda config: config.update(sampling_rate=22_050), "sampling_rate 22050, wanted 16000"),
        (lambda config: config.update(embedding_dim=10**12), "embedding_dim = 1000000000000"),
        (lambda config: config.update(embedding_dim=64), "embedding_dim 64, wanted 128"),
        (
            lambda config: config.update(architectures=["hershey-aed-log-mel"], options={"units": 10**9}),
            "at most 100,000",
        ),
        (lambda config: config.update(options={"width": float("nan")}), "width"),
        (lambda config: rename(config, "a\ud800b"), "unicode"),
        (lambda config: rename(config, "a\x1b[2Jb"), "control character"),
        (lambda config: rename(config, "a" * 10_000), "at most 1000 characters"),
        (lambda config: config.update(classes=[]), "0 entries in classes and 7 names"),
        (lambda config: config.update(classes=[{"sense": "smelt", "teacher": "t"}] * 7), "'heard' or 'seen'"),
        (lambda config: config.update(weights_sha256="00"), "weights_sha256 = '00'"),
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
    with pytest.raises(CheckpointError, match=r"classifier.* is \(7,"):
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


def test_a_flipped_bit_in_the_weights_is_found(saved: Path) -> None:
    path = saved / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"SHA-256 .*\n.*damaged or exchanged"):
        load_checkpoint(saved)


def test_a_checkpoint_of_the_version_before_has_no_digest_and_no_senses(saved: Path) -> None:
    change(saved, lambda config: config.pop("weights_sha256"))
    assert load_checkpoint(saved)[1].classes == ()


def test_where_each_class_comes_from_is_stored(tiny: Network, tmp_path: Path) -> None:
    classes = [ClassOrigin(sense="heard" if index else "seen", teacher=f"t{index}") for index in range(7)]
    save_checkpoint(tiny, tmp_path, vocabulary=NAMES, classes=classes)
    assert load_checkpoint(tmp_path)[1].classes == tuple(classes)
    with pytest.raises(UsageError, match="6 origins"):
        save_checkpoint(tiny, tmp_path, vocabulary=NAMES, classes=classes[1:])


def test_only_regular_files_are_opened(saved: Path) -> None:
    for name in ("model.safetensors", "config.json"):
        (saved / name).unlink()
        os.mkfifo(saved / name)
        with pytest.raises(CheckpointError, match="a named pipe, not a regular file"):
            load_checkpoint(saved)


def test_a_header_that_asks_for_gigabytes_is_refused_before_anything_is_read(saved: Path) -> None:
    entry = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}
    header = json.dumps({"trunk.weight": entry}).encode()
    path = saved / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(CheckpointError, match=r"bytes, wanted a whole safetensors file, 4,398,046,511,"):
        load_checkpoint(saved)
    path.write_bytes((2**60).to_bytes(8, "little") + header)
    with pytest.raises(CheckpointError, match="a whole safetensors file"):
        load_checkpoint(saved)


def test_brackets_without_end_are_no_traceback(saved: Path) -> None:
    for text in ("[" * 100_000, '{"a":' * 100_000, "1" * 10_000, '"\\ud800"', "[]", "null"):
        (saved / "config.json").write_text(text)
        with pytest.raises(CheckpointError):
            load_checkpoint(saved)


def test_damaged_configs_are_errors_of_ours_and_never_others(saved: Path) -> None:
    """Two hundred seeded mutations of values and of bytes; each loads or raises one clear error."""
    generator = random.Random(0)
    path = saved / "config.json"
    text = path.read_text()
    odd = [None, True, -1, 0, 2**63, 1e308, float("nan"), "", "x", [], {}, [[]], {"a": []}, "\x1b", 10**30]
    refused = 0
    for number in range(200):
        if number % 2:
            config = json.loads(text)
            place, key = config, generator.choice(list(config))
            while isinstance(place[key], dict) and place[key] and generator.random() < 0.5:
                place = place[key]
                key = generator.choice(list(place))
            place[key] = generator.choice(odd)
            path.write_text(json.dumps(config))
        else:
            content = bytearray(text.encode())
            for _ in range(generator.randint(1, 4)):
                content[generator.randrange(len(content))] = generator.randrange(256)
            path.write_bytes(content)
        try:
            load_checkpoint(saved)
        except CheckpointError:
            refused += 1
    assert refused > 100


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
    with pytest.raises(
        CheckpointError, match=r"an unfinished run.*\nhint: run the same command again to continue where it stopped$"
    ):
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
