"""Pictures, sounds and videos as part of a page: data addresses, and PNG files from arrays."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

MIME = {".mp4": "video/mp4", ".wav": "audio/wav", ".png": "image/png"}


def embed_file(path: Path) -> str:
    """Return a file as a ``data:`` address."""
    return embed_bytes(path.read_bytes(), MIME[path.suffix])


def embed_bytes(content: bytes, mime: str) -> str:
    """Return bytes as a ``data:`` address."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def encode_png(image: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """Encode a picture as PNG (8 bit RGB, each row as the difference from the one above)."""
    height, width = image.shape[:2]
    rows = image.reshape(height, -1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.hstack([np.full((height, 1), 2, np.uint8), rows - above])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_pack_chunk(kind, content) for kind, content in chunks)


def show_picture(image: UInt8[np.ndarray, "height width 3"], description: str) -> str:
    """Return an ``<img>`` that holds a picture."""
    address = embed_bytes(encode_png(image), "image/png")
    return f'<img src="{address}" width="{image.shape[1]}" height="{image.shape[0]}" alt="{escape(description)}">'


def show_video(path: Path, description: str) -> str:
    """Return a ``<video>`` with controls that holds a file."""
    return f'<video src="{embed_file(path)}" controls preload="auto" aria-label="{escape(description)}"></video>'


def escape(text: object) -> str:
    """Return text that no browser takes for markup, inside elements and attributes."""
    return html.escape(str(text), quote=True)


def _pack_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
