from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearsight.training.data.batches import ORDER, SHUFFLED
from tests.support.golden_training import RUNS, RUNS_IN_NEW_ORDER, compute_losses

GOLDEN: dict[str, dict[str, list[float]]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "training_losses.json").read_text()
)


CASES = {name: (name, SHUFFLED) for name in RUNS} | {f"{name}, {ORDER}": (name, ORDER) for name in RUNS_IN_NEW_ORDER}


@pytest.mark.parametrize("case", CASES)
def test_a_short_run_has_the_losses_of_the_version_before(case: str, tmp_path: Path) -> None:
    found, wanted = compute_losses(CASES[case][0], tmp_path, CASES[case][1]), GOLDEN[case]
    assert set(GOLDEN) == set(CASES)
    assert len(found["steps"]) == len(wanted["steps"]) >= 4
    # the first step's loss is one forward pass; later ones follow Adam, which enlarges rounding by processor
    assert found["steps"][0] == pytest.approx(wanted["steps"][0], rel=1e-5)
    assert found["steps"] == pytest.approx(wanted["steps"], rel=2e-3)
    assert found["validation"] == pytest.approx(wanted["validation"], rel=2e-3)
