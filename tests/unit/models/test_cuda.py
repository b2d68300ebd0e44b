"""What the processor hears, a GPU hears too; skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hearsight.models.front_end import LogMel, make_front_end
from hearsight.models.zoo import NETWORKS, build_network
from hearsight.signal.front_ends import FRONT_ENDS, FrontEnd
from hearsight.signal.log_mel import compute_log_mel

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(autouse=True)
def exact_products():
    """Full single precision: TF32 has ten bits."""
    allowed = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = allowed


def make_noise(rows: int, num_samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(rows, num_samples, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("definition", FRONT_ENDS.values(), ids=lambda definition: definition.name)
def test_a_gpu_hears_what_numpy_hears(definition: FrontEnd) -> None:
    waveform = make_noise(2, 24_000)
    heard = LogMel(definition).cuda()(waveform.cuda()).cpu().numpy()
    for row, sound in zip(heard, waveform.numpy(), strict=True):
        np.testing.assert_allclose(row, compute_log_mel(sound, definition), rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_a_gpu_only_rounds_the_result(dtype: torch.dtype) -> None:
    waveform = make_noise(2, 16_000).to(dtype).cuda()
    for definition in FRONT_ENDS.values():
        front_end = make_front_end(definition).cuda().eval()
        exact = front_end(waveform.float())
        # dB are larger numbers, and rounded to as many digits
        assert (front_end.to(dtype)(waveform).float() - exact).abs().max() < (0.5 if definition.decibels else 0.05)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_says_on_a_gpu_what_it_says_on_a_processor(name: str) -> None:
    network = build_network(name, 5, seed=0, width=0.25).eval()
    waveform, lengths = make_noise(3, 40_000), torch.tensor([40_000, 16_000, 23_000])
    with torch.no_grad():
        wanted = network(waveform, lengths)
        found = network.cuda()(waveform.cuda(), lengths.cuda())
    assert torch.equal(found.mask.cpu(), wanted.mask)
    torch.testing.assert_close(found.logits.cpu(), wanted.logits, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.embeddings.cpu(), wanted.embeddings, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_on_a_gpu_is_reproducible(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    try:
        gradients = []
        for _ in range(2):
            network = build_network(name, 5, seed=0, width=0.25).cuda().train()
            torch.manual_seed(0)
            with torch.autocast("cuda", torch.bfloat16):
                logits = network(make_noise(4, network.example_samples).cuda()).logits
            logits.float().square().mean().backward()
            gradients.append([each.grad.clone() for each in network.parameters() if each.grad is not None])
        assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
        assert all(torch.isfinite(one).all() for one in gradients[0])
    finally:
        torch.use_deterministic_algorithms(False)
