from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.config import BuildConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from tests.support.videos import write_folder


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("videos"), 6, seconds=8.0)


@pytest.fixture(scope="session")
def dataset(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "dataset"
    overrides = ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]', "validation_share=0.5"]
    build_dataset([videos], out, load_config(BuildConfig, "build", None, overrides), workers=1)
    return out


@pytest.fixture(scope="session")
def run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of the dataset's classes, with fresh weights."""
    folder = tmp_path_factory.mktemp("run")
    names = Dataset(dataset).names
    network = build_network("jia-mobilenet-v2", len(names), seed=5, width=0.25)
    save_checkpoint(network, folder, vocabulary=names)
    return folder
