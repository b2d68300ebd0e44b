"""SoundNet from the authors' Torch7 files and from the TensorFlow port's dictionary, against its layers one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsight.errors import WeightsError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.published.convert import convert
from tests.support.published import (
    EIGHT,
    FIVE,
    Torch7Writer,
    compute_soundnet_reference,
    make_soundnet_dictionary,
    to_torch7,
)

from .conftest import Writer

WIDTH = 0.1
both = pytest.mark.parametrize(("name", "layers"), [("soundnet-8", EIGHT), ("soundnet-5", FIVE)])


def check(out: Path, name: str, saved: Any, layers: Any) -> None:
    network, info = load_checkpoint(out)
    assert (info.name, info.options["heads"], info.num_classes) == (name, [7, 4], 11)
    waveform = 0.2 * torch.randn(2, 441_000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        # the authors apply the network to the whole waveform
        logits, _ = network.forward_whole(waveform)
        objects, scenes = compute_soundnet_reference(saved, layers, waveform)
    torch.testing.assert_close(network.probabilities(logits), torch.cat([objects, scenes], 2), rtol=1e-3, atol=1e-5)
    assert float(objects.std()) > 1e-3


@both
@pytest.mark.parametrize("python", [2, 3])
def test_the_port_s_dictionary_is_read(name: str, layers: Any, python: int, writer: Writer, tmp_path: Path) -> None:
    saved = make_soundnet_dictionary(layers, (7, 4), WIDTH)
    path = writer.npy(saved) if python == 3 else writer.python_2(saved)
    done = convert("soundnet", path, tmp_path / "out", width=WIDTH)
    assert (done.network, done.num_classes, done.sample_rate, done.named) == (name, 11, 22_050, False)
    check(tmp_path / "out", name, saved, layers)
    vocabulary = load_checkpoint(tmp_path / "out")[1].vocabulary
    assert vocabulary[:2] + vocabulary[6:8] == ("object 0", "object 1", "object 6", "scene 0")


@both
@pytest.mark.parametrize("prefix", ["", "Cuda"], ids=["processor", "gpu"])
def test_the_authors_torch7_file_is_read(name: str, layers: Any, prefix: str, writer: Writer, tmp_path: Path) -> None:
    saved = make_soundnet_dictionary(layers, (7, 4), WIDTH)
    path = writer.raw(Torch7Writer(prefix).write(to_torch7(saved, layers)), "soundnet_final.t7")
    convert("soundnet", path, tmp_path / "out", width=WIDTH)
    check(tmp_path / "out", name, saved, layers)


def test_both_heads_get_their_names_in_order(writer: Writer, tmp_path: Path) -> None:
    path = writer.npy(make_soundnet_dictionary(FIVE, (7, 4), WIDTH))
    (tmp_path / "objects.txt").write_text("\n".join(f"thing {index}" for index in range(7)))
    (tmp_path / "scenes.txt").write_text("\n".join(f"place {index}" for index in range(4)))
    lists = [tmp_path / "objects.txt", tmp_path / "scenes.txt"]
    assert convert("soundnet", path, tmp_path / "out", vocabulary=lists, width=WIDTH).named
    assert load_checkpoint(tmp_path / "out")[1].vocabulary[6:8] == ("thing 6", "place 0")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda saved: saved.pop("conv5_2"),
            "the layers conv1, conv2, conv3, conv4, conv5, wanted the layers conv1 to conv7",
        ),
        (lambda saved: saved.pop("conv3"), "conv3/weights is missing"),
        (lambda saved: saved["conv2"].pop("var"), "conv2/var is missing"),
        (lambda saved: saved.update(conv9={"weights": np.zeros(3)}), "conv9/weights is unknown"),
        (lambda saved: saved["conv1"].update(mean=np.zeros(5)), r"conv1/mean is \(5,\) and not \(3,\)"),
        (lambda saved: saved["conv1"].update(var=-np.ones(3)), "conv1/var holds negative variances"),
        (lambda saved: saved["conv1"].update(beta=np.full(3, np.nan)), "conv1/beta holds NaN"),
        (lambda saved: saved.update(conv1=3.0), "conv1: no dictionary"),
        (lambda saved: saved["conv1"].update(beta=[1.0]), "conv1/beta: no array of numbers"),
        (lambda saved: saved["conv5"].update(biases=np.zeros((1, 7))), "conv5/biases"),
    ],
)
def test_another_network_is_named(change: Any, told: str, writer: Writer, tmp_path: Path) -> None:
    saved = make_soundnet_dictionary(FIVE, (7, 4), WIDTH)
    change(saved)
    with pytest.raises(WeightsError, match=told):
        convert("soundnet", writer.npy(saved), tmp_path / "out", width=WIDTH)
    assert not (tmp_path / "out").exists()


def test_another_torch7_network_is_named(writer: Writer, tmp_path: Path) -> None:
    network = ("nn.Sequential", {"modules": {1: ("nn.SpatialConvolution", {"weight": np.zeros((2, 2))})}})
    with pytest.raises(WeightsError, match="a network of 1 convolutions, wanted a SoundNet of 9 or of 6"):
        convert("soundnet", writer.raw(Torch7Writer().write(network), "a.t7"), tmp_path / "out")
    with pytest.raises(WeightsError, match="a network of 0 convolutions"):
        convert("soundnet", writer.raw(Torch7Writer().write({"a": 1}), "a.t7"), tmp_path / "out")
