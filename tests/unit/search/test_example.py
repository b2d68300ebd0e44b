from __future__ import annotations

import numpy as np
import pytest
import soundfile

from hearsight.errors import InputError, MediaError, UsageError
from hearsight.listening.recordings import find_recordings
from hearsight.search.build import IndexOptions, index_recordings
from hearsight.search.example import Example, cut_blocks, embed_example, list_own_rows, parse_example
from hearsight.search.index import Index


@pytest.fixture
def sound(write_sound):
    return write_sound("a.wav", 4.0)


@pytest.fixture
def index(run, sound, tmp_path):
    index_recordings(str(run), find_recordings([sound], []), tmp_path / "index", IndexOptions())
    return Index.open(tmp_path / "index")


def test_a_file_and_a_span_of_one_are_understood(index, sound, tmp_path):
    assert parse_example(str(sound), index) == Example(sound)
    assert parse_example(f"{sound}@1.5-2", index) == Example(sound, 1.5, 2.0)
    odd = tmp_path / "b@1-2"
    odd.write_bytes(sound.read_bytes())
    assert parse_example(str(odd), index) == Example(odd)
    assert parse_example(f"{odd}@3-4", index) == Example(odd, 3.0, 4.0)


@pytest.mark.parametrize("text", ["absent.wav", "absent.wav@1-2", "", "@1-2", "a\x00.wav", "@"])
def test_a_file_that_is_not_there_is_refused(index, text):
    with pytest.raises(InputError, match="no such file, wanted a sound file, or FILE@START-END"):
        parse_example(text, index)


def test_a_span_that_ends_before_it_starts_is_refused(index, sound):
    with pytest.raises(UsageError, match="a span from 2 to 1 s, wanted an end after its start"):
        parse_example(f"{sound}@2-1", index)


def test_the_embedding_of_a_span_is_that_of_its_segments(index, sound, listener):
    expected = listener.embed(sound).values.astype(np.float64)
    np.testing.assert_allclose(embed_example(listener, Example(sound)), expected.mean(axis=0), rtol=1e-4, atol=1e-5)
    found = embed_example(listener, Example(sound, 1.0, 3.0))
    np.testing.assert_allclose(found, expected[1:3].mean(axis=0), rtol=1e-4, atol=1e-5)


def test_a_span_after_the_end_is_refused(index, sound, listener):
    with pytest.raises(MediaError, match=r"a\.wav@9-10: no samples of sound"):
        embed_example(listener, Example(sound, 9.0, 10.0))


def test_silence_padding_and_length_are_reported(index, sound, listener, tmp_path, capsys, monkeypatch):
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(32_000), 16_000)
    assert np.isfinite(embed_example(listener, Example(silent))).all()
    assert "silence; what is found is silent, too" in capsys.readouterr().err
    embed_example(listener, Example(sound, 0.0, 0.25))
    assert "padded with silence" in capsys.readouterr().err
    monkeypatch.setattr("hearsight.search.example.LONG_SECONDS", 3.0)
    embed_example(listener, Example(sound))
    assert "the mean of 4 s is searched for" in capsys.readouterr().err


def test_the_rows_of_the_example_itself_are_those_that_it_overlaps(index, sound, tmp_path):
    assert list_own_rows(index, Example(sound)).tolist() == [0, 1, 2, 3]
    assert list_own_rows(index, Example(sound, 1.0, 2.5)).tolist() == [1, 2]
    copy = tmp_path / "copy.wav"
    copy.write_bytes(sound.read_bytes())
    assert list_own_rows(index, Example(copy)).tolist() == []


@pytest.mark.parametrize(("first", "last"), [(0, None), (0, 3), (2, 9), (5, 5), (4, 100), (30, None)])
def test_blocks_are_cut_to_a_span_and_read_no_further(first, last):
    whole = np.arange(20, dtype=np.float32)
    read: list[int] = []

    def blocks():
        for place in range(0, 20, 4):
            read.append(place)
            yield whole[place : place + 4]

    found = list(cut_blocks(blocks(), first, last))
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.float32), *found]), whole[first:last])
    if last is not None and last < 20:
        assert read[-1] < max(last, 1)
