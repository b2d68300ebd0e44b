from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.datasets import InventedClip, InventedTeacher, write_dataset
from tests.support.processes import run_command


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    eyes = InventedTeacher("eyes", "vision", ("dog", "[bold]drum"), top=2)
    ears = InventedTeacher("ears", "audio", ("dog", "drum"), top=2)
    clips = [InventedClip(f"/videos/{n}.mp4", {"eyes": {n % 2: 0.9}, "ears": {n % 2: 0.8}}) for n in range(12)]
    rejected = [{"path": "/x.mp4", "start": 0.0, "duration": None, "reason": "silent", "detail": "-80 dB"}]
    return write_dataset(tmp_path / "dataset", [eyes, ears], clips, rejected=rejected)


def test_stats_prints_every_table_and_stores_the_agreement(dataset: Path) -> None:
    done = run_command("stats", str(dataset))
    assert done.returncode == 0, done.stderr
    for part in ("Contents", "Most frequent classes seen", "[bold]drum", "Balance of the folds", "silent", "PMI"):
        assert part in done.stdout
    assert (dataset / "agreement.parquet").exists()


def test_stats_as_json_has_numbers(dataset: Path) -> None:
    values = json.loads(run_command("stats", str(dataset), "--json").stdout)
    assert values["utilisation"][-1] == {"teacher": "all", "sense": "", "classes": 4, "used": 4, "share": 1.0}
    assert values["rejected"] == [{"reason": "silent", "count": 1}]
    best = values["predictions"][0]
    assert best["sources"] == pytest.approx(6.0)
    assert best["information"] > 0.5


def test_stats_of_something_else_says_what_is_missing(tmp_path: Path) -> None:
    done = run_command("stats", str(tmp_path))
    assert done.returncode == 3
    assert "no dataset.json" in done.stderr


def test_stats_writes_figures_and_a_page_with_the_categories_of_renamed_classes(dataset: Path, tmp_path: Path) -> None:
    # "dog" of both teachers is "dog (seen)" and "dog (heard)" in the vocabulary
    nodes = [
        {"id": "/m/animal", "name": "Animal", "child_ids": ["/m/dog"]},
        {"id": "/m/dog", "name": "dog", "child_ids": []},
    ]
    tree = tmp_path / "ontology.json"
    tree.write_text(json.dumps(nodes))
    page, figures = tmp_path / "stats.html", tmp_path / "figures"
    options = ["--hierarchy", tree, "--figures", figures, "--page", page, "--json"]
    values = json.loads(run_command("stats", dataset, *options).stdout)
    assert values["categories_seen"][0] == {
        "category": "Animal",
        "labels": 6,
        "share": 0.5,
        "parts": "dog 100 %",
    }
    names = {f"{name}.{suffix}" for name in ("labels", "categories", "groups") for suffix in ("png", "svg")}
    assert {path.name for path in figures.iterdir()} == names
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg ") == 3
    assert "default-src 'none'" in text
    assert "Balance of the folds" in text


def test_a_page_of_statistics_is_html(dataset: Path) -> None:
    done = run_command("stats", dataset, "--page", "stats.pdf")
    assert done.returncode == 2
    assert ".html" in done.stderr
