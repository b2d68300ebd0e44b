from __future__ import annotations

import numpy as np
import torch

from hearsight.models.zoo import build_network
from hearsight.teaching.head import NO, UNKNOWN, YES, Head, Rows, fit_head


def make_rows(seed: int = 0) -> Rows:
    generator = np.random.default_rng(seed)
    labels = np.arange(60) % 3
    values = generator.standard_normal((60, 8)).astype(np.float32)
    values[:, :3] += 4.0 * np.eye(3)[labels]
    truths = np.where(np.eye(3)[labels] == 1, YES, NO).astype(np.int8)
    return Rows(values, truths, np.arange(60), np.full(60, True))


def test_a_head_tells_its_rows_apart():
    rows = make_rows()
    head = fit_head(rows, 10.0)
    assert (head.predict(rows.values).argmax(axis=1) == np.arange(60) % 3).all()


def test_unknown_rows_do_not_count():
    rows = make_rows()
    rows.truths[:30, 0] = UNKNOWN
    half = rows.select(np.arange(60) >= 30)
    np.testing.assert_array_equal(fit_head(rows, 1.0).weights[0], fit_head(half, 1.0).weights[0])


def test_a_class_without_rows_is_never_predicted():
    rows = make_rows()
    rows.truths[:, 2] = NO
    assert (fit_head(rows, 1.0).predict(rows.values)[:, 2] == 0.0).all()


def test_an_installed_head_is_what_the_network_returns():
    network = build_network("hearsight-conv-4", 3, seed=0, width=0.25).eval()
    generator = np.random.default_rng(0)
    head = Head(generator.standard_normal((3, network.embedding_dim)), generator.standard_normal(3))
    head.install(network)
    with torch.inference_mode():
        logits, embeddings = network.forward_segments(0.1 * torch.randn(2, 16_000))
    np.testing.assert_allclose(torch.sigmoid(logits).numpy(), head.predict(embeddings.numpy()), rtol=1e-4)
