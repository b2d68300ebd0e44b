"""A whole page: head, style, script and body in one file."""

from __future__ import annotations

from importlib import resources

from hearsight.pages.embed import escape

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What a page may load: nothing but what it holds itself."""


def write_page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """Return a page in the style of this project, light or dark as the reader's system is.

    Parameters
    ----------
    title
        Plain text.
    body
        Markup, in which everything from outside is escaped.
    style, script
        CSS and JavaScript of this page, in addition to the common style.
    """
    code = f"<script>\n{script}</script>\n" if script else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>
{read_theme()}{style}</style>
</head>
<body>
{body}
{code}</body>
</html>
"""


def read_theme() -> str:
    """Return the common style."""
    return resources.files("hearsight.pages").joinpath("theme.css").read_text(encoding="utf-8")
