"""Every link, path, name, command line and option in the documentation exists."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from hearsight.records import RejectReason
from tools import check, prose
from tools.pages import DOCS, ROOT

PAGES = sorted(str(path.relative_to(ROOT)) for path in check.list_documents())


@pytest.mark.parametrize("page", PAGES)
def test_everything_that_a_page_names_exists(page: str) -> None:
    assert check.check_document(ROOT / page, (ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("see [there](absent.md)", "no such file"),
        ("see [there](tutorial.md#absent)", "no such heading"),
        ('<img src="images/absent.svg">', "no such file"),
        ("```\nhearsight biuld videos --out dataset\n```", "Unknown command"),
        ("```\nhearsight tag a.wav --modle run\n```", "Unknown option"),
        ("```\nhearsight train d --out r --set epoch=4\n```", "epoch"),
        ("run `hearsight biuld`", "no such command"),
        ("run `hearsight tag --modle`", "no option --modle"),
        ("```python\nfrom hearsight.records import Clap\n```", "does not exist"),
        ("```python\nfrom hearsight import (\n```", "Python example"),
        ("in `training/absent.py`", "no such file"),
        ("in `training/loop.py::trian`", "no such file or name"),
        ("the module `hearsight.training.lop`", "cannot be imported"),
        ("run it with `--set epoch=4`", "no stage has this key"),
        ("set `cut.lenght` to 5", "no stage has this key"),
        ("the [extra](install.md#extras) `tensorbord`", "not in pyproject.toml"),
        ("the exit code is 42", "there is none"),
        ("set `$HEARSIGHT_CASHE`", "not read anywhere"),
        ("see `rejections.parquet`", "no file of this name"),
        ("```walk\na walk\ntraining/loop.py: trian(dataset) -> a run\n```", "no such file or name"),
        ("```walk\na walk\ntraining/loop.py: train(datasets) -> a run\n```", "no parameter datasets"),
        ("```walk\na walk\ntraining/loop.py trains\n```", "is not of the form"),
    ],
)
def test_what_does_not_exist_is_found(text: str, problem: str) -> None:
    assert any(problem in found for found in check.check_document(DOCS / "page.md", text)), text


@pytest.mark.parametrize("name", ["configuration", "commands", "exit_codes", "results", "networks", "layers"])
def test_generated_page_is_up_to_date(name: str) -> None:
    module = importlib.import_module(f"tools.{name}")
    assert module.render() == module.PAGE.read_text(encoding="utf-8"), f"run `python -m tools.{name}`"


def test_every_package_and_module_is_on_the_page_of_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    names = {path.name for path in check.PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    missing = [
        name for name in names if f"`{name}" not in text and f"{name}/`" not in text and not name.startswith("__")
    ]
    assert missing == []


def test_every_page_is_reachable_from_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "decisions" not in path.parts]
    assert [page for page in pages if page not in navigation] == []


def test_no_page_of_the_site_configuration_loads_anything_from_the_network() -> None:
    assert "font: false" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    found = [path.name for path in DOCS.rglob("*.css") if "http" in path.read_text(encoding="utf-8")]
    assert found == []


@pytest.mark.parametrize("page", ["concepts/dataset.md", "reference/dataset.md"])
def test_every_reason_of_a_rejection_is_explained(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [reason for reason in RejectReason if f"`{reason}`" not in text] == []


def test_readme_fits_on_few_screens() -> None:
    assert len(Path(ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", [page for page in PAGES if Path(page).name not in prose.RECORDS])
def test_page_has_none_of_the_phrases_that_contributing_names(page: str) -> None:
    assert list(prose.check_page((ROOT / page).read_text(encoding="utf-8"))) == []


def test_docstrings_comments_and_messages_have_none_of_them_either() -> None:
    found = {str(path): list(prose.check_module(path.read_text(encoding="utf-8"))) for path in prose.list_modules()}
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_docstring_that_opens_with_the_wrong_verb_is_found() -> None:
    assert len(list(prose.check_module('def f():\n    """Give the sound."""'))) == 1
    assert list(prose.check_module('def f():\n    """Return the sound."""')) == []


@pytest.mark.parametrize(
    "source",
    [
        '"""Figures beside theirs."""',
        'class A:\n    """Files of their\n    own."""',
        'NAME = 1\n"""What nobody needs."""',
        'raise ValueError(f"{name}: no clip of its own in {fold}")',
        "# a comment whose second line\n# is read anew\nx = 1",
        'print("a message says so")',
    ],
)
def test_phrases_are_found_in_docstrings_comments_and_messages(source: str) -> None:
    assert len(list(prose.check_module(source))) == 1


def test_names_and_keys_are_no_prose() -> None:
    assert list(prose.check_module('beside = {"beside": anew}')) == []
    assert list(prose.check_page("See [the record](0006-results-beside-papers.md) of `beside`.")) == []


def test_sentence_that_begins_with_a_block_of_code_is_found() -> None:
    found = list(prose.check_page("```\nhearsight info run\n```\n\nprints the run."))
    assert ["its subject" in problem for problem in found] == [True]
    assert list(prose.check_page("```\nhearsight info run\n```\n\nThis prints the run.")) == []
