"""Media that share sound are found, whatever their cuts and encodings; others are not linked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.clips.link_pairs import MAX_MEDIA
from hearsight.clips.links import WORDS_FIELD, link_media, pack_words
from hearsight.media.audio import read_audio
from hearsight.signal.waveform import to_int16
from tests.support.damage import write_sound
from tests.support.videos import SAMPLE_RATE, make_waveform


def list_clips(media: dict[str, np.ndarray], length: float = 4.0) -> pa.Table:
    """Cut sounds into clips and return their rows, as far as links are found by them."""
    rows = []
    for name, waveform in media.items():
        samples, count = to_int16(waveform), round(length * SAMPLE_RATE)
        for first in range(0, len(samples) - count + 1, count):
            words = pack_words(samples[first : first + count])
            rows.append({"media_uuid": name, "start": first / SAMPLE_RATE, WORDS_FIELD.name: words})
    schema = pa.schema([("media_uuid", pa.string()), ("start", pa.float64()), WORDS_FIELD])
    return pa.Table.from_pylist(rows, schema=schema)


def find_links(clips: pa.Table) -> dict[str, str]:
    links = link_media(clips)
    return dict(zip(links.column("media_uuid").to_pylist(), links.column("leader").to_pylist(), strict=True))


def copy_by_mp3(folder: Path, waveform: np.ndarray, bit_rate: int = 48_000) -> np.ndarray:
    """Encode a sound poorly and decode it again."""
    path = write_sound(folder / "a.mp3", "libmp3lame", waveform[np.newaxis], SAMPLE_RATE, format="mp3")
    return read_audio(path, SAMPLE_RATE)


@pytest.mark.parametrize("shift", [0.0, 0.008, 1.3, 2.0, 3.777])
def test_an_encoded_copy_is_linked_whatever_its_shift(tmp_path: Path, shift: float) -> None:
    media = {f"{seed}": make_waveform(12.0, seed) for seed in range(6)}
    media["copy"] = copy_by_mp3(tmp_path, 0.4 * media["3"])[round(shift * SAMPLE_RATE) :]
    assert find_links(list_clips(media)) == {"3": "3", "copy": "3"}


def test_a_copy_that_begins_earlier_and_is_cut_into_other_lengths_is_linked() -> None:
    sound = make_waveform(12.0, 1)
    clips = [
        list_clips({"a": sound, "b": make_waveform(12.0, 2)}),
        list_clips({"0 copy": np.concatenate([make_waveform(2.3, 9), sound])}, length=3.4),
    ]
    assert find_links(pa.concat_tables(clips)) == {"0 copy": "0 copy", "a": "0 copy"}


def test_media_linked_through_others_have_one_leader() -> None:
    first, second = make_waveform(16.0, 1), make_waveform(16.0, 2)
    media = {
        "c": first,
        "b": np.concatenate([first[-96_000:], second[:96_000]]),
        "a": second,
        "d": make_waveform(9.0, 3),
    }
    assert find_links(list_clips(media)) == {"a": "a", "b": "a", "c": "a"}


def test_unrelated_sounds_are_not_linked() -> None:
    generator = np.random.default_rng(0)
    media = {f"melody {seed}": make_waveform(12.0, seed) for seed in range(20)}
    media |= {f"noise {k}": (0.1 * generator.standard_normal(12 * SAMPLE_RATE)).astype(np.float32) for k in range(5)}
    media |= {"silence": np.zeros(12 * SAMPLE_RATE, np.float32), "silence too": np.zeros(12 * SAMPLE_RATE, np.float32)}
    times = np.arange(12 * SAMPLE_RATE) / SAMPLE_RATE
    hum = (0.2 * np.sin(2 * np.pi * 100.0 * times)).astype(np.float32)
    for k in range(4):
        noise = 0.01 * generator.standard_normal(len(hum))
        media[f"hum {k}"] = hum + noise.astype(np.float32)
    assert find_links(list_clips(media)) == {}


def test_a_jingle_in_many_media_links_none() -> None:
    jingle = make_waveform(8.0, 99)
    media = {f"{k:02d}": np.concatenate([jingle, make_waveform(8.0, k)]) for k in range(MAX_MEDIA + 5)}
    assert find_links(list_clips(media)) == {}


def test_a_recording_of_which_there_are_many_copies_is_one_group(tmp_path: Path) -> None:
    sound = make_waveform(12.0, 99)
    coded = copy_by_mp3(tmp_path, 0.4 * sound)
    copies = {f"copy {k:02d}": (coded, sound)[k % 2][k * 1000 :] for k in range(2 * MAX_MEDIA)}
    others = {f"{seed}": make_waveform(12.0, seed) for seed in range(4)}
    assert find_links(list_clips(others | copies)) == dict.fromkeys(copies, "copy 00")


def test_the_order_of_clips_and_whether_they_are_in_a_file_make_no_difference(tmp_path: Path) -> None:
    media = {f"{seed}": make_waveform(12.0, seed) for seed in range(5)}
    clips = list_clips(media | {"x": media["2"][20_800:], "y": media["4"][5_000:]})
    order = np.random.default_rng(1).permutation(len(clips))
    shuffled = clips.take(pa.array(order))
    pq.write_table(shuffled, tmp_path / "clips.parquet")
    assert find_links(clips) == find_links(shuffled) == {"2": "2", "x": "2", "4": "4", "y": "4"}
    assert link_media(tmp_path / "clips.parquet").equals(link_media(clips))


def test_clips_without_words_are_linked_to_nothing() -> None:
    schema = pa.schema([("media_uuid", pa.string()), ("start", pa.float64()), WORDS_FIELD])
    rows = [{"media_uuid": "a", "start": 0.0, WORDS_FIELD.name: None}, {"media_uuid": "b", "start": 0.0}]
    assert find_links(pa.Table.from_pylist(rows, schema=schema)) == {}
    assert pack_words(np.zeros(100, np.int16)) == b""
