"""What passes between scikit-learn and us: the base of a transformer of ours, and its word on fits that did not converge."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning


class Transformer(TransformerMixin, BaseEstimator):
    """Base of our transformer, which scikit-learn can clone, configure and put into a pipeline."""


@contextmanager
def watch_convergence() -> Generator[list[warnings.WarningMessage]]:
    """Collect the warnings that a fit did not converge, pass all others on."""
    caught: list[warnings.WarningMessage] = []
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        yield caught
    for message in log:
        if issubclass(message.category, ConvergenceWarning):
            caught.append(message)
        else:
            warnings.warn_explicit(message.message, message.category, message.filename, message.lineno)
