from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hearsight.threads import count_cores

SPINNING = """
import sys, time
import torch  # before hearsight, as in most notebooks
from hearsight.training.step.openmp import sleep_while_waiting
torch.set_num_threads(2)
if sys.argv[1] == "sleep":
    assert sleep_while_waiting()
    assert sleep_while_waiting()
    assert torch.get_num_threads() == 2
numbers = torch.ones(2**18)
numbers.mul_(1.0)
process, thread = time.process_time(), time.thread_time()
for _ in range(200):
    numbers.mul_(1.0)
    time.sleep(0.003)
print((time.process_time() - process) - (time.thread_time() - thread))
"""


def measure_waiting(how: str, **environment: str) -> float:
    """Seconds of processor time that threads other than the main one take while there is almost nothing to do."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    command = [sys.executable, "-c", SPINNING, how]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env={**variables, **environment})
    return float(run.stdout)


@pytest.mark.skipif(sys.platform != "linux" or count_cores() < 2, reason="needs GNU OpenMP and two processors")
def test_threads_that_wait_sleep_even_where_torch_was_loaded_first() -> None:
    spinning = measure_waiting("leave")
    assert measure_waiting("sleep") < spinning / 3
    assert measure_waiting("leave", OMP_WAIT_POLICY="PASSIVE") < spinning / 3


@pytest.mark.parametrize(
    ("first", "given", "policy"),
    [("", {}, "PASSIVE"), ("import torch;", {}, None), ("", {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")],
)
def test_the_policy_is_set_only_where_torch_will_read_it_and_nobody_has_chosen(
    first: str, given: dict[str, str], policy: str | None
) -> None:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    code = f"{first}import os, hearsight; print(os.environ.get('OMP_WAIT_POLICY'))"
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**variables, **given}
    )
    assert run.stdout.strip() == str(policy)
