from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearsight.learners.linear import fit_linear, fit_svm
from hearsight.learners.rows import weigh_parts

BOTH = pytest.mark.parametrize("fit", [fit_linear, fit_svm])


@st.composite
def parts_of_features(draw):
    widths = draw(st.lists(st.integers(0, 12), min_size=1, max_size=4).filter(any))
    varies = draw(st.lists(st.booleans(), min_size=sum(widths), max_size=sum(widths)))
    return np.array(varies, dtype=bool), widths


@given(parts_of_features())
def test_parts_share_the_length_of_a_clip_evenly(case):
    varies, widths = case
    squares = np.where(varies, weigh_parts(varies, widths) ** 2, 0.0)
    assert squares.sum() == pytest.approx(varies.sum())
    shares = [part.sum() for part in np.split(squares, np.cumsum(widths)[:-1]) if part.any()]
    np.testing.assert_allclose(shares, [np.mean(shares)] * len(shares) if shares else [])


def draw_clips(seed, dims):
    rng = np.random.default_rng(seed)
    labels = np.arange(24) % 3
    return [rng.standard_normal((3, dim))[labels] + rng.standard_normal((24, dim)) for dim in dims], labels


def score(fit, features, labels, widths=()):
    """Fit and score; without intercepts, of which the hinge loss may leave a whole span equally good."""
    found = fit(features, labels, widths=widths, regularization=1.0)
    return found.predict_scores(features) - found.intercepts if fit is fit_svm else found.predict_scores(features)


dims = st.integers(1, 6)
seeds = st.integers(0, 1000)


@BOTH
@settings(max_examples=15)  # a fit takes its time
@given(seed=seeds, one=dims, other=dims, factor=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_neither_the_order_of_the_parts_nor_the_scale_of_one_matters(fit, seed, one, other, factor, shift):
    (heard, seen), labels = draw_clips(seed, (one, other))
    first = score(fit, np.hstack([heard, seen]), labels, (one, other))
    second = score(fit, np.hstack([factor * seen + shift, heard]), labels, (other, one))
    np.testing.assert_allclose(second, first, atol=5e-3)


@BOTH
@settings(max_examples=15)
@given(seed=seeds, dim=dims, times=st.integers(1, 3), constant=st.integers(0, 5))
def test_a_part_beside_itself_and_beside_what_never_varies_says_what_it_says_alone(fit, seed, dim, times, constant):
    (heard,), labels = draw_clips(seed, (dim,))
    joined = np.hstack([np.full((24, constant), 7.0), *[heard] * times])
    together = score(fit, joined, labels, (constant, *[dim] * times))
    np.testing.assert_allclose(together, score(fit, heard, labels), atol=5e-3)
