"""Checkpoints on the Hugging Face Hub: fetched and pushed. Only this file and ``card.py`` import huggingface_hub.

A repository holds the files of a checkpoint folder. ``hf://owner/name`` is its address, ``hf://owner/name@revision`` that of a
branch, tag or commit. What was fetched stays in the library's cache, and is found there without a network; nothing in a repository
is unpickled or executed. Whatever goes wrong on the way is a :class:`~hearsight.errors.HubError`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from huggingface_hub import CommitOperationAdd, HfApi, PyTorchModelHubMixin, constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from hearsight.console import print_message
from hearsight.documents import read_text
from hearsight.errors import CheckpointError, HubError, UsageError
from hearsight.models.checkpoint import CARD, CONFIG, WEIGHTS, load_checkpoint, read_config, save_checkpoint
from hearsight.models.network import Network, NetworkOutput

PREFIX = "hf://"
"""What the addresses of repositories begin with."""
FILES = (CONFIG, WEIGHTS, CARD)
"""What is pushed of a run: nothing else in it is for others."""

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
# The library has changed its HTTP client more than once: what any of them raises when no answer comes is a base of what the library
# raises when the answer is a bad one.
_NO_ANSWER = cast(
    "tuple[type[Exception], ...]",
    (ConnectionError, TimeoutError, *(kind for kind in HfHubHTTPError.__bases__ if kind is not OSError)),
)
_FAILURES = (OSError, ValueError, RuntimeError, EntryNotFoundError, *_NO_ANSWER)


@dataclasses.dataclass(frozen=True)
class HubAddress:
    """A repository on the Hub: ``owner/name``, and a branch, tag or commit of it, or None for its main branch."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        """Return the address as it is written."""
        return PREFIX + self.repository + (f"@{self.revision}" if self.revision else "")


def parse_address(text: str) -> HubAddress:
    """Read ``hf://owner/name[@revision]``; the prefix may be left out, or have lost a slash on its way through a path.

    Raises
    ------
    UsageError
        When it is none.
    """
    rest = text.removeprefix(PREFIX).removeprefix("hf:/").strip("/")
    repository, at, revision = rest.partition("@")
    wanted = f"{PREFIX}owner/name or {PREFIX}owner/name@revision"
    if repository.count("/") != 1 or (at and not revision):
        raise UsageError(text, f"{rest!r} as the name of a repository", wanted)
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UsageError(text, f"no name of a repository ({error})", wanted) from error
    return HubAddress(repository, revision or None)


def fetch_checkpoint(address: HubAddress | str, **settings: Any) -> Path:
    """Fetch a checkpoint from the Hub, or find it in the cache.

    Its ``config.json`` comes first, so that nothing large is fetched that is no checkpoint; its weights are of the same commit.

    Parameters
    ----------
    address
        The repository.
    settings
        Further arguments of ``hf_hub_download``: ``token``, ``cache_dir``, ``force_download``, ``local_files_only``.

    Returns
    -------
    Path
        The folder in the cache, not to be changed.

    Raises
    ------
    UsageError
        When the address is none.
    HubError
        When there is no such repository or revision, the user may not read it, or the Hub cannot be reached.
    CheckpointError
        When the repository holds no checkpoint of hearsight.
    """
    if isinstance(address, str):
        address = parse_address(address)
    with _explaining(address):
        config = hf_hub_download(address.repository, CONFIG, revision=address.revision, **settings)
    folder = Path(config).parent
    try:
        read_config(folder)
    except CheckpointError as error:
        raise CheckpointError(address, f"{CONFIG}: {error.found}", error.wanted, error.hint) from error
    with _explaining(address):
        hf_hub_download(address.repository, WEIGHTS, revision=folder.name, **settings)
    return folder


@dataclasses.dataclass(frozen=True)
class Pushed:
    """A checkpoint that was pushed.

    Attributes
    ----------
    address
        What ``--model`` and :func:`hearsight.load` take.
    page
        Where a person looks at it.
    commit
        The commit that it is.
    private
        Whether only its owner sees it.
    files
        What was pushed.
    """

    address: str
    page: str
    commit: str
    private: bool
    files: tuple[str, ...]

    def describe(self) -> list[str]:
        """Return a summary as lines of text."""
        seen = "its owner" if self.private else "everyone"
        return [f"{', '.join(self.files)} pushed to {self.page}", f"{seen} loads it as {self.address}"]


def push_checkpoint(folder: str | Path, repository: str, *, private: bool = False, token: str | None = None) -> Pushed:
    """Push the three files of a checkpoint, and nothing else of its folder, in one commit.

    The checkpoint is read first, so that only whole ones are pushed; the model card is pushed unchanged. The repository is made
    where it is absent.

    Parameters
    ----------
    folder
        A run or checkpoint folder.
    repository
        ``owner/name``.
    private
        Whether only its owner is to see it. A repository that everyone sees already is left unchanged, and nothing is pushed.
    token
        Of the user; that of ``hf auth login`` or ``HF_TOKEN`` by default.

    Raises
    ------
    UsageError
        When the name of the repository is none, or has a revision.
    CheckpointError
        When the folder is no whole checkpoint.
    HubError
        When the user may not write there, the Hub cannot be reached, or the repository is public and should not be.
    """
    address = parse_address(repository)
    if address.revision:
        raise UsageError(repository, f"a revision, {address.revision!r}", "owner/name: a push goes to the main branch")
    folder = Path(folder)
    load_checkpoint(folder)
    files = tuple(name for name in FILES if (folder / name).exists())
    api = HfApi(token=token)
    is_private = _make_repository(api, address, private=private)
    with _explaining(address, writing=True):
        commit = api.create_commit(
            address.repository,
            [CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in files],
            commit_message="Push a checkpoint of hearsight",
        )
    _advise(folder / CARD)
    return Pushed(str(address), f"{api.endpoint}/{address.repository}", commit.oid, is_private, files)


def _make_repository(api: HfApi, address: HubAddress, *, private: bool) -> bool:
    """Make a repository where it is absent, and return whether it is private; one that should be and is not is refused."""
    with _explaining(address, writing=True):
        api.create_repo(address.repository, private=private or None, exist_ok=True)
        is_private = bool(api.model_info(address.repository).private)
    if private and not is_private:
        hint = "push to another name, or make it private in its settings on the Hub"
        raise HubError(address, f"{address.repository}, which is public", "a private repository", hint)
    return is_private


def _advise(card: Path) -> None:
    """Print a message where the card names no licence."""
    head = read_text(card).split("\n---", 1)[0] if card.exists() else ""
    if "\nlicense:" not in head:
        print_message(f"{card}: no licence; a line `license: …` in its head says what others may do with the network")


class SharedNetwork(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="hearsight",
    pipeline_tag="audio-classification",
):
    """A network with all that its checkpoint states about it, under the Hub library's own verbs.

    ``save_pretrained(folder)`` writes a checkpoint folder, ``push_to_hub("owner/name")`` a repository, and
    ``SharedNetwork.from_pretrained`` reads either.

    Parameters
    ----------
    network
        Built by :func:`~hearsight.models.zoo.build_network`.
    vocabulary
        Names of the classes, one per logit.
    training, scores
        How it was trained and what it reached. Scores that are named ``BENCHMARK/METRIC``, such as ``esc10/accuracy``, become
        results that the Hub shows.
    """

    def __init__(
        self,
        network: Network,
        vocabulary: Sequence[str],
        training: Mapping[str, Any] | None = None,
        scores: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.vocabulary = tuple(vocabulary)
        self.record = dict(training or {})
        self.scores = dict(scores or {})

    def forward(
        self, waveform: Shaped[Tensor, "*shape"], lengths: Int[Tensor, " batch"] | None = None
    ) -> NetworkOutput:
        """Return the outputs for a batch of waveforms; see :meth:`Network.forward`."""
        return self.network(waveform, lengths)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **settings: Any) -> SharedNetwork:
        """Load a checkpoint folder, or a repository given as ``owner/name`` or ``hf://owner/name[@revision]``.

        Parameters
        ----------
        pretrained_model_name_or_path
            The folder, which goes before a repository of that name; or the repository.
        settings
            ``revision``, ``token``, ``cache_dir``, ``force_download``, ``local_files_only``: for repositories.

        Raises
        ------
        UsageError, HubError, CheckpointError
            As :func:`fetch_checkpoint` and :func:`~hearsight.models.checkpoint.load_checkpoint` do.
        """
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            address = parse_address(str(pretrained_model_name_or_path))
            revision = settings.pop("revision", None) or address.revision
            folder = fetch_checkpoint(HubAddress(address.repository, revision), **settings)
        read_config(folder)  # before the library does, which takes any JSON for a configuration
        return super().from_pretrained(str(folder))

    def push_to_hub(self, repo_id: str, **settings: Any) -> str:
        """Push to a repository, which is made where it is absent; ``settings`` are the library's, for example ``private=True``.

        Raises
        ------
        UsageError
            When the name of the repository is none.
        HubError
            When the user may not write there, the Hub cannot be reached, or the repository is public and should not be.
        """
        address = parse_address(repo_id)
        if settings.get("private"):  # the library pushes to what is there, whoever sees it
            _make_repository(HfApi(token=settings.get("token")), address, private=True)
        with _explaining(address, writing=True):
            return super().push_to_hub(address.repository, **settings)

    def _save_pretrained(self, save_directory: Path) -> None:
        save_checkpoint(
            self.network, save_directory, vocabulary=self.vocabulary, training=self.record, scores=self.scores
        )

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **_settings: Any) -> SharedNetwork:
        network, info = load_checkpoint(model_id)
        return cls(network, info.vocabulary, info.training, info.scores)


@contextlib.contextmanager
def _explaining(address: HubAddress, *, writing: bool = False) -> Generator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except _FAILURES as error:
        raise HubError(address, *_explain(address, error, writing=writing)) from error


def _explain(address: HubAddress, error: Exception, *, writing: bool) -> tuple[str, str, str]:
    """Return what was found, what was wanted, and a hint."""
    if constants.HF_HUB_OFFLINE and isinstance(error, (LocalEntryNotFoundError, OfflineModeIsEnabled)):
        wanted = "a connection" if writing else "a repository that was fetched before"
        return "offline mode is on", wanted, "unset HF_HUB_OFFLINE"
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, GatedRepoError):
        page = f"{constants.ENDPOINT}/{address.repository}"
        return "its owner grants access on request only", "an account with access", f"ask at {page}, then {_LOG_IN}"
    if isinstance(error, RevisionNotFoundError):
        return f"no revision {address.revision!r}", "a branch, tag or commit", ""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401 and writing:
        return "no one is logged in", "a user that is logged in", _LOG_IN
    if status in (403, 404) and writing:
        wanted = f"a user that may write to {address.repository.partition('/')[0]}"
        return "permission denied", wanted, "push under your own name, with a token that may write"
    if isinstance(error, RepositoryNotFoundError):
        return "no such repository, or a private one", "one that you may read", f"for a private one, {_LOG_IN}"
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return f"no {CONFIG} with {WEIGHTS} in it", "a checkpoint that hearsight wrote", ""
    if status is not None:
        return f"the Hub answers {status}", "the repository", "try again later" if status >= 500 else _LOG_IN
    reason = f"{' '.join(str(error).split()) or type(error).__name__:.300}"
    if isinstance(error, (*_NO_ANSWER, LocalEntryNotFoundError)):
        return f"the Hub cannot be reached ({reason})", "an answer", "check the connection, and HF_ENDPOINT"
    return f"the transfer failed ({reason})", "", ""
