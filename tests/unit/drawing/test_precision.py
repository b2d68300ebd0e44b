from __future__ import annotations

import numpy as np

from hearsight.drawing import precision
from hearsight.drawing.canvas import to_svg
from hearsight.drawing.precision import PrecisionPanel, draw_precision


def make_panel(name: str, threshold: float | None) -> PrecisionPanel:
    values = np.linspace(0.5, 1.0, 5)
    return PrecisionPanel(
        name, np.linspace(0.1, 0.9, 5), values, values - 0.1, np.minimum(values + 0.1, 1.0), threshold
    )


def test_each_class_has_a_panel_and_the_same_figure_the_same_bytes():
    panels = [make_panel("owl", 0.5), make_panel("fox", None)]
    figure = draw_precision(panels, 0.9)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["owl", "fox"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 2]
    assert to_svg(figure, "t") == to_svg(draw_precision(panels, 0.9), "t")


def test_a_figure_of_many_classes_is_bounded(monkeypatch):
    monkeypatch.setattr(precision, "MOST_PANELS", 2)
    figure = draw_precision([make_panel(f"{n}", None) for n in range(5)], 0.9)
    assert len(figure.axes) == 2
