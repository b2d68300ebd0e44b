r"""Text from outside: names of files and classes, messages of libraries. Made safe to print, and checked where it is read.

A terminal obeys control characters: a class name can clear the screen, set the window's title or forge a line of output. A lone
surrogate, which stands for a byte of a file name that is not UTF-8, cannot be encoded at all.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1: what terminals obey
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks and overrides of the direction of text
    "\u2028\u2029"  # separators of lines and paragraphs
    "\ud800-\udfff"  # surrogates without a partner
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # annotations and tags, which are not shown
    "]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF
_LAST_OF_PLANE = 0xFFFF
_NAME_BYTE = re.compile("[\udc80-\udcff]")


def escape_controls(text: str) -> str:
    r"""Return text with every control character as a visible escape, as in ``\x1b``; other text is returned unchanged.

    Newlines are escaped too. A surrogate that stands for a byte of a file name is shown as this byte, as in ``caf\xe9.wav``.

    Parameters
    ----------
    text
        Text from outside.
    """
    return _UNSAFE.sub(_escape, text)


def make_encodable(text: str) -> str:
    r"""Return text that can be stored as UTF-8: each byte of a file name that is not, as a visible escape, as in ``caf\xe9``.

    Parameters
    ----------
    text
        The name of a file, or text that may hold one.
    """
    shown = _NAME_BYTE.sub(lambda found: f"\\x{ord(found[0]) - _FIRST_BYTE + 0x80:02x}", text)
    return shown.encode("utf-8", "backslashreplace").decode()


def find_control(text: str) -> str | None:
    r"""Return the first control character of text as a visible escape, as in ``\x1b``; None if there is none."""
    found = _UNSAFE.search(text)
    return None if found is None else _escape(found)


def escape_json(document: str) -> str:
    r"""Return a JSON document in which control characters within strings are JSON's own escapes, as in ``\u202e``.

    Reading it gives the same values as before.

    Parameters
    ----------
    document
        JSON as :func:`json.dumps` writes it. Its line breaks, which lie between values, are kept.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _escape_json(found[0]), document)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if _FIRST_BYTE <= code <= _LAST_BYTE:
        return f"\\x{code - 0xDC00:02x}"
    if code > _LAST_OF_PLANE:
        return f"\\U{code:08x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def _escape_json(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[place] << 8 | units[place + 1]:04x}" for place in range(0, len(units), 2))


def describe_table_fault(head: bytes) -> str:
    """Return why the first line of a table is not that of a CSV table in UTF-8, as far as that is known; empty otherwise.

    Spreadsheets write "Unicode text" in UTF-16, and in many countries a semicolon between cells.
    """
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head:
        return "text in UTF-16"
    for separator, name in ((b";", "semicolons"), (b"\t", "tabs")):
        if separator in head and b"," not in head:
            return f"cells separated by {name}"
    return ""
