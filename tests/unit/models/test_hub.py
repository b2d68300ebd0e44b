from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import ModelCard, constants

import hearsight
from hearsight.errors import CheckpointError, HubError, UsageError
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.hub import SharedNetwork, fetch_checkpoint, parse_address, push_checkpoint
from hearsight.models.network import Network
from tests.support.hub import OWNER, TOKEN, Hub, Repository, serve_hub

NAMES = tuple(f"class {index}" for index in range(7))
REPOSITORY = f"{OWNER}/barks"
NOISE = 0.1 * torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub of the test's own, a cache of the test's own, and a user that is logged in."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    # the library asks again for half a minute where nobody answers
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    huggingface_hub.close_session()
    with serve_hub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
        template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield hub
    huggingface_hub.close_session()


@pytest.fixture
def unreachable(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Cut the connection."""

    def cut() -> None:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        huggingface_hub.close_session()

    return cut


@pytest.fixture
def saved(tiny: Network, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    save_checkpoint(tiny, folder, vocabulary=NAMES, training={"epochs": 3}, scores={"validation_accuracy": 0.5})
    return folder


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_is_pushed_is_what_is_loaded(hub: Hub, saved: Path, tiny: Network) -> None:
    pushed = push_checkpoint(saved, REPOSITORY)
    assert hub.repositories[REPOSITORY].commits == {pushed.commit: read_files(saved)}
    assert pushed.address == f"hf://{REPOSITORY}"
    assert not pushed.private
    listener = hearsight.load(pushed.address, device="cpu")
    assert listener.vocabulary == NAMES
    assert torch.equal(listener.network(NOISE).logits, hearsight.load(saved, device="cpu").network(NOISE).logits)


def test_nothing_else_of_a_run_is_pushed(hub: Hub, saved: Path) -> None:
    (saved / "dataset").mkdir()
    (saved / "dataset" / "clips.parquet").write_text("other people's")
    (saved / "run.jsonl").write_text("mine")
    push_checkpoint(saved, REPOSITORY)
    (files,) = hub.repositories[REPOSITORY].commits.values()
    assert sorted(files) == ["README.md", "config.json", "model.safetensors"]


def test_a_model_card_goes_as_it_stands_and_a_missing_licence_is_said(
    hub: Hub, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push_checkpoint(saved, REPOSITORY)
    assert "no licence" in capsys.readouterr().err
    card = saved / "README.md"
    card.write_text(card.read_text().replace("---\n", "---\nlicense: cc-by-4.0\n", 1) + "\nMy own words.\n")
    push_checkpoint(saved, REPOSITORY)
    assert "no licence" not in capsys.readouterr().err
    repository = hub.repositories[REPOSITORY]
    assert repository.commits[repository.head]["README.md"] == card.read_bytes()


def test_a_revision_is_loaded_as_it_was(hub: Hub, saved: Path, tiny: Network) -> None:
    first = push_checkpoint(saved, REPOSITORY).commit
    save_checkpoint(tiny, saved, vocabulary=[name.upper() for name in NAMES])
    push_checkpoint(saved, REPOSITORY)
    assert hearsight.load(f"hf://{REPOSITORY}", device="cpu").vocabulary[0] == "CLASS 0"
    assert hearsight.load(f"hf://{REPOSITORY}@{first}", device="cpu").vocabulary[0] == "class 0"
    assert SharedNetwork.from_pretrained(REPOSITORY, revision=first).vocabulary[0] == "class 0"


def test_a_path_that_lost_a_slash_is_understood(hub: Hub, saved: Path) -> None:
    push_checkpoint(saved, REPOSITORY)
    assert hearsight.load(Path(f"hf://{REPOSITORY}"), device="cpu").vocabulary == NAMES


def test_what_was_fetched_is_found_without_a_network(
    hub: Hub, saved: Path, unreachable: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    push_checkpoint(saved, REPOSITORY)
    folder = fetch_checkpoint(f"hf://{REPOSITORY}")
    unreachable()
    assert fetch_checkpoint(f"hf://{REPOSITORY}") == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch_checkpoint(f"hf://{REPOSITORY}") == folder
    with pytest.raises(HubError, match=r"(?s)offline mode is on.*fetched before.*HF_HUB_OFFLINE"):
        fetch_checkpoint(f"hf://{OWNER}/other")
    with pytest.raises(HubError, match="offline mode is on, wanted a connection"):
        push_checkpoint(saved, REPOSITORY)


def test_a_hub_out_of_reach_is_said_to_be(hub: Hub, saved: Path, unreachable: Callable[[], None]) -> None:
    unreachable()
    with pytest.raises(HubError, match=r"(?s)hf://tester/barks: the Hub cannot be reached.*HF_ENDPOINT"):
        fetch_checkpoint(f"hf://{REPOSITORY}")
    with pytest.raises(HubError, match=r"(?s)hf://tester/barks: the Hub cannot be reached.*HF_ENDPOINT"):
        push_checkpoint(saved, REPOSITORY)


def test_a_repository_that_cannot_be_read_says_why(hub: Hub, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("other/private", read_files(saved), private=True)
    hub.add("other/gated", read_files(saved), gated=True)
    hub.add("other/open", read_files(saved))
    with pytest.raises(HubError, match=r"(?s)hf://other/absent: no such repository.*hf auth login"):
        hearsight.load("hf://other/absent")
    with pytest.raises(HubError, match="grants access on request only"):
        hearsight.load("hf://other/gated")
    with pytest.raises(HubError, match="no revision 'v9'"):
        hearsight.load("hf://other/open@v9")
    assert fetch_checkpoint("hf://other/private").is_dir()
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="or a private one"):
        fetch_checkpoint("hf://other/private", force_download=False, cache_dir=saved.parent / "empty", token=False)
    hub.broken = 503
    with pytest.raises(HubError, match="the Hub answers 503"):
        fetch_checkpoint("hf://other/open")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README.md": b"hello"}, "no config.json with model.safetensors in it"),
        ({"config.json": b'{"model_type": "ast"}'}, "model_type 'ast'"),
        ({"config.json": b"{"}, "JSON"),
        ({"config.json": b"[1]"}, "an object"),
    ],
    ids=["no config", "another library's", "cut short", "no object"],
)
def test_a_repository_that_is_no_checkpoint_is_refused_before_its_weights_are_fetched(
    hub: Hub, files: dict[str, bytes], message: str
) -> None:
    hub.add("other/foreign", {"model.safetensors": b"large", **files})
    with pytest.raises((HubError, CheckpointError), match=message) as caught:
        hearsight.load("hf://other/foreign")
    assert caught.value.where == "hf://other/foreign"
    with pytest.raises((HubError, CheckpointError), match=message):
        SharedNetwork.from_pretrained("other/foreign")
    assert not any("safetensors" in request for request in hub.requests)


def test_a_repository_without_weights_or_with_broken_ones_is_refused(hub: Hub, saved: Path) -> None:
    files = read_files(saved)
    hub.add("other/weightless", {"config.json": files["config.json"]})
    with pytest.raises(HubError, match=r"no config\.json with model\.safetensors"):
        hearsight.load("hf://other/weightless")
    hub.add("other/short", {**files, "model.safetensors": files["model.safetensors"][:-100]})
    with pytest.raises(CheckpointError, match="a whole safetensors file"):
        hearsight.load("hf://other/short")


@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://owner",
        "hf://owner/name/more",
        "hf://owner/name@",
        "hf://ow ner/name",
        "hf://a--b/c",
        "hf:///name",
    ],
)
def test_a_bad_name_is_a_usage_error_that_shows_a_good_one(text: str, saved: Path) -> None:
    with pytest.raises(UsageError, match="hf://owner/name"):
        hearsight.load(text)
    with pytest.raises(UsageError, match="hf://owner/name"):
        push_checkpoint(saved, text.removeprefix("hf://"))


def test_an_address_is_read_and_written() -> None:
    for text in ("hf://owner/name", "hf://owner/na.me@v1.0", "hf://owner/name@refs/pr/1"):
        assert str(parse_address(text)) == text
    assert parse_address("owner/name") == parse_address("hf:/owner/name") == parse_address("hf://owner/name/")


def test_a_push_that_is_not_allowed_says_why(
    hub: Hub, saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(HubError, match=r"(?s)permission denied, wanted a user that may write to other"):
        push_checkpoint(saved, "other/barks")
    hub.add("other/open", {"config.json": b"{}"})
    with pytest.raises(HubError, match="permission denied"):
        push_checkpoint(saved, "other/open")
    with pytest.raises(UsageError, match="a push goes to the main branch"):
        push_checkpoint(saved, f"{REPOSITORY}@v1")
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(HubError, match=r"(?s)no one is logged in.*hf auth login"):
        push_checkpoint(saved, REPOSITORY)
    assert REPOSITORY not in hub.repositories


def test_a_broken_checkpoint_is_not_pushed(hub: Hub, saved: Path, tmp_path: Path) -> None:
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="a whole safetensors file"):
        push_checkpoint(saved, REPOSITORY)
    with pytest.raises(CheckpointError, match="no such folder"):
        push_checkpoint(tmp_path / "absent", REPOSITORY)
    assert not hub.requests


def test_what_should_be_private_does_not_go_where_everyone_sees_it(hub: Hub, saved: Path) -> None:
    assert push_checkpoint(saved, f"{OWNER}/secret", private=True).private
    assert hub.repositories[f"{OWNER}/secret"].private
    push_checkpoint(saved, REPOSITORY)
    with pytest.raises(HubError, match=r"(?s)which is public, wanted a private repository.*push to another name"):
        push_checkpoint(saved, REPOSITORY, private=True)
    with pytest.raises(HubError, match="which is public"):
        SharedNetwork.from_pretrained(saved).push_to_hub(REPOSITORY, private=True)
    assert len(hub.repositories[REPOSITORY].commits) == 1


def test_a_model_card_that_the_hub_refuses_is_named(hub: Hub, saved: Path) -> None:
    hub.complaint = '"license" must be one of [...]'
    with pytest.raises(HubError, match=r'the transfer failed \(Invalid metadata in README.md\. - "license" must be'):
        push_checkpoint(saved, REPOSITORY)
    assert not hub.repositories[REPOSITORY].commits


def test_saved_and_loaded_under_the_librarys_verbs_nothing_changes(tiny: Network, saved: Path, tmp_path: Path) -> None:
    shared = SharedNetwork.from_pretrained(saved)
    assert isinstance(shared, SharedNetwork)
    assert (shared.vocabulary, shared.record) == (NAMES, {"epochs": 3})
    assert torch.equal(shared(NOISE).logits, tiny(NOISE).logits)
    shared.save_pretrained(tmp_path / "again")
    assert read_files(tmp_path / "again") == read_files(saved)


def test_a_shared_network_is_pushed_whole(hub: Hub, saved: Path) -> None:
    SharedNetwork.from_pretrained(saved).push_to_hub(REPOSITORY, private=True)
    repository: Repository = hub.repositories[REPOSITORY]
    assert repository.commits[repository.head] == read_files(saved)
    assert repository.private
    assert SharedNetwork.from_pretrained(REPOSITORY).scores == {"validation_accuracy": 0.5}
    with pytest.raises(HubError, match="permission denied"):
        SharedNetwork.from_pretrained(saved).push_to_hub("other/barks")


def test_a_folder_that_is_none_is_refused_under_the_librarys_verbs(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="as the name of a repository"):
        SharedNetwork.from_pretrained(tmp_path / "absent" / "run")
    shutil.rmtree(saved)
    saved.mkdir()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        SharedNetwork.from_pretrained(saved)
    (saved / "config.json").write_text("[1]")
    with pytest.raises(CheckpointError, match="an object"):
        SharedNetwork.from_pretrained(saved)


def test_the_head_of_the_card_is_what_the_hub_reads(saved: Path) -> None:
    data = ModelCard((saved / "README.md").read_text()).data
    assert (data.library_name, data.pipeline_tag) == ("hearsight", "audio-classification")
    assert "jia-mobilenet-v2" in data.tags
    assert data.license is None
    assert data.eval_results is None


def test_scores_on_published_benchmarks_become_results_that_the_hub_shows(tiny: Network, tmp_path: Path) -> None:
    scores = {"validation_accuracy": 0.9, "folder/accuracy": 0.8, "esc10/accuracy": 0.748}
    save_checkpoint(tiny, tmp_path, vocabulary=NAMES, scores=scores)
    (result,) = ModelCard((tmp_path / "README.md").read_text()).data.eval_results
    shown = (result.task_type, result.dataset_name, result.dataset_type, result.metric_type, result.metric_value)
    assert shown == ("audio-classification", "ESC-10", "esc10", "accuracy", 0.748)
    assert json.loads((tmp_path / "config.json").read_text())["scores"] == scores
