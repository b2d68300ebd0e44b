"""VGGish from every file that it is published in, against the release's layers in NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hearsight.errors import WeightsError
from hearsight.models.architectures.vggish import Vggish
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.published.convert import convert
from tests.support.published import embed_like_vggish, make_vggish_variables, to_torchvggish

from .conftest import Writer

WIDTH = 0.05


@pytest.fixture(scope="module")
def variables() -> dict[str, np.ndarray]:
    return make_vggish_variables(WIDTH)


def check(out: Path, variables: dict[str, np.ndarray]) -> None:
    """The network says of a sound what the release's layers say."""
    network, info = load_checkpoint(out)
    assert (info.name, info.vocabulary, info.num_classes) == ("vggish", (), 0)
    waveform = 0.3 * np.random.default_rng(1).standard_normal(15_600)
    with torch.no_grad():
        output = network(torch.from_numpy(waveform).float()[None])
    assert output.logits.shape == (1, 1, 0)
    assert network.segmentation.tail == "drop"
    wanted = embed_like_vggish(variables, waveform)
    assert wanted.min() < 0  # before any activation
    np.testing.assert_allclose(output.embeddings[0, 0].numpy(), wanted, rtol=1e-3, atol=1e-4)


def test_the_checkpoint_s_variables_are_read(variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path) -> None:
    done = convert("vggish", writer.npz(variables), tmp_path / "out", width=WIDTH)
    assert (done.network, done.num_classes, done.embedding_dim, done.sample_rate) == ("vggish", 0, 128, 16_000)
    assert "published without classes" in done.describe()[-1]
    check(tmp_path / "out", variables)


def test_tensorflow_s_own_suffix_is_no_matter(variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path) -> None:
    convert("vggish", writer.npz({f"{n}:0": v for n, v in variables.items()}), tmp_path / "out", width=WIDTH)
    check(tmp_path / "out", variables)


@pytest.mark.parametrize("keras", [False, True], ids=["tensorflow", "keras"])
def test_hdf5_files_are_read(keras: bool, variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = writer.folder / "vggish.h5"
    with h5py.File(path, "w") as file:
        for name, value in variables.items():
            _, *layer, array = name.split("/")
            scope = "/".join(layer).replace("fc", "vggish_fc", 1) if keras else "/".join(layer)
            array = {"weights": "kernel:0", "biases": "bias:0"}[array] if keras else array
            file[f"{scope}/{scope}/{array}" if keras else name] = value
        file.attrs["backend"] = "tensorflow"
        file["names"] = "text"
    convert("vggish", path, tmp_path / "out", width=WIDTH)
    check(tmp_path / "out", variables)


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_the_torch_port_gives_the_release_s_embedding_and_not_its_own(
    old: bool, variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path
) -> None:
    convert("vggish", writer.pth(to_torchvggish(variables), old=old), tmp_path / "out", width=WIDTH)
    check(tmp_path / "out", variables)


def test_the_pca_comes_along(variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    vectors, means = generator.standard_normal((128, 128)), generator.standard_normal(128)
    pca = writer.npz({"pca_eigen_vectors": vectors, "pca_means": means[:, None]}, "vggish_pca_params.npz")
    convert("vggish", writer.npz(variables), tmp_path / "out", pca=pca, width=WIDTH)
    network, info = load_checkpoint(tmp_path / "out")
    assert isinstance(network, Vggish)
    assert info.converted_from["pca_file"] == "vggish_pca_params.npz"
    embedding = generator.standard_normal(128).astype(np.float32)
    rotated = np.clip(vectors @ (embedding - means), -2, 2)
    found = network.postprocess(torch.from_numpy(embedding)).numpy()
    assert np.abs(found - ((rotated + 2) * 255 / 4).astype(np.uint8).astype(int)).max() <= 1
    check(tmp_path / "out", variables)


def test_a_variable_of_another_network_is_named(
    variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path
) -> None:
    variables = {**variables, "mynet/logits/weights": np.zeros((3, 3), np.float32)}
    del variables["vggish/fc2/biases"]
    variables["vggish/conv1/weights"] = variables["vggish/conv1/weights"].transpose(3, 2, 0, 1)
    with pytest.raises(
        WeightsError, match=r"fc2/biases is missing; mynet/logits/weights is unknown; conv1/weights is \(3, 1"
    ):
        convert("vggish", writer.npz(variables), tmp_path / "out", width=WIDTH)
    assert not (tmp_path / "out").exists()


def test_a_variable_that_is_there_twice_is_refused(
    variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path
) -> None:
    twice = {**variables, "copy/conv1/weights": variables["vggish/conv1/weights"]}
    with pytest.raises(WeightsError, match="conv1/weights is there twice"):
        convert("vggish", writer.npz(twice), tmp_path / "out", width=WIDTH)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_numbers_that_are_none_are_refused(
    value: float, variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path
) -> None:
    broken = {name: array.astype(np.float64) for name, array in variables.items()}
    broken["vggish/fc2/biases"][3] = value
    with pytest.raises(WeightsError, match="fc2/biases holds NaN or infinities"):
        convert("vggish", writer.npz(broken), tmp_path / "out", width=WIDTH)


def test_whole_numbers_are_no_weights(variables: dict[str, np.ndarray], writer: Writer, tmp_path: Path) -> None:
    broken = {**variables, "vggish/conv2/biases": np.zeros(variables["vggish/conv2/biases"].shape, np.int32)}
    with pytest.raises(WeightsError, match="conv2/biases holds int32 and not float32"):
        convert("vggish", writer.npz(broken), tmp_path / "out", width=WIDTH)
