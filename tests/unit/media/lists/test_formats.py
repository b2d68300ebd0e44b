from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.errors import TableError
from hearsight.media.lists.entry import ListEntry
from hearsight.media.lists.formats import FORMATS, VideoList, describe_formats, recognise_list

AUDIOSET = """\
# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=2, num_segs=2, num_unique_labels=3, num_positive_labels=3
# YTID, start_seconds, end_seconds, positive_labels
--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"
-0RWZT-miFs, 420.000, 430.000, "/m/03v3yw"
"""
VGGSOUND = """\
---g-f_I2yQ,1,people marching,test
--0PQM4-hqg,30,"waterfall burbling, loud",train
"""
AVSPEECH = "-00AMHPTLxU,200.000000,206.333333,0.432031,0.218056\n-00AMHPTLxU,90.123,95.0,0.5,0.1\n"
KINETICS = 'label,youtube_id,time_start,time_end,split,is_cc\n"abseiling, indoor",-3B32lodo2M,59,69,train,0\n'
KINETICS_PLAIN = "label,youtube_id,time_start,time_end,split\nabseiling,-3B32lodo2M,59,69,train\n"
KINETICS_TEST = "youtube_id,time_start,time_end,split\n-3B32lodo2M,59,69,test\n"
SPORTS = "http://www.youtube.com/watch?v=_l1W_nUCu2g 168,169\nhttp://www.youtube.com/watch?v=-l1W_nUCu2g 3\n"
URLS = "https://www.youtube.com/watch?v=-l1W_nUCu2g\nhttps://www.flickr.com/photos/me/12345/\nhttp://a.org/v/b%20c.mp4?x=1\n"
MOMENTS = "clapping/yt-abc_15.mp4,clapping,3,1\nadult+female+singing/getty-1.mp4,adult+female+singing,4,0\n"
AVA = "053oq2xB3oU.mkv\n-5KQ66BBWC4.mkv\nown movie.mp4\n"


def write(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read(path: Path) -> list[ListEntry]:
    videos = recognise_list(path)
    assert videos is not None
    return list(videos.read())


@pytest.mark.parametrize(
    ("text", "name", "form", "last"),
    [
        (AUDIOSET, "l.csv", "audioset", ("-0RWZT-miFs", 5, 420.0, 430.0, "/m/03v3yw")),
        (VGGSOUND, "l.csv", "vggsound", ("--0PQM4-hqg", 2, 30.0, 40.0, "waterfall burbling, loud (train)")),
        (AVSPEECH, "l.csv", "avspeech", ("-00AMHPTLxU", 2, 90.123, 95.0, "0.5,0.1")),
        (KINETICS, "l.csv", "kinetics", ("-3B32lodo2M", 2, 59.0, 69.0, "abseiling, indoor (train)")),
        (KINETICS_PLAIN, "l.csv", "kinetics", ("-3B32lodo2M", 2, 59.0, 69.0, "abseiling (train)")),
        (KINETICS_TEST, "l.csv", "kinetics", ("-3B32lodo2M", 2, 59.0, 69.0, "(test)")),
        (SPORTS, "l.txt", "sports1m", ("-l1W_nUCu2g", 2, 0.0, None, "3")),
        (URLS, "l.lst", "urls", ("b_c-722cfb91", 3, 0.0, None, "")),
        (MOMENTS, "l.csv", "moments", ("getty-1", 2, 0.0, None, "adult+female+singing")),
        (AVA, "l.txt", "ava", ("own movie", 3, 0.0, None, "")),
    ],
)
def test_a_published_list_is_recognised_by_its_shape_and_read(
    tmp_path: Path, text: str, name: str, form: str, last: tuple[object, ...]
) -> None:
    path = write(tmp_path, text, name)
    assert recognise_list(path) == VideoList(path, form)
    entry = read(path)[-1]
    assert (entry.id, entry.line, entry.start, entry.end, entry.labels.strip()) == last


@pytest.mark.parametrize("text", [AUDIOSET, VGGSOUND, AVSPEECH, KINETICS, MOMENTS])
def test_a_byte_order_mark_other_line_ends_and_blank_lines_change_no_entry(tmp_path: Path, text: str) -> None:
    plain = read(write(tmp_path, text))
    changed = "\ufeff" + text.replace("\n", "\r\n\r\n")
    assert [(e.id, e.start, e.end, e.labels) for e in read(write(tmp_path, changed, "b.csv"))] == [
        (e.id, e.start, e.end, e.labels) for e in plain
    ]


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        (AUDIOSET + "#NAME?, 1, 2, x\nabc, 1.0, 2.0, /m/01\n", "line 7", "id 'abc'"),
        (AUDIOSET + "--PJHxphWEs, 30.000, x, /m/01\n", "line 6", "end is 'x'"),
        (AUDIOSET + "--PJHxphWEs, 40.0, 30.0, /m/01\n", "line 6", "the span from 40 to 30 s"),
        (AUDIOSET + "--PJHxphWEs, 40.0\n", "line 6", "2 fields"),
        (AUDIOSET + '--PJHxphWEs, 40.0, 50.0, "/m/01\n', "line 6", "unexpected end"),
        (AUDIOSET + "--PJHxphWEs, 40.0, 50.0, dog\n", "line 6", "label 'dog'"),
        (VGGSOUND + "---g-f_I2yQ,1,a,b,test\n", "line 3", "5 fields"),
        (VGGSOUND + "---g-f_I2yQ,1,a,held\n", "line 3", "split is 'held'"),
        (AVSPEECH + "-00AMHPTLxU,1,2,0.5\n", "line 3", "4 fields"),
        (KINETICS + "abseiling,-3B32lodo2M,59\n", "line 3", "3 fields"),
        (KINETICS + "a,-3B32lodo2M,-59,69,train,0\n", "line 3", "start is '-59'"),
        (MOMENTS + "clapping/notes.txt,clapping,3,1\n", "line 3", "'clapping/notes.txt'"),
    ],
)
def test_a_row_that_cannot_be_understood_is_named_by_its_line(
    tmp_path: Path, text: str, place: str, found: str
) -> None:
    with pytest.raises(TableError) as caught:
        read(write(tmp_path, text))
    assert caught.value.where.endswith(place)
    assert found in caught.value.found


@pytest.mark.parametrize(
    ("text", "found"),
    [(SPORTS + "http://a.org/x.mp4\n", "http://a.org/x.mp4"), (URLS + "ftp://a.org/x.mp4\n", "ftp://a.org/x.mp4")],
)
def test_a_line_of_a_text_list_that_is_no_address_is_named(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(TableError, match=found):
        read(write(tmp_path, text, "list.txt"))


@pytest.mark.parametrize(
    "text",
    [
        AUDIOSET.replace("num_ytids=2,", "num_ytids=20371,"),
        '--4gqARaEJE,0.000,10.000,"""/m/068hy",/m/07q6cd_,/m/0bt9lr,"/m/0jbk""",,,\n',
    ],
)
def test_the_evaluation_list_of_audioset_is_known_by_what_it_says(tmp_path: Path, text: str) -> None:
    videos = recognise_list(write(tmp_path, text))
    assert videos is not None
    assert videos.is_evaluation


def test_the_evaluation_list_of_audioset_is_known_by_its_name(tmp_path: Path) -> None:
    videos = recognise_list(write(tmp_path, AUDIOSET, "eval_segments.csv"))
    assert videos == VideoList(tmp_path / "eval_segments.csv", "audioset", is_evaluation=True)


def test_quotes_that_another_program_moved_do_not_end_up_in_labels(tmp_path: Path) -> None:
    text = '--4gqARaEJE,0.000,10.000,"""/m/068hy",/m/07q6cd_,/m/0bt9lr,"/m/0jbk""",,,\n'
    assert read(write(tmp_path, text))[0].labels == "/m/068hy,/m/07q6cd_,/m/0bt9lr,/m/0jbk"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_names_videos_by_id_or_address(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"list.{suffix}"
    rows = {
        "id": ["a", ""],
        "url": ["", "http://a.org/b.mp4"],
        "start": ["1.5", ""],
        "end": ["3", ""],
        "labels": ["x", ""],
    }
    if suffix == "csv":
        path.write_text("\n".join([",".join(rows), *(",".join(row) for row in zip(*rows.values(), strict=True))]))
    else:
        pq.write_table(pa.table(rows), path)
    first, second = read(path)
    assert (first.id, first.start, first.end, first.labels) == ("a", 1.5, 3.0, "x")
    assert second.url == "http://a.org/b.mp4"
    assert second.names[1] == "b"


@pytest.mark.parametrize("id", ["../../etc/passwd", "a/b", "..", "a\x00b", "x" * 201, " "])
def test_an_id_that_cannot_name_a_file_is_refused(tmp_path: Path, id: str) -> None:
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"id": [id]}), path)
    with pytest.raises(TableError, match=r"list\.parquet, row 0"):
        read(path)


@pytest.mark.parametrize("text", ["", "\n\n", "dog\nice cream\n", "# a comment alone\n", "a,b,c\n1,2,3\n"])
def test_other_text_is_no_published_list(tmp_path: Path, text: str) -> None:
    assert recognise_list(write(tmp_path, text, "list.txt")) is None


def test_a_file_that_is_no_text_is_no_list_unless_its_name_says_so(tmp_path: Path) -> None:
    content = b"\x00\x00\x00\x18ftypmp42\xff\xfe\n" * 20
    (tmp_path / "movie.txt").write_bytes(content)
    assert recognise_list(tmp_path / "movie.txt") is None
    (tmp_path / "list.csv").write_bytes(AUDIOSET.encode() + b"\xff\n")
    with pytest.raises(TableError, match="UTF-8"):
        read(tmp_path / "list.csv")


def test_a_list_is_read_row_by_row(tmp_path: Path) -> None:
    videos = recognise_list(write(tmp_path, VGGSOUND * 20 + "broken\n"))
    assert videos is not None
    entries = videos.read()
    assert [next(entries).id for _ in range(40)][-1] == "--0PQM4-hqg"  # the broken row has not been read yet


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="more than 65,536 characters"):
        read(write(tmp_path, VGGSOUND + "x" * 100_000))


def test_every_format_is_named_for_the_help() -> None:
    assert all(one.title in describe_formats() for one in FORMATS)
