from __future__ import annotations

import numpy as np
import pytest
import torch

from hearsight.models.front_end import LogMel
from hearsight.signal.log_mel import JIA, VGGISH, FrontEnd, compute_log_mel

both = pytest.mark.parametrize("definition", [VGGISH, JIA], ids=lambda definition: definition.name)


def make_waveforms(num_samples: int = 24_000) -> np.ndarray:
    time = np.arange(num_samples) / 16_000
    noise = 0.1 * np.random.default_rng(3).standard_normal(num_samples)
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    return np.stack([noise, tone + 0.01 * noise, np.zeros(num_samples)]).astype(np.float32)


@both
@pytest.mark.parametrize("num_samples", [400, 401, 16_000, 24_000])
def test_torch_hears_what_numpy_hears(definition: FrontEnd, num_samples: int) -> None:
    waveforms = make_waveforms(num_samples)
    heard = LogMel(definition)(torch.from_numpy(waveforms)).numpy()
    for row, waveform in zip(heard, waveforms, strict=True):
        np.testing.assert_allclose(row, compute_log_mel(waveform, definition), rtol=0, atol=1e-4)


@both
def test_double_precision_hears_the_same(definition: FrontEnd) -> None:
    waveforms = make_waveforms()
    heard = LogMel(definition).double()(torch.from_numpy(waveforms).double())
    assert heard.dtype == torch.float64
    np.testing.assert_allclose(heard[0].numpy(), compute_log_mel(waveforms[0], definition), rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_only_rounds_the_result(dtype: torch.dtype) -> None:
    waveforms = torch.from_numpy(make_waveforms()).to(dtype)
    exact = LogMel(JIA)(waveforms.float())
    heard = LogMel(JIA).to(dtype)(waveforms)
    assert torch.equal(heard, exact.to(dtype))


def test_autocast_leaves_the_transform_in_single_precision() -> None:
    waveforms = torch.from_numpy(make_waveforms())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        heard = LogMel(JIA)(waveforms)
    assert torch.equal(heard, LogMel(JIA)(waveforms))


def test_nothing_of_the_front_end_is_in_a_checkpoint() -> None:
    front_end = LogMel(JIA)
    assert not front_end.state_dict()
    assert not list(front_end.parameters())


def test_less_than_a_window_gives_no_frames() -> None:
    assert LogMel(VGGISH)(torch.zeros(2, 399)).shape == (2, 0, 64)


def test_a_gradient_reaches_the_waveform() -> None:
    waveform = torch.from_numpy(make_waveforms()).requires_grad_()
    LogMel(JIA)(waveform).sum().backward()
    assert waveform.grad is not None
    assert torch.isfinite(waveform.grad).all()
