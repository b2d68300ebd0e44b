from __future__ import annotations

import pytest

from hearsight.errors import InputError, UsageError
from hearsight.listening.recordings import Recording, check_names, find_recordings


@pytest.fixture
def field(tmp_path, monkeypatch):
    for name in ("field/a.wav", "field/night/b.flac", "field/night/note.txt", "field/c[1].wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def find(*paths: str) -> list[tuple[str, str]]:
    failures: list[InputError] = []
    found = [(one.path, one.name) for one in find_recordings(paths, failures)]
    assert failures == []
    return found


def test_a_folder_means_its_recordings_with_their_paths_below_it(field):
    assert find("field") == [
        ("field/a.wav", "a.wav"),
        ("field/c[1].wav", "c[1].wav"),
        ("field/night/b.flac", "night/b.flac"),
    ]


def test_a_glob_means_files_of_any_suffix_below_its_plain_part(field):
    assert find("field/**/*.wav") == [("field/a.wav", "a.wav"), ("field/c[1].wav", "c[1].wav")]
    assert find("field/n*/*") == [("field/night/b.flac", "night/b.flac"), ("field/night/note.txt", "night/note.txt")]
    assert find(str(field / "f*d" / "a.wav")) == [(str(field / "field/a.wav"), "field/a.wav")]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(field):
    assert find("field/c[1].wav") == [("field/c[1].wav", "c[1].wav")]


def test_a_recording_is_found_once_and_standard_input_has_a_name(field):
    assert find("field/a.wav", "field/*.wav", "-") == [
        ("field/a.wav", "a.wav"),
        ("field/c[1].wav", "c[1].wav"),
        ("-", "stdin"),
    ]


def test_what_means_nothing_is_a_failure_and_a_missing_file_is_found_out_later(field):
    failures: list[InputError] = []
    (field / "empty").mkdir()
    found = find_recordings(["*.mp3", "empty", "absent.wav"], failures)
    assert [one.path for one in found] == ["absent.wav"]
    assert [failure.where for failure in failures] == ["*.mp3", "empty"]


def test_two_recordings_of_one_name_are_refused(field):
    check_names([Recording("a/x.wav", "x.wav"), Recording("a/y.wav", "y.wav")])
    with pytest.raises(UsageError, match=r"a/x\.wav and b/x\.wav are both called x\.wav"):
        check_names([Recording("a/x.wav", "x.wav"), Recording("b/x.wav", "x.wav")])


def test_a_name_that_is_too_long_is_a_recording_that_cannot_be_opened(tmp_path):
    name = str(tmp_path / ("n" * 300 + ".wav"))
    assert find_recordings([name], []) == [Recording(name, "n" * 300 + ".wav")]
