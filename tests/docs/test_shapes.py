"""Arrays and tensors have the shapes that beartype checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.shapes import FLOOR, find_arrays
from tools.shares import count_places


def test_nine_of_ten_annotated_arrays_have_a_shape() -> None:
    found, share = count_places(find_arrays)
    assert len(found) > 1000
    missing = [f"{one.path.name}:{one.line}: {one.text}" for one in found if not one.passes]
    assert share >= FLOOR, "\n".join(missing)


@pytest.mark.parametrize(
    ("source", "shaped"),
    [
        ("def f(rows: np.ndarray): ...", [False]),
        ('def f(rows: Float[np.ndarray, "clips dim"]): ...', [True]),
        ("def f(rows: \"Float[Tensor, 'clips dim']\"): ...", [True]),
        ("def f(*rows: np.ndarray, key: Tensor): ...", [False, False]),
        ('def f() -> tuple[Int64[np.ndarray, " clips"], npt.NDArray[np.int64]]: ...', [True, False]),
        ("class A:\n    rows: dict[str, torch.Tensor]", [False]),
        ('class A:\n    def f(self):\n        self.rows: Bool[np.ndarray, " rows"] = rows', [True]),
        ('Solver = Callable[[np.ndarray], Float[np.ndarray, ""]]', [False, True]),
        ("def f(count: int) -> None: ...", []),
        ("kinds = [np.ndarray, Tensor]", []),
        ("def f():\n    rows: list[np.ndarray] = []", []),
    ],
)
def test_arrays_are_found_wherever_their_types_stand(source: str, shaped: list[bool], tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source + "\n")
    assert [one.passes for one in find_arrays(path)] == shaped
