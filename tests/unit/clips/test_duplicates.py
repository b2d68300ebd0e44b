from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.clips.duplicates import find_duplicates
from hearsight.records import CLIP_SCHEMA


def make_row(uuid: str, sound: bytes, image: bytes, media: str = "m", start: float = 0.0) -> dict[str, object]:
    row: dict[str, object] = {field.name: None for field in CLIP_SCHEMA}
    values = {"uuid": uuid, "media_uuid": media, "start": start, "sound_fingerprint": sound, "image_fingerprint": image}
    return {**row, **values}


def make_bits(seed: int, num_bytes: int) -> bytes:
    return np.random.default_rng(seed).bytes(num_bytes)


def flip(value: bytes, count: int, seed: int = 0) -> bytes:
    bits = np.unpackbits(np.frombuffer(value, np.uint8))
    places = np.random.default_rng(seed).choice(len(bits), count, replace=False)
    bits[places] ^= 1
    return np.packbits(bits).tobytes()


def find(rows: list[dict[str, object]]) -> dict[str, str]:
    found = find_duplicates(pa.Table.from_pylist(rows, schema=CLIP_SCHEMA))
    return dict(zip(found.column("uuid").to_pylist(), found.column("duplicate_of").to_pylist(), strict=True))


@pytest.mark.parametrize("seed", range(10))
def test_a_clip_that_was_encoded_again_is_a_duplicate_of_the_earlier_one(seed: int) -> None:
    sound, image = make_bits(seed, 32), make_bits(seed + 100, 8)
    rows = [
        make_row("copy", flip(sound, 12, seed), flip(image, 2, seed), media="z"),
        make_row("original", sound, image, media="a"),
        *(make_row(f"other{k}", make_bits(1000 + k, 32), make_bits(2000 + k, 8), media="b") for k in range(50)),
    ]
    assert find(rows) == {"copy": "original"}


def test_the_same_sound_with_other_pictures_is_no_duplicate_and_neither_are_the_same_pictures_with_another_sound() -> (
    None
):
    sound, image = make_bits(1, 32), make_bits(2, 8)
    rows = [
        make_row("a", sound, image),
        make_row("b", sound, make_bits(3, 8), start=4.0),
        make_row("c", make_bits(4, 32), image, start=8.0),
    ]
    assert find(rows) == {}


@pytest.mark.parametrize("exact", [False, True])
def test_a_clip_that_equals_only_a_dropped_one_is_kept(exact: bool) -> None:
    """Near copies form chains: the third nearly equals the second, which is dropped, but not the first."""
    sound, image = make_bits(1, 32), make_bits(2, 8)
    bits = np.unpackbits(np.frombuffer(image, np.uint8))
    steps = [bits.copy() for _ in range(3)]
    steps[1][:6] ^= 1
    steps[2][:12] ^= 1
    rows = [
        make_row(name, sound, np.packbits(step).tobytes(), media=name) for name, step in zip("abc", steps, strict=True)
    ]
    if exact:  # an exact copy of the dropped clip repeats what that one repeats
        rows.append(make_row("d", sound, np.packbits(steps[1]).tobytes(), media="d"))
    assert find(rows) == {"b": "a", **({"d": "a"} if exact else {})}


def test_many_exact_copies_all_point_to_the_first() -> None:
    sound, image = make_bits(1, 32), make_bits(2, 8)
    rows = [make_row(f"clip{k:03d}", sound, image, media=f"m{k:03d}") for k in range(300)]
    assert find(rows) == {f"clip{k:03d}": "clip000" for k in range(1, 300)}


def test_one_clip_that_is_listed_twice_is_no_duplicate_of_itself() -> None:
    row = make_row("a", make_bits(1, 32), make_bits(2, 8))
    assert find([row, row]) == {}


def test_files_give_what_a_table_gives(tmp_path: Path) -> None:
    sound, image = make_bits(1, 32), make_bits(2, 8)
    for place in range(3):
        table = pa.Table.from_pylist([make_row(f"clip{place}", sound, image, media=f"m{place}")], schema=CLIP_SCHEMA)
        pq.write_table(table, tmp_path / f"{place}.parquet")
    found = find_duplicates(sorted(tmp_path.iterdir()))
    assert found.to_pylist() == [{"uuid": f"clip{k}", "duplicate_of": "clip0"} for k in (1, 2)]


def test_no_clips_have_no_duplicates() -> None:
    assert find([]) == {}
