from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hearsight.models.checkpoint import CARD, WEIGHTS, load_checkpoint, save_checkpoint
from hearsight.models.installed import COLUMNS, FOLDER, STARTER, list_installed, locate_model
from hearsight.models.zoo import build_network
from tools.starter import NOTES, install


def test_the_starter_comes_with_the_package_and_is_small():
    (found,) = [model for model in list_installed() if model.name == STARTER]
    assert found.size_bytes < 3e6
    assert (found.network, found.num_classes, found.embedding_dim) == ("hearsight-conv-4", 438, 192)
    assert found.row()[COLUMNS.index("scores")] == "esc10 92.0 %, esc50 75.0 %"
    network, info = load_checkpoint(found.folder)
    assert network.num_classes == len(info.vocabulary) == 438
    assert found.as_json()["scores"]["esc50/accuracy"] == pytest.approx(0.7495)


def test_its_card_names_sources_licence_scores_and_limits():
    card = (FOLDER / STARTER / CARD).read_text(encoding="utf-8")
    for key, note in NOTES.items():
        assert f"- {key}: {note}" in card
    for line in (
        "esc10/accuracy: 0.92",
        "esc10 interval low: 0.8925",
        "esc50/accuracy: 0.7495",
        "esc50 lowest fold: 0.7275",
    ):
        assert f"- {line}\n" in card


def test_a_checkpoint_hides_an_installed_model_of_its_name_and_another_folder_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / STARTER).mkdir()
    assert locate_model(STARTER) == FOLDER / STARTER
    assert locate_model(f"./{STARTER}") == Path(STARTER)
    shutil.copytree(FOLDER / STARTER, tmp_path / STARTER, dirs_exist_ok=True)
    assert locate_model(STARTER) == Path(STARTER)
    assert [locate_model(name) for name in ("run", "..", "")] == [Path("run"), Path(".."), Path()]


def test_a_run_is_installed_with_its_weights_and_notes(tmp_path):
    run = tmp_path / "run"
    scores = {"validation_loss": 0.5, "esc10/accuracy": 0.1}
    save_checkpoint(
        build_network("hearsight-conv-4", 2, seed=0, width=0.1),
        run,
        vocabulary=("a", "b"),
        training={"recipe": "mixtures"},
        scores=scores,
    )
    install(run, tmp_path / "new", {"esc10/accuracy": 0.9})
    assert (tmp_path / "new" / WEIGHTS).read_bytes() == (run / WEIGHTS).read_bytes()
    _, info = load_checkpoint(tmp_path / "new")
    assert info.scores == {"validation_loss": 0.5, "esc10/accuracy": 0.9}
    assert info.training == {"recipe": "mixtures", **NOTES}
