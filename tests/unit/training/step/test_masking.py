from __future__ import annotations

import pytest
import torch

from hearsight.training.step.masking import mask_patches


def test_masks_are_one_run_of_frames_and_one_of_bands_up_to_their_maxima() -> None:
    torch.manual_seed(0)
    patches = torch.randn(400, 20, 12)
    masked = mask_patches(patches, 6, 4)
    changed = masked != patches
    frames, mels = changed.all(2), changed.all(1)
    assert set(frames.sum(1).tolist()) == set(range(7))
    assert set(mels.sum(1).tolist()) == set(range(5))
    for runs in (frames, mels):
        assert (runs.int().diff(dim=1).abs().sum(1) <= 2).all()
        assert runs.any(0).all()  # every place is masked in some patch
    assert torch.equal(changed, frames[:, :, None] | mels[:, None, :])
    torch.testing.assert_close(masked[changed], patches.mean((1, 2), keepdim=True).expand_as(patches)[changed])


@pytest.mark.parametrize("most", [0, 100])
def test_nothing_or_everything_may_be_masked(most: int) -> None:
    torch.manual_seed(1)
    patches = torch.randn(50, 5, 4)
    changed = mask_patches(patches, most, 0) != patches
    assert changed.any() == bool(most)
