from __future__ import annotations

import math
import shutil

import pytest

from hearsight.errors import InputError, TableError
from hearsight.teaching.examples import Example, check_classes, find_examples, name_sources
from tests.support.teaching import make_tone, write_wav


def test_a_folder_of_folders_names_the_classes(examples):
    found = find_examples([examples])
    assert len(found) == 15
    assert check_classes(found) == ["high", "low"]
    assert all(one.is_whole and not one.is_wrong for one in found)
    assert find_examples([examples, examples]) == found


def test_a_table_names_spans_beside_it(tmp_path):
    write_wav(tmp_path / "night.wav", make_tone(200.0, 4.0))
    (tmp_path / "a.csv").write_text("file,start,end,label\nnight.wav,0.5,1.5,owl\nnight.wav,2,,fox\n")
    path = str(tmp_path / "night.wav")
    assert find_examples([tmp_path / "a.csv"]) == [Example(path, "owl", 0.5, 1.5), Example(path, "fox", 2.0, math.inf)]


def test_of_a_judged_table_only_what_was_judged_is_taken(tmp_path):
    rows = ["a.wav,0,1,owl,right", "a.wav,1,1,owl,wrong", "a.wav,2,1,owl,skip", "a.wav,3,1,owl,"]
    (tmp_path / "a.csv").write_text("path,start,duration,class,judgement\n" + "\n".join(rows) + "\n")
    found = find_examples([tmp_path / "a.csv"])
    assert [(one.start, one.is_wrong) for one in found] == [(0.0, False), (1.0, True)]
    (tmp_path / "none.csv").write_text("path,start,duration,class,judgement\na.wav,3,1,owl,\n")
    with pytest.raises(TableError, match="no row with an example"):
        find_examples([tmp_path / "none.csv"])
    (tmp_path / "odd.csv").write_text("path,start,duration,class,judgement\na.wav,3,1,owl,wrnog\n")
    with pytest.raises(TableError, match="judgement 'wrnog'") as caught:
        find_examples([tmp_path / "odd.csv"])
    assert "did you mean 'wrong'" in caught.value.hint


def test_names_may_hold_what_pages_and_paths_find_special_but_no_controls(tmp_path):
    (tmp_path / "a.csv").write_text("path,start,end,class\na.wav,0,1,<b>owl</b>/../x\na.wav,0,1,\x1b[31mred\n")
    with pytest.raises(InputError, match="control character"):
        find_examples([tmp_path / "a.csv"])
    (tmp_path / "a.csv").write_text("path,start,end,class\na.wav,0,1,<b>owl</b>/../x\n")
    assert find_examples([tmp_path / "a.csv"])[0].name == "<b>owl</b>/../x"


def test_a_span_that_ends_before_it_starts_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("path,start,end,class\na.wav,2,1,owl\n")
    with pytest.raises(TableError, match=r"from 2 s to 1 s of a\.wav"):
        find_examples([tmp_path / "a.csv"])


def test_a_folder_without_classes_or_sounds_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folders in it"):
        find_examples([tmp_path])
    (tmp_path / "owl").mkdir()
    with pytest.raises(InputError, match="no audio or video file"):
        find_examples([tmp_path])


def test_the_same_sound_in_two_classes_is_refused(tmp_path):
    write_wav(tmp_path / "owl" / "a.wav", make_tone(200.0))
    (tmp_path / "fox").mkdir()
    shutil.copy(tmp_path / "owl" / "a.wav", tmp_path / "fox" / "b.wav")
    with pytest.raises(InputError, match=r"the same sound as .*b\.wav, as an example of 'owl' and of 'fox'"):
        check_classes(find_examples([tmp_path]))


def test_copies_of_a_file_are_one_source(tmp_path):
    one = write_wav(tmp_path / "owl" / "a.wav", make_tone(200.0))
    shutil.copy(one, tmp_path / "owl" / "b.wav")
    write_wav(tmp_path / "owl" / "c.wav", make_tone(300.0))
    first, second, third = name_sources(find_examples([tmp_path]))
    assert first == second != third
    assert name_sources([Example("absent", "owl", source="box 7")]) == ["box 7"]


def test_a_place_that_is_not_there_is_named_with_what_belongs_there(tmp_path):
    with pytest.raises(InputError, match="absent: no such file or folder, wanted a folder of sounds for each class"):
        find_examples([tmp_path / "absent"])
