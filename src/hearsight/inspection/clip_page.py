"""The page of ``hearsight inspect``: clips, or what was rejected, to look at and to listen to."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import PurePath

import numpy as np
from jaxtyping import Int16, UInt8

from hearsight.config.data import MP3_RATES
from hearsight.drawing.canvas import to_heat
from hearsight.inspection.clips import ClipView, Label, SpanMedia
from hearsight.media.containers.ffmpeg import encode_jpeg
from hearsight.media.containers.round_trip import make_mp3
from hearsight.pages.document import write_page
from hearsight.pages.embed import embed_bytes, escape
from hearsight.records import Rejection
from hearsight.signal.filters import hertz_to_mel
from hearsight.signal.front_ends import JIA
from hearsight.signal.log_mel import compute_log_mel
from hearsight.signal.waveform import from_int16, resample
from hearsight.version import VERSION

MP3_RATE = 32_000
"""Bits per second of the sounds on a page."""
_TICKS = ((500.0, "500 Hz"), (2000.0, "2 kHz"))
_SORTS = (
    ("place 1", "as drawn"),
    ("agreement 1", "agreement, lowest first"),
    ("agreement -1", "agreement, highest first"),
    ("loudness -1", "loudest first"),
    ("sureness 1", "least sure teachers first"),
)


def write_clip_page(title: str, lead: str, clips: Iterable[tuple[ClipView, SpanMedia]], sample_rate: int) -> str:
    """Return a page of clips.

    Parameters
    ----------
    title, lead
        The heading, and what the clips are, as plain text.
    clips
        Each with its pictures and sound.
    sample_rate
        Of the sounds, in Hz.
    """
    cards = [show_clip(view, media, sample_rate, place) for place, (view, media) in enumerate(clips)]
    return _write(title, lead, cards, _SORTS)


def write_rejection_page(
    title: str, lead: str, rejections: Iterable[tuple[Rejection, SpanMedia]], sample_rate: int
) -> str:
    """Return a page of rejected files and spans; parameters as those of :func:`write_clip_page`."""
    cards = [show_rejection(one, media, sample_rate, place) for place, (one, media) in enumerate(rejections)]
    return _write(title, lead, cards, ())


def _write(title: str, lead: str, cards: Sequence[str], sorts: Sequence[tuple[str, str]]) -> str:
    options = "".join(f'<option value="{value}">{escape(text)}</option>' for value, text in sorts)
    select = f'<select id="order" aria-label="order">{options}</select>' if sorts else ""
    body = f"""<main class="wide">
<h1>{escape(title)}</h1>
<p class="note">{escape(lead)}</p>
<div class="bar">
<input id="search" type="search" placeholder="class, file, reason or UUID" aria-label="filter">
{select}<output id="shown"></output>
<span class="keys"><kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>space</kbd> play · <kbd>/</kbd> filter</span>
{THEME_BUTTON}
</div>
<div class="cards">
{chr(10).join(cards)}
</div>
<footer>hearsight {escape(VERSION)}</footer>
</main>"""
    return write_page(title, body, style=read_part("page.css"), script=read_part("page.js"))


THEME_BUTTON = '<button id="theme" class="theme" type="button" title="t">light / dark</button>'
"""What switches the theme of a page; its script finds it by its id."""


def read_part(name: str) -> str:
    """Return a file of this package: the style or the script of its pages."""
    return resources.files("hearsight.inspection").joinpath(name).read_text(encoding="utf-8")


def show_clip(view: ClipView, media: SpanMedia, sample_rate: int, place: int) -> str:
    """Return the card of a clip."""
    row = view.row
    start, end = float(row["start"]), float(row["start"]) + float(row["duration"])
    name = PurePath(row["source"]).name
    words = [row["source"], row["uuid"], view.split, *(f"{label.name} {label.sense}" for label in view.labels)]
    numbers = {"place": place, "loudness": row["loudness"], "sureness": _measure_sureness(view.labels)}
    numbers |= {} if view.agreement is None else {"agreement": round(view.agreement, 4)}
    data = " ".join(f'data-{key}="{value}"' for key, value in numbers.items())
    facts = f"{start:.2f} to {end:.2f} s · {view.split} · {row['loudness']:.0f} dB · motion {row['motion']:.1f}"
    agreement = f'<span class="nowrap">agreement {_show_agreement(view.agreement)}</span>'
    return f"""<article class="card" tabindex="0" data-text="{escape(" ".join(words).lower())}" {data}>
<h2 title="{escape(row["source"])}">{escape(name)}</h2>
<p class="facts">{escape(facts)} · {agreement}<br>{escape(row["uuid"])}</p>
{_show_media(media, sample_rate, name)}
<div class="senses">{_show_labels(view.labels)}</div>
</article>"""


def show_rejection(rejection: Rejection, media: SpanMedia, sample_rate: int, place: int) -> str:
    """Return the card of a rejected file or span."""
    name = PurePath(rejection.path).name
    end = "" if rejection.duration is None else f" to {rejection.start + rejection.duration:.2f} s"
    words = f"{rejection.path} {rejection.reason} {rejection.detail}".lower()
    reason = f'<span class="reason">{escape(rejection.reason)}</span>'
    return f"""<article class="card" tabindex="0" data-text="{escape(words)}" data-place="{place}">
<h2 title="{escape(rejection.path)}">{escape(name)}</h2>
<p class="facts">{reason} from {rejection.start:.2f} s{end}<br>{escape(rejection.detail)}</p>
{_show_media(media, sample_rate, name)}
</article>"""


def _show_agreement(agreement: float | None) -> str:
    if agreement is None:
        return "unknown"
    style = "low" if agreement < 0.0 else "high" if agreement > 0.2 else ""
    return f'<span class="agree {style}">{agreement:+.2f}</span>'


def _measure_sureness(labels: Sequence[Label]) -> float:
    """Return the least of the teachers' highest probabilities."""
    best: dict[str, float] = {}
    for label in labels:
        best[label.teacher] = max(best.get(label.teacher, 0.0), label.probability)
    return round(min(best.values(), default=0.0), 4)


def _show_labels(labels: Sequence[Label]) -> str:
    parts: list[str] = []
    for teacher in dict.fromkeys(label.teacher for label in labels):
        own = [label for label in labels if label.teacher == teacher]
        items = "\n".join(
            f'<li style="--share: {100.0 * min(1.0, label.probability):.0f}%" title="{escape(label.name)}">'
            f'<span class="name">{escape(label.name)}</span>'
            f'<span class="value">{100.0 * label.probability:.0f} %</span></li>'
            for label in own
        )
        parts.append(
            f'<div><h3 title="{escape(teacher)}">{own[0].sense} · {escape(teacher)}</h3><ul class="labels">\n{items}\n</ul></div>'
        )
    return "\n".join(parts)


def _show_media(media: SpanMedia, sample_rate: int, name: str) -> str:
    parts: list[str] = []
    if media.images:
        pictures = "".join(
            f'<img src="{embed_bytes(encode_jpeg(image), "image/jpeg")}" alt="picture {number + 1} of {escape(name)}">'
            for number, image in enumerate(media.images)
        )
        parts.append(f'<div class="pictures">{pictures}</div>')
    if media.problem:
        parts.append(f'<p class="missing">{escape(media.problem)}</p>')
    if len(media.samples):
        parts.append(_show_sound(media.samples, sample_rate, name))
    return "\n".join(parts)


def _show_sound(samples: Int16[np.ndarray, " samples"], sample_rate: int, name: str) -> str:
    picture = embed_bytes(encode_jpeg(draw_sound(samples, sample_rate)), "image/jpeg")
    seconds = len(samples) / sample_rate
    return f"""<div class="spectrogram" data-seconds="{seconds:.3f}">
<img src="{picture}" alt="log-mel spectrogram of {escape(name)}">{_show_ticks()}<i></i></div>
<audio controls preload="metadata" src="{embed_sound(samples, sample_rate)}"></audio>"""


def _show_ticks() -> str:
    low, high = hertz_to_mel(np.array([JIA.f_min, JIA.f_max]))
    places = (hertz_to_mel(np.array([hertz for hertz, _ in _TICKS])) - low) / (high - low)
    return "".join(
        f'<span style="bottom: {100.0 * place:.0f}%">{text}</span>'
        for place, (_, text) in zip(places, _TICKS, strict=True)
    )


def draw_sound(samples: Int16[np.ndarray, " samples"], sample_rate: int) -> UInt8[np.ndarray, "height width 3"]:
    """Return the log-mel matrix of a sound as a picture, low tones below, as bright as is loud within this sound."""
    waveform = resample(from_int16(samples), sample_rate, JIA.sample_rate)
    log_mel = compute_log_mel(waveform, JIA)
    low, high = np.quantile(log_mel, [0.05, 0.999])
    values = (log_mel.T[::-1] - low) / max(float(high - low), 1e-3)
    even = values[:, : max(2, values.shape[1] // 2 * 2)]
    return np.repeat(to_heat(even), 2, axis=0)  # JPEG keeps colours for every second row only


def embed_sound(samples: Int16[np.ndarray, " samples"], sample_rate: int) -> str:
    """Return a sound as a ``data:`` address: an MP3 where MP3 has its sample rate, else a WAV file."""
    if sample_rate in MP3_RATES:
        return embed_bytes(make_mp3(samples, sample_rate, MP3_RATE), "audio/mpeg")
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return embed_bytes(stream.getvalue(), "audio/wav")
