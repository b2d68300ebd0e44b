from __future__ import annotations

import numpy as np
import pytest
import torch

from hearsight.models.front_end import LogMel, NormalizedLogMel, make_front_end
from hearsight.signal.front_ends import FRONT_ENDS, JIA, VGGISH, WU, FrontEnd
from hearsight.signal.log_mel import compute_log_mel, normalize_bands

both = pytest.mark.parametrize("definition", FRONT_ENDS.values(), ids=lambda definition: definition.name)


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


def test_silence_has_a_gradient_too() -> None:
    waveform = torch.zeros(1, 16_000, requires_grad=True)
    LogMel(JIA)(waveform).sum().backward()
    assert waveform.grad is not None
    assert torch.isfinite(waveform.grad).all()


def test_learned_statistics_are_those_of_all_frames_however_they_came() -> None:
    waveforms = make_waveforms()
    whole = np.concatenate([compute_log_mel(waveform.astype(np.float64), WU) for waveform in waveforms])
    for parts in ([3], [1, 2], [1, 1, 1]):
        front_end = NormalizedLogMel(WU).train()
        for part in torch.from_numpy(waveforms).split(parts):
            front_end(part)
        assert int(front_end.num_frames) == len(whole)
        np.testing.assert_allclose(front_end.mean.numpy(), whole.mean(0), rtol=0, atol=1e-4)
        np.testing.assert_allclose(front_end.variance.numpy(), whole.var(0), rtol=1e-4)


def test_normalised_torch_hears_what_normalised_numpy_hears() -> None:
    waveforms = torch.from_numpy(make_waveforms())
    front_end = NormalizedLogMel(WU)
    front_end.train()(waveforms)
    heard = front_end.eval()(waveforms[:2]).numpy()
    mean, variance = front_end.mean.numpy(), front_end.variance.numpy()
    for row, waveform in zip(heard, make_waveforms(), strict=False):
        wanted = normalize_bands(compute_log_mel(waveform, WU), mean, variance)
        np.testing.assert_allclose(row, wanted, rtol=0, atol=1e-4)


def test_statistics_are_learned_in_training_only() -> None:
    front_end = NormalizedLogMel(WU).eval()
    waveforms = torch.from_numpy(make_waveforms())
    assert torch.equal(front_end(waveforms), LogMel(WU)(waveforms))
    assert int(front_end.num_frames) == 0
    front_end.train()(waveforms)
    assert int(front_end.num_frames) == 3 * 150
    assert set(front_end.state_dict()) == {"num_frames", "mean", "variance"}
    before = front_end.mean.clone()
    front_end.bfloat16().float()
    assert torch.equal(front_end.mean, before)


def test_a_definition_makes_the_front_end_it_describes() -> None:
    assert type(make_front_end(JIA)) is LogMel
    assert type(make_front_end(WU)) is NormalizedLogMel
