from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib
import matplotlib.colors
import numpy as np
import pytest

from hearsight.drawing.canvas import GREEN, INK, ORANGE, drawing, shorten, to_file, to_svg
from hearsight.drawing.labels import draw_agreement, draw_label_counts
from hearsight.drawing.scores import Score, draw_scores
from hearsight.drawing.sound import Answer, draw_judged_tags, draw_spectrogram, is_heard
from hearsight.drawing.training import draw_learning
from hearsight.records import Tag
from hearsight.signal.front_ends import JIA

NASTY = "<b>&\"'"


def _find_texts(figure) -> list[str]:
    return [text.text or "" for text in ET.fromstring(to_svg(figure, "x")).iter() if text.tag.endswith("text")]


@pytest.fixture
def log_mel() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((300, 64)).astype(np.float32)


def test_svg_is_one_element_that_follows_the_page_and_escapes_what_it_is_given() -> None:
    with drawing(2.0, 1.0) as figure:
        figure.add_subplot().set_title(NASTY)
    text = to_svg(figure, NASTY)
    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    assert NASTY in _find_texts(figure)
    assert INK not in text.replace(f"var(--ink, {INK})", "")
    assert "DejaVu" not in text
    assert "<style" not in text  # it would speak for the whole page
    assert "<metadata" not in text


def test_the_same_figure_gives_the_same_svg() -> None:
    def draw() -> str:
        return to_svg(draw_label_counts({"vision": [3, 1, 2], "audio": [5]}), "counts")

    assert draw() == draw()


def test_matplotlibs_settings_are_left_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    to_file(draw_label_counts({"vision": [1]}), "png", "counts")
    assert dict(matplotlib.rcParams) == before


def test_png_is_a_png() -> None:
    assert to_file(draw_label_counts({"vision": [1, 2]}), "png", "counts", 60).startswith(b"\x89PNG")


def test_a_spectrogram_has_seconds_and_hertz(log_mel: np.ndarray) -> None:
    texts = _find_texts(draw_spectrogram(log_mel, JIA))
    assert {"500 Hz", "2 kHz", "seconds", "3"} <= set(texts)


def test_silence_has_a_spectrogram_too() -> None:
    to_file(draw_spectrogram(np.full((100, 64), -4.6, np.float32), JIA), "png", "silence", 40)


def test_right_tags_are_green_and_wrong_ones_orange_and_true_classes_have_the_first_lanes(log_mel: np.ndarray) -> None:
    tags = [Tag("f", 0.0, 1.0, "dog", 0.9), Tag("f", 1.0, 1.0, "dog", 0.2), Tag("f", 1.0, 1.0, "cat", 0.8)]
    answers = [Answer(0.0, 1.0, True), Answer(1.0, 1.0, False), Answer(2.0, 1.0, None)]
    figure = draw_judged_tags(log_mel, JIA, tags, {"dog": [(0.0, 1.1)], "bell": [(2.0, 3.0)]}, answers)
    lanes = figure.axes[1]
    assert [label.get_text() for label in lanes.get_yticklabels()] == ["dog", "bell", "cat"]
    bars = {(b.get_x(), round(b.get_y() + 0.4)): b for group in lanes.containers for b in group if b.get_fill()}
    colours = {place: matplotlib.colors.to_hex(bar.get_facecolor()) for place, bar in bars.items()}
    assert colours == {(0.0, 0): GREEN, (1.0, 0): ORANGE, (1.0, 2): ORANGE}
    assert bars[0.0, 0].get_facecolor()[3] > bars[1.0, 0].get_facecolor()[3] > 0.4
    marks = {line.get_marker(): list(line.get_xdata()) for line in lanes.lines}
    assert (marks["o"], marks["x"]) == ([0.5], [1.5])


@pytest.mark.parametrize(
    ("spans", "heard"), [([(0.0, 1.2)], False), ([(1.6, 9.0)], True), ([(0.0, 1.2), (1.9, 3.0)], True)]
)
def test_a_quarter_of_a_segment_is_enough_to_be_heard(spans: list[tuple[float, float]], heard: bool) -> None:
    assert is_heard(1.0, 1.0, spans) is heard


def test_a_learning_curve_needs_no_validation() -> None:
    epochs = [
        {"epoch": n, "loss": 1.0 / n, "validation_loss": None, "validation_mean_average_precision": None}
        for n in range(1, 4)
    ]
    assert "training" in _find_texts(draw_learning(epochs))
    assert "validation" not in _find_texts(draw_learning(epochs))
    measured = [{**line, "validation_loss": 0.5, "validation_mean_average_precision": 0.2} for line in epochs]
    assert "validation" in _find_texts(draw_learning(measured))


def test_scores_are_named_and_written_out_with_their_decimals() -> None:
    scores = [Score("student", 0.714, (0.68, 0.75), is_ours=True), Score(NASTY, 0.25, (0.2, 0.3))]
    texts = _find_texts(draw_scores(scores, chance=1 / 12))
    assert {"student", NASTY, "71.4", "25.0", "chance"} <= set(texts)


def test_agreement_shows_used_clusters_only() -> None:
    table = np.zeros((5, 3))
    table[1, 2], table[4, 0] = 7.0, 2.0
    figure = draw_agreement(table, ["a", "b", "c"], "5 clusters")
    (image,) = figure.axes[0].images
    np.testing.assert_array_equal(image.get_array()[..., 3], [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def test_every_reference_in_an_svg_points_into_it(log_mel: np.ndarray) -> None:
    text = to_svg(draw_spectrogram(log_mel, JIA), "x")
    ids = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text)) <= ids
    assert not re.findall(r'href="(?!#|data:)', text)


@pytest.mark.parametrize(("kind", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_figure_s_file_is_the_same_every_time_and_stands_on_white(kind: str, head: bytes) -> None:
    first, second = (to_file(draw_label_counts({"vision": [3, 1]}), kind, "counts", 50) for _ in range(2))
    assert first == second
    assert first.startswith(head)
    if kind == "svg":
        assert b"#ffffff" in first
        assert b"labels, most frequent first</text>" in first
        assert b"var(--" not in first


def test_a_name_is_shortened_with_an_ellipsis_and_a_short_one_not() -> None:
    assert shorten("abc def", 7) == "abc def"
    assert shorten("abc def", 5) == "abc…"
    assert shorten("abc, def", 6) == "abc…"
