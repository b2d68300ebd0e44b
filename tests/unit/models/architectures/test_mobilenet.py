from __future__ import annotations

import pytest
import torch

from hearsight.models.architectures.mobilenet import Convolution, make_divisible


@pytest.mark.parametrize("size", [(100, 64), (25, 16), (13, 8)])
def test_the_quick_way_of_a_stride_gives_the_same_maps_and_gradients(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    convolution = Convolution(24, 24, 3, 2, groups=24)
    maps = torch.randn(2, 24, *size)

    def run(*, quick: bool) -> tuple[torch.Tensor, torch.Tensor]:
        convolution.train(quick).zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            heard = convolution(maps)
        heard.float().square().sum().backward()
        gradient = convolution.weight.grad
        assert gradient is not None
        return heard.float(), gradient.clone()

    for one, other in zip(run(quick=True), run(quick=False), strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= 0.02 * other.abs().max()


def test_channels_are_multiples_of_eight_and_lose_no_more_than_a_tenth() -> None:
    assert [make_divisible(channels) for channels in (1, 8, 12, 22.4, 33.6, 56, 1280)] == [8, 8, 16, 24, 32, 56, 1280]
    for channels in range(1, 400):
        assert make_divisible(channels) % 8 == 0
        assert make_divisible(channels) >= 0.9 * channels
