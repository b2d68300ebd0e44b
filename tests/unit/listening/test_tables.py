from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import soundfile

import hearsight
from hearsight.errors import UsageError
from hearsight.listening import tables
from hearsight.listening.tables import embed_files, tag_files


def test_embeddings_of_many_files_become_one_table(listener, write_sound, tmp_path):
    files = [write_sound("a.wav", 2.0), write_sound("b.flac", 1.5, seed=1)]
    report = embed_files(listener, files, tmp_path / "out" / "x.parquet")
    table = pq.read_table(report.out)
    assert table.column_names == ["path", "start", "duration", "embedding"]
    assert table["path"].to_pylist() == [str(files[0])] * 2 + [str(files[1])] * 2
    assert table["start"].to_pylist() == [0.0, 1.0, 0.0, 0.5]
    assert table["duration"].to_pylist() == [1.0] * 4
    expected = np.concatenate([listener.embed(path).values for path in files])
    np.testing.assert_array_equal(np.array(table["embedding"].to_pylist(), dtype=np.float32), expected)
    assert table.schema.field("embedding").type.list_size == listener.embedding_dim
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata["hearsight.model"] == "jia-mobilenet-v2"
    assert metadata["hearsight.version"] == hearsight.__version__
    assert metadata["hearsight.digest"] == listener.digest
    assert (report.num_files, report.num_segments, report.failures, report.padded) == (2, 4, [], [])
    assert "4 embeddings of 128 numbers from 2 files" in report.describe()[0]


def test_a_bad_file_is_reported_and_the_others_go_on(listener, write_sound, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing")
    files = [write_sound("a.wav", 1.0), bad, tmp_path / "absent.wav", write_sound("b.wav", 1.0)]
    report = embed_files(listener, files, tmp_path / "x.parquet")
    assert report.num_files == 2
    assert [failure.where for failure in report.failures] == [str(bad), str(tmp_path / "absent.wav")]
    assert set(pq.read_table(report.out)["path"].to_pylist()) == {str(files[0]), str(files[3])}
    assert str(bad) in report.as_json()["failures"][0]
    tagged = tag_files(listener, files, top=1)
    assert [tag.path for tag in tagged.tags] == [str(files[0]), str(files[3])]
    assert [failure.where for failure in tagged.failures] == [failure.where for failure in report.failures]


def test_where_nothing_can_be_heard_nothing_is_written_and_what_was_there_stays(listener, tmp_path):
    out = tmp_path / "x.parquet"
    out.write_bytes(b"of yesterday")
    report = embed_files(listener, [tmp_path / "absent.wav"], out)
    assert report.out is None
    assert out.read_bytes() == b"of yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
    assert report.describe() == ["nothing written: no file could be read"]
    assert len(report.failures) == 1


def test_padding_is_said_on_stderr(listener, write_sound, tmp_path, capsys):
    short, long = write_sound("short.wav", 0.25), write_sound("long.wav", 1.0)
    report = tag_files(listener, [short, long])
    assert report.padded == [str(short)]
    assert embed_files(listener, [short, long], tmp_path / "x.parquet").padded == [str(short)]
    streams = capsys.readouterr()
    assert streams.err.count("0.25 s of sound, padded with silence to a segment of 1 s") == 2
    assert streams.out == ""


def test_rows_are_written_in_groups_so_that_memory_stays_bounded(listener, write_sound, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS_AT_A_TIME", 2)
    report = embed_files(listener, [write_sound(f"{n}.wav", 1.0, seed=n) for n in range(5)], tmp_path / "x.parquet")
    file = pq.ParquetFile(report.out)
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [2, 2, 1]


def test_a_file_of_embeddings_is_named_by_its_format(listener, tmp_path):
    for out in (tmp_path / "x.txt", tmp_path):
        with pytest.raises(UsageError, match=r"ends in \.parquet or \.arrow or \.csv or \.npz"):
            embed_files(listener, [], out)


def test_embeddings_are_the_same_in_every_format(listener, write_sound, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS_AT_A_TIME", 2)
    files = [write_sound("a.wav", 3.2), write_sound("b, c.wav", 1.0, seed=1)]
    for suffix in ("parquet", "csv", "npz"):
        assert embed_files(listener, files, tmp_path / f"x.{suffix}").num_segments == 5
    wanted = pq.read_table(tmp_path / "x.parquet")
    values = np.array(wanted["embedding"].to_pylist(), dtype=np.float32)
    with np.load(tmp_path / "x.npz") as archive:
        np.testing.assert_array_equal(archive["embedding"], values)
        assert archive["path"].tolist() == wanted["path"].to_pylist()
        assert archive["start"].tolist() == wanted["start"].to_pylist()
        assert archive["duration"].tolist() == wanted["duration"].to_pylist()
        assert dict(archive["metadata"])["hearsight.digest"] == listener.digest
    table = pa_csv.read_csv(tmp_path / "x.csv")
    assert table.column_names[:4] == ["path", "start", "duration", "embedding_0"]
    assert table["path"].to_pylist() == wanted["path"].to_pylist()
    found = np.stack([table[f"embedding_{index}"].to_numpy() for index in range(values.shape[1])], axis=1)
    np.testing.assert_allclose(found, values, rtol=1e-6)


def test_an_arrow_file_has_the_table_of_the_parquet_file_and_an_archive_the_times_of_openl3(
    listener, write_sound, tmp_path
):
    sound = write_sound("a.wav", 2.5)
    for suffix in ("parquet", "arrow", "npz"):
        embed_files(listener, [sound], tmp_path / f"x.{suffix}")
    with pa.ipc.open_file(tmp_path / "x.arrow") as file:
        assert file.read_all().equals(pq.read_table(tmp_path / "x.parquet"))
        assert file.schema.metadata[b"hearsight.digest"].decode() == listener.digest
    with np.load(tmp_path / "x.npz") as archive:
        assert archive["timestamps"].tolist() == [0.5, 1.5, 2.0]
        assert archive["embedding"].shape == (3, listener.embedding_dim)


def test_a_pooled_embedding_is_the_mean_over_the_time_of_a_file(listener, write_sound, tmp_path, monkeypatch):
    monkeypatch.setattr(listener._splitter, "batch_segments", 2)
    files = [write_sound("a.wav", 5.5), write_sound("short.wav", 0.5, seed=1), tmp_path / "absent.wav"]
    report = embed_files(listener, files, tmp_path / "x.parquet", pool=True)
    table = pq.read_table(report.out)
    assert table["start"].to_pylist() == [0.0, 0.0]
    assert table["duration"].to_pylist() == [5.5, 0.5]
    values = listener.embed(files[0]).values
    expected = np.array([1, 1, 1, 1, 1, 0.5]) @ values / 5.5  # the last segment adds half of its time
    np.testing.assert_allclose(table["embedding"].to_pylist()[0], expected, rtol=1e-4, atol=1e-5)
    assert (report.num_files, report.num_segments, len(report.failures), report.padded) == (2, 2, 1, [str(files[1])])


def test_the_audio_and_video_files_of_a_folder_are_tagged(listener, write_sound, tmp_path):
    files = [write_sound("b.wav", 1.0), write_sound("a.flac", 1.0, seed=1)]
    folder = tmp_path / "sounds" / "inner"
    folder.mkdir(parents=True)
    moved = [file.rename(folder / file.name) for file in files]
    (tmp_path / "sounds" / "notes.txt").write_text("no sound")
    (tmp_path / "sounds" / ".hidden.wav").write_bytes(b"no sound")
    empty = tmp_path / "empty"
    empty.mkdir()
    report = tag_files(listener, [tmp_path / "sounds", empty], top=1)
    assert [tag.path for tag in report.tags] == [str(moved[1]), str(moved[0])]
    assert [failure.where for failure in report.failures] == [str(empty)]
    assert "no audio or video file" in report.failures[0].found
    assert embed_files(listener, [tmp_path / "sounds"], tmp_path / "x.npz").num_files == 2


def test_one_loud_file_does_not_end_a_run(listener, write_sound, tmp_path):
    loud = tmp_path / "loud.wav"
    soundfile.write(loud, np.full(16_000, 1e38, dtype=np.float32), 16_000, subtype="FLOAT")
    files = [write_sound("a.wav", 1.0), loud, write_sound("b.wav", 1.0)]
    report = tag_files(listener, files, top=1)
    assert [tag.path for tag in report.tags] == [str(files[0]), str(files[2])]
    assert [failure.where for failure in report.failures] == [str(loud)]
    assert embed_files(listener, files, tmp_path / "x.parquet").num_files == 2


def test_a_name_that_is_not_utf_8_is_written_with_escapes(listener, write_sound, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    try:
        write_sound("a.wav", 1.0).rename(path)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    report = embed_files(listener, [path], tmp_path / "x.parquet")
    assert pq.read_table(report.out)["path"].to_pylist() == [str(tmp_path / "caf\\xe9.wav")]
