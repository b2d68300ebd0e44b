from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hearsight import vocabulary
from hearsight.errors import TableError
from hearsight.text import find_control
from hearsight.vocabulary import (
    ControlCharacterError,
    Vocabulary,
    check_names,
    load_vocabulary,
    make_unique,
    number_vocabulary,
    parse_vocabulary,
)


def parse(text: str, where: str = "names.txt") -> Vocabulary:
    return parse_vocabulary(text.encode(), where)


def test_one_name_a_line():
    assert parse("background\ntench, Tinca tinca\r\ngoldfish\n\n") == Vocabulary(
        ("background", "tench, Tinca tinca", "goldfish")
    )


def test_line_numbers_and_synsets_are_no_part_of_the_name():
    assert parse("0  background\n1  tench, Tinca tinca\n").names == ("background", "tench, Tinca tinca")
    assert parse("0: dog\n1: cat\n").names == ("dog", "cat")
    synsets = parse("n01440764 tench, Tinca tinca\nn01443537 goldfish\n")
    assert synsets == Vocabulary(("tench, Tinca tinca", "goldfish"), ("n01440764", "n01443537"))


def test_names_that_begin_with_numbers_keep_them():
    assert parse("8 bit music\n12 string guitar\n").names == ("8 bit music", "12 string guitar")


def test_audioset_columns_give_names_and_ids():
    text = 'index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/m/05zppz,"Male speech, man speaking"\n'
    assert parse(text) == Vocabulary(("Speech", "Male speech, man speaking"), ("/m/09x0r", "/m/05zppz"))


def test_rows_out_of_order_are_put_in_order():
    assert parse("index,name\n1,cat\n0,dog\n").names == ("dog", "cat")


def test_a_table_without_header_has_index_name_and_id():
    text = "0,Accelerating,/m/07q2z82\n1,Accordion,/m/0mkg\n"
    assert parse(text, "vocabulary.csv") == Vocabulary(("Accelerating", "Accordion"), ("/m/07q2z82", "/m/0mkg"))


def test_a_table_of_clips_gives_its_classes():
    text = "filename,fold,target,category,esc10\n1-1.wav,1,1,rooster,True\n1-2.wav,1,0,dog,True\n2-1.wav,2,1,rooster,True\n"
    assert parse(text, "esc50.csv").names == ("dog", "rooster")


def test_json_in_all_its_shapes():
    names = ("dog", "cat")
    for value in (
        ["dog", "cat"],
        {"cat": 1, "dog": 0},
        {"0": "dog", "1": "cat"},
        {"id2label": {"1": "cat", "0": "dog"}},
    ):
        assert parse(json.dumps(value)).names == names
    objects = [{"id": "/m/0bt9lr", "name": "dog"}, {"id": "/m/01yrx", "name": "cat"}]
    keras = {"0": ["/m/0bt9lr", "dog"], "1": ["/m/01yrx", "cat"]}
    for value in (objects, [objects], keras):
        assert parse(json.dumps(value)) == Vocabulary(names, ("/m/0bt9lr", "/m/01yrx"))


def test_ml_images_is_separated_by_tabs():
    header = "category_index\tcategory_id\tindex_of_parent_category\tcategory name\n"
    found = parse(header + "0\tn00002452\t-1\tthing\n1\tn01900150\t0\thair\n2\tn05254795\t0\thair\n")
    assert found == Vocabulary(
        ("thing", "hair (n01900150)", "hair (n05254795)"), ("n00002452", "n01900150", "n05254795")
    )


def test_equal_names_are_told_apart_by_number_where_there_are_no_ids():
    assert parse("crane\nheron\ncrane\n").names == ("crane (0)", "heron", "crane (2)")
    assert make_unique(["a", "a"], ["same", "same"]) == ("a (0)", "a (1)")


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert parse_vocabulary(b"\xef\xbb\xbfdog\ncat\n", "names.txt").names == ("dog", "cat")


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "a.txt", "empty"),
        (" \n", "a.txt", "empty"),
        ("dog\n\ncat\n", "a.txt", "a.txt line 2: an empty line"),
        ("index,name\n0,dog\nx,cat\n", "a.csv", "a.csv line 3: 'x' is not a class index"),
        ("index,name\n0,dog\n2,cat\n", "a.csv", "2 classes, but none with index 1"),
        ("index,name\n0,dog\n0,cat\n", "a.csv", "a.csv line 3: class 0 is 'cat', and 'dog' before"),
        ("index,name\n0,dog,extra\n", "a.csv", "a.csv line 2: 3 columns, wanted 2"),
        ("index,name\n0,\n", "a.csv", "a.csv line 2: class 0 has no name"),
        ("file,start_sec\na,1\n", "a.csv", "a.csv line 1: no column of names"),
        ("# a comment\nYTID, start\n", "segments.csv", "segments.csv line 1: no column of names"),
        ("a\tb\nc\td\n", "a.txt", "a.txt line 1: no column of names"),
        ('{"dog": 0,\n"cat"', "a.json", r"a.json: not JSON \(line 2"),
        ('{"dog": 0.5}', "a.json", "entry 'dog'"),
        ('{"dog": true}', "a.json", "entry 'dog'"),
        ('["dog", 3]', "a.json", "entry 1: 3"),
        ("[]", "a.json", "no classes"),
        ('{"id2label": {"x": "dog"}}', "a.json", "'x' is not a class index"),
    ],
)
def test_what_is_no_class_list_is_refused_with_its_place(text: str, where: str, message: str):
    with pytest.raises(TableError, match=message):
        parse(text, where)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(TableError, match=r"byte 3 \(0xff\) is not UTF-8[\s\S]*hint: save the file as UTF-8"):
        parse_vocabulary(b"dog\xff\n", "a.txt")


def test_utf_16_is_named_as_such():
    with pytest.raises(TableError, match=r"a\.txt: UTF-16 text \(it begins with fffe\), wanted UTF-8"):
        parse_vocabulary("dog\ncat\n".encode("utf-16"), "a.txt")


def test_a_blank_after_a_comma_belongs_to_no_cell():
    quoted = 'index, mid, "display_name"\n0, /m/09x0r, "Speech"\n1, /m/05zppz, "Male speech, man speaking"\n'
    assert parse(quoted, "a.csv") == Vocabulary(("Speech", "Male speech, man speaking"), ("/m/09x0r", "/m/05zppz"))
    bare = '0, "Walk, footsteps", /m/07pbtc8\n1, Accordion, /m/0mkg\n'
    assert parse(bare, "a.csv") == Vocabulary(("Walk, footsteps", "Accordion"), ("/m/07pbtc8", "/m/0mkg"))


@pytest.mark.parametrize(
    "character", ["\x1b", "\x00", "\x07", "\x7f", "\x9b", "\u202e", "\u2066", "\u200f", "\ud800", "\t"], ids=ascii
)
def test_control_characters_in_names_and_ids_are_refused(character: str):
    code = re.escape(str(find_control(character)))
    with pytest.raises(ControlCharacterError, match=rf"a\.json entry 1: the control character {code}"):
        parse(json.dumps(["dog", f"c{character}at"]), "a.json")
    with pytest.raises(ControlCharacterError, match=code):
        parse(json.dumps([{"name": "dog", "id": f"/m/{character}a"}]), "a.json")
    with pytest.raises(ControlCharacterError, match=rf"a model class 1: the control character {code}"):
        check_names(["dog", f"{character}cat"], "a model")


def test_letters_and_signs_of_all_scripts_are_names():
    names = ("Männerstimme", "犬", "كلب", "naïve “quotes”", "👩\u200d🚒 [siren]")
    assert parse(json.dumps(names)).names == names


def test_an_endless_name_is_refused():
    with pytest.raises(TableError, match=r"a\.txt line 2: a name of 1,001 characters, wanted at most 1,000"):
        parse("dog\n" + "a" * 1001 + "\n", "a.txt")


def test_more_classes_than_a_list_may_have_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vocabulary, "MAX_CLASSES", 3)
    clips = "target,category\n" + "0,dog\n1,cat\n2,rain\n" * 5
    assert len(parse(clips, "clips.csv")) == 3
    with pytest.raises(TableError, match=r"a\.txt line 4: more than 3 classes"):
        parse("a\nb\nc\nd\n", "a.txt")


def test_a_file_is_looked_at_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(TableError, match=r"pipe\.txt: cannot be read \(a named pipe, not a regular file\)"):
        load_vocabulary(tmp_path / "pipe.txt")
    with pytest.raises(TableError, match=r"cannot be read \(a folder"):
        load_vocabulary(tmp_path)
    monkeypatch.setattr(vocabulary, "MAX_BYTES", 7)
    (tmp_path / "long.txt").write_text("dog\ncat\n")
    with pytest.raises(TableError, match="8 bytes, more than the 7"):
        load_vocabulary(tmp_path / "long.txt")


@pytest.mark.parametrize("path", ["a\0b.txt", "~nobody-of-this-name/a.txt"])
def test_a_path_that_cannot_be_one_is_an_error_of_ours(path: str):
    with pytest.raises(TableError, match="cannot be read"):
        load_vocabulary(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" + "1" * 5000 + "]", 'name,id\n"' + "a" * 200_000 + '",1\n'])
def test_text_that_breaks_a_parser_is_an_error_of_ours(text: str):
    with pytest.raises(TableError):
        parse(text, "a.csv")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(["a.csv", "a.txt"]))
@example(b"name,id\n", "a.csv")
@example(b'"', "a.csv")
def test_any_bytes_are_a_class_list_or_a_table_error(content: bytes, where: str):
    try:
        found = parse_vocabulary(content, where)
    except TableError:
        return
    assert len(found) > 0
    assert len(set(found.names)) == len(found.names)


@given(st.lists(st.sampled_from(["a", "b", "a (0)", "a (1)", "a (2)", "a (1) (1)"]), min_size=1, max_size=7))
def test_names_are_unique_whatever_they_were(names: list[str]):
    unique = make_unique(names)
    assert len(set(unique)) == len(names)
    assert all(new.startswith(old) for new, old in zip(unique, names, strict=True))


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(TableError, match=r"nowhere\.txt: cannot be read"):
        load_vocabulary(tmp_path / "nowhere.txt")


def test_classes_without_names_are_numbered():
    assert number_vocabulary(3).names == ("class 0", "class 1", "class 2")
    assert len(number_vocabulary(3)) == 3


REAL = {
    "audioset_class_labels_indices.csv": (527, "Speech", "/m/09x0r"),
    "yamnet_class_map.csv": (521, "Speech", "/m/09x0r"),
    "audioset_ontology.json": (632, "Human sounds", "/m/0dgw9r"),
    "audioset_ontology_with_levels.json": (632, "Human sounds", "/m/0dgw9r"),
    "esc50_class_labels_indices.csv": (50, "dog", "/m/07rwj00"),
    "esc50_class_labels_space.json": (50, "dog", None),
    "fsd50k_class_labels_indices.json": (200, "Whispering", None),
    "vggsound_class_labels_indices.json": (309, "people crowd", None),
    "urbansound8k_class_labels_indices.json": (10, "air conditioner", None),
    "UrbanSound8K_meta.csv": (10, "air_conditioner", None),
    "imagenet_labels_1001.txt": (1001, "background", None),
    "tencent_ml_images_dictionary_and_semantic_hierarchy.txt": (11_166, "thing", "n00002452"),
}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_published_lists_have_their_published_sizes(real_data: Path, name: str):
    found = load_vocabulary(real_data / "vocab" / name)
    size, first, identity = REAL[name]
    assert len(found) == size
    assert found.names[0] == first
    assert len(set(found.names)) == size
    assert (found.ids and found.ids[0]) == identity


@pytest.mark.real
@pytest.mark.parametrize(
    "name",
    ["audioset_balanced_train_segments.csv", "audioset_eval_segments.csv", "vggsound_test_vaura.csv", "SOURCES.tsv"],
)
def test_published_lists_of_clips_are_no_class_lists(real_data: Path, name: str):
    with pytest.raises(TableError, match="line 1: no column of names"):
        load_vocabulary(real_data / "vocab" / name)
