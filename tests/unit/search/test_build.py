from __future__ import annotations

import shutil

import numpy as np
import pytest

from hearsight.errors import MachineError, UsageError
from hearsight.files import lock
from hearsight.listening.recordings import Recording, find_recordings
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from hearsight.search import build
from hearsight.search.build import IndexOptions, index_recordings
from hearsight.search.index import Index
from hearsight.search.metadata import read_metadata
from hearsight.search.parts import IndexStage
from tests.support.listening import NAMES

PLAIN = IndexOptions()


@pytest.fixture
def sounds(tmp_path, write_sound):
    (tmp_path / "night").mkdir()
    write_sound("night/20240517_235959.wav", 3.0)
    write_sound("night/b.wav", 1.5, seed=1)
    write_sound("night/short.flac", 0.3, seed=2)
    (tmp_path / "night" / "bad.wav").write_bytes(b"no sound")
    return tmp_path / "night"


def read_all(folder):
    index = Index.open(folder)
    return index.rows, np.array(index.embeddings), index.recordings


def test_rows_are_the_segments_of_the_listener_with_their_time_and_tags(run, listener, sounds, tmp_path):
    report = index_recordings(str(run), find_recordings([sounds], []), tmp_path / "index", PLAIN)
    index = Index.open(tmp_path / "index")
    path = sounds / "20240517_235959.wav"
    expected = listener.embed(path)
    rows = index.find_rows(path)
    np.testing.assert_allclose(index.embeddings[rows], expected.values, rtol=1e-4, atol=1e-5)
    table = index.rows.take(rows)
    np.testing.assert_allclose(table["start"].to_numpy(), expected.starts)
    assert [str(time) for time in table["time"].to_pylist()[:2]] == ["2024-05-17 23:59:59", "2024-05-18 00:00:00"]
    assert set(table["tags"].to_pylist()[0]) == set(NAMES)
    assert table["probabilities"].to_pylist()[0] == sorted(table["probabilities"].to_pylist()[0], reverse=True)
    assert index.rows["time"].null_count == len(index.rows) - len(rows)
    assert (report.num_done, report.num_recordings, len(report.failures)) == (4, 4, 1)
    failed = index.recordings.filter(index.recordings["error"].is_valid())
    assert failed["source"].to_pylist() == [str(sounds / "bad.wav")]
    assert "bad.wav" in failed["error"].to_pylist()[0]
    assert sorted(one.name for one in index.folder.iterdir()) == sorted([*index.manifest.list_files(), "index.json"])


def test_a_run_that_was_stopped_goes_on_and_ends_with_the_same_index(run, sounds, tmp_path, monkeypatch):
    recordings = find_recordings([sounds], [])
    index_recordings(str(run), recordings, tmp_path / "whole", PLAIN)
    done: list[str] = []
    note = build._note

    def stop(recording, *rest):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(recording.path)
        return note(recording, *rest)

    monkeypatch.setattr(build, "_note", stop)
    with pytest.raises(KeyboardInterrupt):
        index_recordings(str(run), recordings, tmp_path / "index", PLAIN)
    assert not (tmp_path / "index" / "index.json").exists()
    monkeypatch.setattr(build, "_note", note)
    report = index_recordings(str(run), recordings, tmp_path / "index", PLAIN)
    assert (report.num_done, report.num_before) == (2, 2)
    for found, expected in zip(read_all(tmp_path / "index"), read_all(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(found, expected) if isinstance(found, np.ndarray) else found.equals(expected)


def test_only_new_and_changed_recordings_are_done_again(run, sounds, tmp_path, write_sound):
    out = tmp_path / "index"
    index_recordings(str(run), find_recordings([sounds], []), out, PLAIN)
    before = Index.open(out)
    shutil.copy(sounds / "b.wav", sounds / "c.wav")
    write_sound("night/short.flac", 4.0, seed=3)
    report = index_recordings(str(run), find_recordings([sounds], []), out, PLAIN)
    assert (report.num_done, report.num_before, report.num_recordings) == (2, 2, 5)
    after = Index.open(out)
    kept = sounds / "b.wav"
    np.testing.assert_array_equal(after.embeddings[after.find_rows(kept)], before.embeddings[before.find_rows(kept)])
    assert after.rows.take(after.find_rows(kept)).equals(before.rows.take(before.find_rows(kept)))
    assert len(after.find_rows(sounds / "short.flac")) == 4
    assert "failed before" in report.failures[0].found


def test_what_is_not_named_stays_unless_its_file_is_gone_and_it_is_pruned(run, sounds, tmp_path):
    out = tmp_path / "index"
    index_recordings(str(run), [Recording(str(sounds / "b.wav"), "b")], out, PLAIN)
    again = index_recordings(str(run), [Recording(str(sounds / "20240517_235959.wav"), "a")], out, PLAIN)
    assert again.num_recordings == 2
    (sounds / "b.wav").unlink()
    named = [Recording(str(sounds / "20240517_235959.wav"), "a")]
    assert index_recordings(str(run), named, out, PLAIN).num_recordings == 2
    report = index_recordings(str(run), named, out, IndexOptions(prune=True))
    assert (report.num_removed, report.num_recordings) == (1, 1)


def test_failed_recordings_are_tried_again_when_that_is_asked_for(run, sounds, tmp_path):
    out = tmp_path / "index"
    index_recordings(str(run), find_recordings([sounds], []), out, PLAIN)
    report = index_recordings(str(run), find_recordings([sounds], []), out, IndexOptions(only_failed=True))
    assert (report.num_done, report.num_recordings) == (1, 4)


def test_a_recording_that_is_not_there_is_a_failure_and_not_a_row(run, sounds, tmp_path):
    names = [Recording(str(sounds / "b.wav"), "b"), Recording(str(sounds / "absent.wav"), "absent")]
    report = index_recordings(str(run), names, tmp_path / "index", PLAIN)
    assert report.num_recordings == 1
    assert "absent.wav" in str(report.failures[0])


@pytest.mark.slow
def test_several_processes_write_the_same_index(run, sounds, tmp_path):
    recordings = find_recordings([sounds], [])
    index_recordings(str(run), recordings, tmp_path / "one", PLAIN)
    index_recordings(str(run), recordings, tmp_path / "two", IndexOptions(workers=2))
    one, two = Index.open(tmp_path / "one"), Index.open(tmp_path / "two")
    assert one.rows.select(["source", "start", "time"]).equals(two.rows.select(["source", "start", "time"]))
    np.testing.assert_allclose(one.embeddings, two.embeddings, rtol=1e-4, atol=1e-5)
    assert one.recordings.equals(two.recordings)


def test_metadata_can_be_searched_and_are_kept_until_others_are_given(run, sounds, tmp_path):
    out, table = tmp_path / "index", tmp_path / "sites.csv"
    table.write_text("file,site,depth\nb.wav,north,3\n20240517_235959.wav,south,\n")
    report = index_recordings(str(run), find_recordings([sounds], []), out, PLAIN, read_metadata(table))
    assert report.without_metadata == 2
    assert "2 recordings are not in the table of metadata" in "\n".join(report.describe())
    assert (
        Index.open(out).select("site = 'north' AND depth = 3").tolist()
        == Index.open(out).find_rows(sounds / "b.wav").tolist()
    )
    index_recordings(str(run), find_recordings([sounds], []), out, PLAIN)
    assert Index.open(out).manifest.metadata == ("site", "depth")
    table.write_text("file,zone\nb.wav,7\n")
    assert index_recordings(str(run), find_recordings([sounds], []), out, PLAIN, read_metadata(table)).num_done == 0
    assert Index.open(out).manifest.metadata == ("zone",)


def test_sources_are_found_from_another_folder(run, sounds, tmp_path, monkeypatch):
    monkeypatch.chdir(sounds.parent)
    index_recordings(str(run), find_recordings(["night/b.wav"], []), tmp_path / "index", PLAIN)
    monkeypatch.chdir(sounds)
    report = index_recordings(str(run), find_recordings(["b.wav", "short.flac"], []), tmp_path / "index", PLAIN)
    index = Index.open(tmp_path / "index")
    assert (report.num_done, report.num_before) == (1, 1)
    assert index.recordings["source"].to_pylist() == ["night/b.wav", "night/short.flac"]
    assert index.locate("night/b.wav").is_file()
    assert len(index.find_rows("b.wav")) == 2


def test_an_index_of_another_model_is_refused_and_stays(run, sounds, tmp_path):
    out, other = tmp_path / "index", tmp_path / "other"
    index_recordings(str(run), find_recordings([sounds / "b.wav"], []), out, PLAIN)
    save_checkpoint(build_network("jia-mobilenet-v2", 3, seed=1, width=0.25), other, vocabulary=NAMES)
    with pytest.raises(UsageError, match="wanted an index of"):
        index_recordings(str(other), find_recordings([sounds], []), out, PLAIN)
    assert Index.open(out).manifest.rows == 2


def test_no_index_is_written_where_nothing_can_be_read(run, sounds, tmp_path):
    report = index_recordings(str(run), [Recording(str(sounds / "bad.wav"), "bad")], tmp_path / "index", PLAIN)
    assert report.describe() == [f"{tmp_path / 'index'}: no recording could be read, and no index is written"]
    assert not (tmp_path / "index").exists()


def test_standard_input_and_nothing_are_refused(run, tmp_path):
    with pytest.raises(UsageError, match="standard input"):
        index_recordings(str(run), [Recording("-", "stdin")], tmp_path / "index", PLAIN)
    with pytest.raises(UsageError, match="at least one"):
        index_recordings(str(run), [], tmp_path / "index", PLAIN)


def test_another_process_in_the_folder_is_refused(run, sounds, tmp_path):
    (tmp_path / "index").mkdir()
    with lock(tmp_path / "index" / ".journal.lock"), pytest.raises(MachineError, match="another process"):
        index_recordings(str(run), find_recordings([sounds], []), tmp_path / "index", PLAIN)


def test_overlapping_segments_have_the_hop_that_was_asked_for(run, sounds, tmp_path):
    index_recordings(str(run), find_recordings([sounds / "b.wav"], []), tmp_path / "index", IndexOptions(hop=0.25))
    assert Index.open(tmp_path / "index").rows["start"].to_pylist() == [0.0, 0.25, 0.5]
    with pytest.raises(UsageError, match="hop"):
        IndexStage(str(run), str(tmp_path), 9.0)()


def test_a_folder_of_recordings_gets_no_index_among_them(run, sounds):
    before = sorted(sounds.iterdir())
    with pytest.raises(UsageError, match=r"a folder with .*, wanted a new or empty folder, or an index"):
        index_recordings(str(run), find_recordings([sounds], []), sounds, PLAIN)
    assert sorted(sounds.iterdir()) == before


def test_another_hop_is_refused_unless_it_is_forced(run, sounds, tmp_path):
    out, named = tmp_path / "index", find_recordings([sounds / "b.wav"], [])
    index_recordings(str(run), named, out, PLAIN)
    with pytest.raises(UsageError, match=r"1 recording embedded with another --hop.*and not --hop 0.25"):
        index_recordings(str(run), named, out, IndexOptions(hop=0.25))
    assert Index.open(out).rows["start"].to_pylist() == [0.0, 0.5]
    other = find_recordings([sounds / "short.flac"], [])
    assert index_recordings(str(run), other, out, IndexOptions(hop=0.25)).num_recordings == 2
    assert index_recordings(str(run), named, out, IndexOptions(hop=0.25, force=True)).num_done == 1
    assert Index.open(out).find_rows(sounds / "b.wav").tolist() == [0, 1, 2]
