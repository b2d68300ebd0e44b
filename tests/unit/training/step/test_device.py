from __future__ import annotations

import pytest
import torch

from hearsight.errors import RunError, UsageError
from hearsight.models.zoo import build_network
from hearsight.training.step import device as device_module
from hearsight.training.step.device import Device
from tests.support.training import make_config


def test_settings_are_those_of_the_configuration() -> None:
    assert Device.resolve(make_config(threads=3)) == Device("cpu", 3, "float32", fast=True)


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_bfloat16_only_where_it_is_native(
    monkeypatch: pytest.MonkeyPatch, native: bool, precision: str
) -> None:
    monkeypatch.setattr(device_module, "multiplies_bfloat16", lambda: native)
    assert Device.resolve(make_config(precision="auto")).precision == precision


@pytest.mark.parametrize("device", ["tpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_a_usage_error(device: str) -> None:
    with pytest.raises(UsageError, match="a device of this machine"):
        Device.resolve(make_config(device=device))


def test_a_run_takes_up_the_machine_it_began_with(capsys: pytest.CaptureFixture[str]) -> None:
    machine = Device.resolve(make_config(threads=2))
    assert Device.from_record(machine.describe()) == machine
    assert capsys.readouterr().err == ""
    assert Device.from_record({**machine.describe(), "torch": "1.0"}) == machine
    assert "began with torch 1.0" in capsys.readouterr().err
    with pytest.raises(RunError, match="no 'threads'"):
        Device.from_record({"device": "cpu"})


def test_settings_of_torch_are_put_back_whatever_happens() -> None:
    threads = torch.get_num_threads()

    def fail() -> None:
        with Device("cpu", threads + 1, "float32", fast=True).deterministic():
            assert torch.get_num_threads() == threads + 1
            assert torch.are_deterministic_algorithms_enabled()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_the_fast_layout_changes_where_weights_lie_and_not_what_they_say() -> None:
    network = build_network("jia-vggish-fcn", 3, seed=0, width=0.1).eval()
    waveform = 0.1 * torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0))
    plain = network(waveform).logits
    placed = Device("cpu", 1, "float32", fast=True).place(network)
    kernels = [parameter for parameter in placed.parameters() if parameter.ndim == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    torch.testing.assert_close(placed(waveform).logits, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["jia-mobilenet-v2", "jia-resnet-50"])
def test_maps_have_channels_last_throughout_also_where_no_kernel_says_so(model: str) -> None:
    """Kernels of 1 x 1, and of one channel, have one format with channels last and first; so has a patch."""
    plain = build_network(model, 3, seed=0, width=0.1).eval()
    fast = Device("cpu", 1, "float32", fast=True).place(build_network(model, 3, seed=0, width=0.1)).eval()
    found: list[bool] = []
    for module in fast.trunk.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(
                lambda module, inputs, output: found.append(output.is_contiguous(memory_format=torch.channels_last))
            )
    waveform = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(fast(waveform).logits, plain(waveform).logits, rtol=1e-4, atol=1e-5)
    assert len(found) > 40
    assert all(found)
