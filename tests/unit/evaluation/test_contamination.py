from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from hearsight.config import BuildConfig
from hearsight.dataset.build import build_dataset
from hearsight.errors import DatasetError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.contamination import find_contamination
from hearsight.evaluation.evaluate import evaluate
from hearsight.signal.waveform import resample
from tests.support.videos import SAMPLE_RATE, make_waveform, write_folder

SEEN, SECONDS = 3, 8.0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    write_folder(folder / "videos", SEEN, SECONDS)
    build_dataset(
        [folder / "videos"], folder / "dataset", BuildConfig(vision=("clusters:k=4",), audio=("clusters:k=4",))
    )
    return folder / "dataset"


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """Two classes of ten melodies; three of the first class are in the dataset, cut and encoded otherwise."""
    folder = tmp_path_factory.mktemp("sounds")
    for number in range(20):
        path = folder / ("first" if number < 10 else "second") / f"{number:02d}.ogg"
        path.parent.mkdir(exist_ok=True)
        sound = make_waveform(SECONDS, number if number < SEEN else 100 + number)[round(1.3 * SAMPLE_RATE) :]
        louder = 0.3 * resample(sound[: 3 * SAMPLE_RATE], SAMPLE_RATE, 22_050)
        soundfile.write(path, louder, 22_050, format="OGG", subtype="VORBIS")
    return f"folder={folder}"


def test_clips_that_were_trained_on_are_found_whatever_their_cut_and_encoding(dataset, benchmark):
    found = find_contamination(dataset, load_benchmark(benchmark))
    assert [match.path for match in found.matches] == ["first/00.ogg", "first/01.ogg", "first/02.ogg"]
    for number, match in enumerate(found.matches):
        assert match.source.endswith(f"video-{number:02d}.mp4")
        assert match.start == pytest.approx(1.3, abs=0.15)
        assert match.difference < 0.2
        assert match.overlap > 1.0
    assert found.num_clips == 20
    assert "3 of 20 clips are in it" in found.describe()[0]


def test_the_score_is_given_with_and_without_them(dataset, benchmark):
    result = evaluate("baseline:log-mel", benchmark, training_dataset=dataset, hyperparameter=1.0, cache=False)
    value = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert value["num_clips"] == 20
    assert value["contamination"]["num_contaminated"] == 3
    assert [clip["path"] for clip in value["contamination"]["clips"]] == [
        "first/00.ogg",
        "first/01.ogg",
        "first/02.ogg",
    ]
    assert value["clean"]["num_clips"] == 17
    kept = np.array([not clip.path.startswith(("first/00", "first/01", "first/02")) for clip in result.clips.clips])
    folds = result.clips.folds
    expected = np.mean([result.score.hits[kept & (folds == fold)].mean() for fold in np.unique(folds[kept])])
    assert value["clean"]["measures"]["top_1"]["value"] == pytest.approx(expected)
    assert any(line.startswith("without them: top-1 accuracy") for line in result.describe())


def test_a_benchmark_that_shares_nothing_says_so(dataset, make_folder):
    result = evaluate(
        "baseline:log-mel", f"folder={make_folder({'high': 6, 'low': 6})}", training_dataset=dataset, cache=False
    )
    assert result.contamination is not None
    assert result.contamination.matches == ()
    assert result.clean is None
    assert any("0 of 12 clips are in it" in line for line in result.describe())


def test_a_folder_that_is_no_dataset_is_refused(benchmark, tmp_path):
    with pytest.raises(DatasetError):
        evaluate("baseline:log-mel", benchmark, training_dataset=tmp_path, cache=False)
