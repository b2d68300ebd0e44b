"""A build computes the agreement of picture and sound where its configuration asks for it."""

from __future__ import annotations

from pathlib import Path

from hearsight.config import BuildConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from tests.support.videos import write_folder

KNOBS = ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]', "policy.audio_top=1", "images_per_second=1"]


def test_a_build_computes_the_agreement_at_its_end_and_stays_the_same_dataset(tmp_path: Path) -> None:
    videos, out = write_folder(tmp_path / "videos", 3, seconds=4.0), tmp_path / "dataset"
    plain, asked = (load_config(BuildConfig, "build", None, [*KNOBS, *more]) for more in ([], ["agreement=true"]))
    build_dataset([videos], out, plain, workers=1)
    manifest = (out / "dataset.json").read_bytes()
    assert Dataset(out).agreement is None
    build_dataset([videos], out, asked, workers=1)  # it is finished: only the agreement is added
    agreement = Dataset(out).agreement
    assert agreement is not None
    assert len(agreement) == len(Dataset(out))
    assert (out / "dataset.json").read_bytes() == manifest
    build_dataset([videos], out, plain, workers=1)
    assert Dataset(out).agreement is not None
