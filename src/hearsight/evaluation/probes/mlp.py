"""Small neural networks on frozen embeddings: those of the papers, and one of our own.

Features are standardised by the clips fitted on. How many epochs a network is trained for is chosen within these clips: it is
trained without a fifth of them until their loss has not fallen for a while, then afresh with all of them for as many epochs as were
best.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int
from torch import Tensor, nn

from hearsight.evaluation.probes.inputs import check_rows, find_present, measure_spread
from hearsight.learners.rows import assign_parts, refuse_not_finite

MOST_EPOCHS = 1000
"""Epochs after which the search for the best number of them ends."""
PATIENCE = 30
"""Epochs without a loss that is lower by :data:`PROGRESS`, after which it ends."""
PROGRESS = 0.01
"""Share by which a loss has to be lower to count as progress."""


@dataclasses.dataclass(frozen=True)
class MlpSettings:
    """A network and how it is trained.

    Attributes
    ----------
    hidden
        Units of the hidden layer, which is normalised and rectified; 0 for none.
    learning_rate, batch_size
        Of Adam.
    l2_penalty
        Factor on half the sum of the squared weights, which is added to the cross-entropy.
    dropout
        Share of the inputs, and of the hidden units, that is left out in training.
    exclusive
        Whether just one class is true of a clip: softmax over the classes, else a sigmoid for each.
    """

    hidden: int
    learning_rate: float
    batch_size: int
    l2_penalty: float
    dropout: float
    exclusive: bool = True


SETTINGS = {
    "mlp": MlpSettings(hidden=1024, learning_rate=1e-3, batch_size=128, l2_penalty=1e-4, dropout=0.1),
    "jia": MlpSettings(hidden=0, learning_rate=2e-4, batch_size=128, l2_penalty=1e-6, dropout=0.5),
    "softmax": MlpSettings(hidden=0, learning_rate=1e-4, batch_size=60, l2_penalty=1.5e-3, dropout=0.5),
}
"""By the probe's name. ``jia``: Jia 2019, section 4, "Transfer Learning". ``softmax``: Wu & Lee 2018, the settings of section 4.1.3
with the softmax of section 4.4."""
ESC_DROPOUT = 0.3
"""Jia's for ESC; .5 for AudioSet and the scenes of TUT."""


def choose_settings(probe: str, benchmark: str) -> MlpSettings:
    """Return the settings of a probe on a benchmark."""
    settings = SETTINGS[probe]
    if probe == "jia" and benchmark in ("esc10", "esc50"):
        return dataclasses.replace(settings, dropout=ESC_DROPOUT)
    return settings


@dataclasses.dataclass(frozen=True)
class MlpProbe:
    """A trained network.

    Attributes
    ----------
    mean, scale
        A feature is used as ``(feature - mean) / scale``.
    network
        Standardised features to logits.
    exclusive
        Whether scores are log-probabilities over the classes, else logits.
    hyperparameter
        Epochs trained for.
    converged
        Whether the search for their number came to its end.
    absent
        Classes that no clip it was fitted on had; they are never predicted.
    """

    mean: Float64[np.ndarray, " dim"]
    scale: Float64[np.ndarray, " dim"]
    network: nn.Module = dataclasses.field(repr=False)
    exclusive: bool
    hyperparameter: float
    converged: bool
    absent: tuple[int, ...]

    def predict_scores(self, features: Float[np.ndarray, "clips dim"]) -> Float64[np.ndarray, "clips classes"]:
        """Score every class of every clip."""
        refuse_not_finite("features", features)
        rows = torch.from_numpy(((features - self.mean) / self.scale).astype(np.float32))
        with _one_thread(), torch.inference_mode():
            logits = self.network(rows).double()
            logits[:, list(self.absent)] = -math.inf
            return (logits.log_softmax(1) if self.exclusive else logits).numpy()


def fit_mlp(
    features: Float[np.ndarray, "clips dim"],
    targets: Bool[np.ndarray, "clips classes"],
    *,
    settings: MlpSettings,
    epochs: int | None = None,
    groups: Int[np.ndarray, " clips"] | None = None,
    widths: Sequence[int] = (),
    seed: int = 0,
) -> MlpProbe:
    """Train a network on frozen embeddings.

    Parameters
    ----------
    features, targets
        One row per clip.
    settings
        The network and how it is trained.
    epochs
        Passes over all clips; chosen within these clips unless given.
    groups
        Clips of one group stay together where the number of epochs is chosen.
    widths
        Features of each of several parts that stand side by side and have equal weight.
    seed
        Of the weights, the batches and the units left out: equal input and seed give equal networks.

    Raises
    ------
    UsageError
        When lengths differ, a feature is not finite, or the clips have fewer than two classes.
    """
    check_rows(features, targets)
    present = find_present(targets)
    converged = True
    with _one_thread():
        if epochs is None:
            epochs, converged = _choose_epochs(features, targets, settings, groups, widths, seed)
        mean, scale = measure_spread(features, widths)
        inputs, wanted = _to_tensors((features - mean) / scale, targets)
        *_, network = _train(inputs, wanted, settings, epochs, seed)
    absent = tuple(int(label) for label in np.flatnonzero(~present))
    return MlpProbe(mean, scale, network.eval(), settings.exclusive, float(epochs), converged, absent)


def _choose_epochs(
    features: Float[np.ndarray, "clips dim"],
    targets: Bool[np.ndarray, "clips classes"],
    settings: MlpSettings,
    groups: Int[np.ndarray, " clips"] | None,
    widths: Sequence[int],
    seed: int,
) -> tuple[int, bool]:
    parts = assign_parts(np.argmax(targets, axis=1), groups, seed)
    tried = parts == parts.max()
    if tried.all() or not tried.any():
        return PATIENCE, True
    mean, scale = measure_spread(features[~tried], widths)
    inputs, wanted = _to_tensors((features - mean) / scale, targets)
    held, kept = torch.from_numpy(tried), torch.from_numpy(~tried)
    best, chosen, goal, since = math.inf, 1, math.inf, 0
    for epoch, network in enumerate(_train(inputs[kept], wanted[kept], settings, MOST_EPOCHS, seed), start=1):
        with torch.inference_mode():
            loss = float(_measure_loss(network.eval()(inputs[held]), wanted[held], settings))
        network.train()
        if loss < best:
            best, chosen = loss, epoch
        if loss < goal:
            goal, since = (1.0 - PROGRESS) * loss, epoch
        elif epoch >= since + PATIENCE:
            return chosen, True
    return chosen, False


def _train(
    inputs: Float32[Tensor, "clips dim"],
    targets: Float32[Tensor, "clips classes"],
    settings: MlpSettings,
    epochs: int,
    seed: int,
) -> Iterator[nn.Sequential]:
    """Yield the network after each epoch; torch's global generator is left as it was between them."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _build(inputs.shape[1], targets.shape[1], settings)
        state = torch.get_rng_state()
    optimizer = torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.l2_penalty, foreach=False, fused=True
    )
    for _ in range(epochs):
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            order = rng.permutation(len(inputs))
            for rows in np.array_split(order, -(-len(order) // settings.batch_size)):
                chosen = torch.from_numpy(rows)
                loss = _measure_loss(network(inputs[chosen]), targets[chosen], settings)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            state = torch.get_rng_state()
        yield network


def _build(dim: int, num_classes: int, settings: MlpSettings) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Dropout(settings.dropout)]
    if settings.hidden:
        layers += [
            nn.Linear(dim, settings.hidden),
            nn.BatchNorm1d(settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
        ]
        dim = settings.hidden
    layers.append(nn.Linear(dim, num_classes))
    return nn.Sequential(*layers)


def _measure_loss(
    logits: Float32[Tensor, "batch classes"], targets: Float32[Tensor, "batch classes"], settings: MlpSettings
) -> Float32[Tensor, ""]:
    if settings.exclusive:
        return nn.functional.cross_entropy(logits, targets)
    return nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1).mean()


def _to_tensors(
    rows: Float[np.ndarray, "clips dim"], targets: Bool[np.ndarray, "clips classes"]
) -> tuple[Float32[Tensor, "clips dim"], Float32[Tensor, "clips classes"]]:
    return torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(targets.astype(np.float32))


@contextmanager
def _one_thread() -> Generator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
