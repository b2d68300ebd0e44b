from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import CheckpointError, UsageError
from hearsight.figures.networks import plot_filters
from hearsight.models.zoo import build_network


def test_a_run_s_first_kernels_are_drawn(run: Path) -> None:
    from hearsight.models.checkpoint import load_checkpoint

    drawn = [axes.images[0] for axes in plot_filters(str(run)).axes if axes.images]
    kernels = next(p for p in load_checkpoint(run)[0].trunk.parameters() if p.ndim == 4).detach().numpy()
    assert len(drawn) == len(kernels)
    np.testing.assert_array_equal(drawn[0].get_array(), kernels[0, 0].T)


def test_a_soundnet_s_are_curves_of_its_seed() -> None:
    drawn = [axes for axes in plot_filters("untrained:soundnet-8", seed=4).axes if axes.lines]
    kernels = next(iter(build_network("soundnet-8", 2, seed=4).trunk.parameters())).detach().numpy()[:, 0]
    assert len(drawn) == 16
    shapes = {tuple(np.round(axes.lines[1].get_ydata(), 6)) for axes in drawn}
    assert shapes == {tuple(np.round(kernel / np.abs(kernel).max(), 6)) for kernel in kernels}


@pytest.mark.parametrize("name", ["jia-vggish-fcn", "hershey-resnet-50", "wu-alexnet-bn", "soundnet-5"])
def test_every_family_of_convolutional_networks_has_first_filters(name: str) -> None:
    assert any(axes.images or axes.lines for axes in plot_filters(f"untrained:{name}").axes)


def test_what_has_no_filters_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="begins with no convolution"):
        plot_filters("untrained:wu-mlp")
    with pytest.raises(UsageError, match="did you mean 'soundnet-8'"):
        plot_filters("untrained:soundnet-88")
    with pytest.raises(CheckpointError):
        plot_filters(str(tmp_path))
