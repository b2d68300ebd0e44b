"""The demo's page: one HTML file that holds all it shows and works without a network."""

from __future__ import annotations

from importlib import resources

from hearsight.demo.result import DemoFolder, DemoResult
from hearsight.demo.sections import (
    show_commands,
    show_example,
    show_headline,
    show_labels,
    show_scores,
    show_training,
    show_world,
)
from hearsight.files import write_text
from hearsight.pages.document import write_page
from hearsight.pages.embed import escape
from hearsight.version import VERSION
from hearsight.world.generate import World


def write_report(result: DemoResult, place: DemoFolder, world: World, example: World) -> None:
    """Write the page of a finished demo, atomically.

    Parameters
    ----------
    result
        What was measured.
    place
        Where the demo's files are.
    world
        The world that was trained on.
    example
        Videos that were not, to be tagged.
    """
    sections = (
        show_headline(result),
        show_world(place, world),
        show_labels(result, place),
        show_training(place),
        show_scores(result),
        show_example(result, place, example),
        show_commands(place),
    )
    text = _wrap("\n".join(sections), result)
    write_text(place.page, text)


def _wrap(body: str, result: DemoResult) -> str:
    style = resources.files("hearsight.demo").joinpath("page.css").read_text(encoding="utf-8")
    times = ", ".join(f"{escape(stage)} {seconds:.0f} s" for stage, seconds in result.seconds.items())
    footer = f"<footer>hearsight {escape(VERSION)}. Time taken: {times}.</footer>"
    return write_page(
        "hearsight: an audio network trained on unlabelled video", f"<main>\n{body}\n{footer}\n</main>", style=style
    )
