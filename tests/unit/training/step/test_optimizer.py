from __future__ import annotations

import math

import pytest
import torch

from hearsight.models.zoo import build_network
from hearsight.training.step.optimizer import export_state, import_state, make_optimizer, schedule_rate, sum_rates
from tests.support.training import make_config


def test_the_papers_rate_falls_by_a_tenth_after_every_epoch() -> None:
    config = make_config(learning_rate=1e-4, epochs=30)
    assert schedule_rate(config, 0, 50) == schedule_rate(config, 49, 50) == 1e-4
    assert schedule_rate(config, 50, 50) == pytest.approx(0.9e-4)
    assert schedule_rate(config, 29 * 50, 50) == pytest.approx(1e-4 * 0.9**29)


def test_one_cycle_rises_for_a_fifth_of_the_steps_and_falls_to_almost_nothing() -> None:
    config = make_config(schedule="one-cycle", learning_rate=1.0, epochs=10)
    rates = [schedule_rate(config, step, 10) for step in range(100)]
    assert max(rates) == rates[20] == 1.0
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert 0.0 < rates[0] < 0.1
    assert 0.0 < rates[-1] < 0.001


def test_one_cycle_is_a_straight_line_and_half_a_cosine() -> None:
    config = make_config(schedule="one-cycle", learning_rate=2.0, epochs=10)
    rates = [schedule_rate(config, step, 10) for step in range(100)]
    # the line rises by the same amount with every step, the first included, and would reach the peak at the 21st
    assert rates[:20] == pytest.approx([2.0 * (step + 1) / 21 for step in range(20)])
    assert rates[20:] == pytest.approx([1.0 + math.cos(math.pi * step / 80) for step in range(80)])


def test_one_cycle_of_steps_that_do_not_divide_by_five_changes_over_at_the_fifth() -> None:
    config = make_config(schedule="one-cycle", learning_rate=1.0, epochs=1)
    rates = [schedule_rate(config, step, 7) for step in range(7)]
    assert rates[:2] == pytest.approx([1 / 2.4, 2 / 2.4])
    assert rates[2:] == pytest.approx([0.5 + 0.5 * math.cos(math.pi * (step - 1.4) / 5.6) for step in range(2, 7)])


def test_one_cycle_has_the_rates_computed_by_hand() -> None:
    """100 steps, of which 20 rise: step s has (s + 1) / 21, and later ones half a cosine over 80 steps."""
    config = make_config(schedule="one-cycle", learning_rate=1.0, epochs=10)
    wanted = {
        0: 1 / 21,
        9: 10 / 21,
        19: 20 / 21,
        20: 1.0,
        40: 0.5 + math.sqrt(0.125),
        60: 0.5,
        80: 0.5 - math.sqrt(0.125),
    }
    for step, rate in wanted.items():
        assert schedule_rate(config, step, 10) == pytest.approx(rate, rel=1e-12), step
    assert schedule_rate(config, 99, 10) == pytest.approx(0.5 * (1 + math.cos(math.pi * 79 / 80)), rel=1e-12)


def test_the_sum_of_the_rates_is_that_of_the_schedule() -> None:
    for values in ({"epochs": 30}, {"epochs": 30, "decay": 1.0}, {"schedule": "one-cycle", "epochs": 30}):
        config = make_config(learning_rate=1e-2, **values)
        total = sum(schedule_rate(config, step, 7) for step in range(30 * 7))
        assert sum_rates(config, 7) == pytest.approx(total, rel=0.02)


@pytest.mark.parametrize("epochs", [1, 2])
def test_one_cycle_works_for_very_short_runs(epochs: int) -> None:
    config = make_config(schedule="one-cycle", learning_rate=1.0, epochs=epochs)
    assert all(0.0 < schedule_rate(config, step, 1) <= 1.0 for step in range(epochs))


@pytest.mark.parametrize("fast", [True, False])
def test_the_l2_penalty_is_the_gradient_of_half_the_squared_kernels(fast: bool) -> None:
    """Adam moves by the sign of its first gradient: with no other gradient, a penalty alone shrinks kernels, and only them."""
    network = build_network("jia-vggish-fcn", 3, seed=0, width=0.02)
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = make_optimizer(network, make_config(l2_penalty=2.0, l2_scale=0.5, learning_rate=0.01, fast=fast))
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in network.named_parameters():
        change = value - before[name]
        if value.ndim > 1:
            torch.testing.assert_close(change, -0.01 * torch.sign(before[name]), rtol=1e-3, atol=1e-4)
        else:
            assert not change.any(), name
    moments = export_state(network, optimizer)
    kernel = next(name for name, value in network.named_parameters() if value.ndim > 1)
    torch.testing.assert_close(moments[f"exp_avg/{kernel}"], 0.1 * 2.0 * 0.5 * before[kernel])


def test_vectors_are_neither_penalised_nor_decayed() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    network.register_parameter("scale", torch.nn.Parameter(torch.tensor(1.0)))
    kernels, others = make_optimizer(network, make_config(optimizer="adamw", weight_decay=0.5)).param_groups
    assert ([tuple(one.shape) for one in kernels["params"]], kernels["weight_decay"]) == ([(2, 3)], 0.5)
    assert (sorted(tuple(one.shape) for one in others["params"]), others["weight_decay"]) == (
        [(), (2,), (2,), (2,)],
        0.0,
    )


def test_adamw_decays_kernels_only_and_leaves_the_moments_alone() -> None:
    network = build_network("jia-vggish-fcn", 3, seed=0, width=0.02)
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = make_optimizer(network, make_config(optimizer="adamw", weight_decay=0.5, learning_rate=0.1))
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in network.named_parameters():
        torch.testing.assert_close(value, before[name] * (0.95 if value.ndim > 1 else 1.0))


@pytest.mark.parametrize("optimizer_name", ["adam", "adamw"])
@pytest.mark.parametrize("fast", [True, False])
def test_an_imported_state_steps_on_bit_for_bit(optimizer_name: str, fast: bool) -> None:
    def make() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        network = build_network("jia-vggish-fcn", 3, seed=0, width=0.02)
        if fast:
            for parameter in network.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return network, make_optimizer(network, make_config(optimizer=optimizer_name, fast=fast, learning_rate=0.01))

    def step(network: torch.nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for parameter in network.parameters():
            parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=generator))
        optimizer.step()

    network, optimizer = make()
    step(network, optimizer, 1)
    other, other_optimizer = make()
    other.load_state_dict({name: value.contiguous() for name, value in network.state_dict().items()})
    exported = {name: value.clone().contiguous() for name, value in export_state(network, optimizer).items()}
    import_state(other, other_optimizer, exported)
    step(network, optimizer, 2)
    step(other, other_optimizer, 2)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("fused", [True, False])
def test_step_counts_lie_where_the_fused_steps_of_a_device_need_them(fused: bool) -> None:
    """The meta device stands for CUDA: a device other than the CPU, where a fused Adam takes its step counts."""
    network = build_network("jia-vggish-fcn", 3, seed=0, width=0.02)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = make_optimizer(network, make_config(fast=fused))
    optimizer.step()
    exported = {name: value.clone() for name, value in export_state(network, optimizer).items()}
    elsewhere = build_network("jia-vggish-fcn", 3, seed=0, width=0.02).to("meta")
    other = make_optimizer(elsewhere, make_config(fast=False))
    for group in other.param_groups:
        group["fused"] = fused
    import_state(elsewhere, other, exported)
    for name, value in export_state(elsewhere, other).items():
        wanted = "cpu" if name.startswith("step/") and not fused else "meta"
        assert value.device.type == wanted, name


def test_warm_up_scales_the_first_steps_of_any_schedule() -> None:
    for values in ({}, {"schedule": "cosine"}, {"schedule": "one-cycle"}):
        plain, warm = (make_config(learning_rate=1.0, warmup_steps=steps, **values) for steps in (0, 4))
        factors = [schedule_rate(warm, step, 10) / schedule_rate(plain, step, 10) for step in range(6)]
        assert factors == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_the_cosine_falls_from_the_rate_to_zero_over_all_steps() -> None:
    config = make_config(learning_rate=2.0, schedule="cosine", epochs=4)
    assert [schedule_rate(config, step, 10) for step in range(40)] == pytest.approx(
        [1.0 + math.cos(math.pi * step / 40) for step in range(40)]
    )


def test_the_rate_drops_to_a_tenth_after_a_share_of_all_steps() -> None:
    config = make_config(learning_rate=1.0, decay=1.0, drop_at=13 / 17, epochs=1)
    assert [schedule_rate(config, step, 17) for step in (0, 12, 13, 16)] == pytest.approx([1.0, 1.0, 0.1, 0.1])
