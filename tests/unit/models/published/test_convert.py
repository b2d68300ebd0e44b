from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from hearsight.errors import CheckpointError, HearsightError, MachineError, TableError, UsageError, WeightsError
from hearsight.models.checkpoint import load_checkpoint, save_checkpoint
from hearsight.models.published.convert import convert
from hearsight.models.zoo import build_network
from tests.support.published import make_panns_state, make_vggish_variables

from .conftest import Writer

WIDTH = 0.02


@pytest.fixture
def panns(writer: Writer) -> Path:
    return writer.pth({"model": make_panns_state(3, WIDTH)}, "Cnn14_mAP=0.431.pth")


@pytest.fixture
def vggish(writer: Writer) -> Path:
    return writer.npz(make_vggish_variables(WIDTH))


def test_the_checkpoint_says_what_it_was_converted_from(panns: Path, tmp_path: Path) -> None:
    done = convert("panns-cnn14", panns, tmp_path / "out", width=WIDTH)
    sha256 = hashlib.sha256(panns.read_bytes()).hexdigest()
    wanted = {"kind": "panns-cnn14", "file": "Cnn14_mAP=0.431.pth", "sha256": sha256}
    assert load_checkpoint(tmp_path / "out")[1].converted_from == wanted
    card = (tmp_path / "out" / "README.md").read_text()
    assert "By others. Its weights were converted from a published file:" in card
    assert f"- sha256: {sha256}" in card
    assert "predicted by teachers" not in card
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert "its classes have numbers" in done.describe()[-1]


def test_a_network_without_classes_says_so_on_its_card(vggish: Path, tmp_path: Path) -> None:
    convert("vggish", vggish, tmp_path / "out", width=WIDTH)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "A sound network without classes, for its embeddings of 128 numbers" in card
    assert "model.embed(" in card
    assert "model.tag(" not in card


def test_classes_get_the_names_of_a_list(panns: Path, tmp_path: Path) -> None:
    names = tmp_path / "class_labels_indices.csv"
    names.write_text(
        'index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/m/05zppz,"Male speech, man speaking"\n2,/m/x,"Dog"\n'
    )
    assert convert("panns-cnn14", panns, tmp_path / "out", vocabulary=[names], width=WIDTH).named
    assert load_checkpoint(tmp_path / "out")[1].vocabulary == ("Speech", "Male speech, man speaking", "Dog")


def test_converting_again_gives_the_same_bytes(panns: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second, second):
        convert("panns-cnn14", panns, out, width=WIDTH)
    for name in ("README.md", "config.json", "model.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_what_a_killed_conversion_left_is_no_hindrance(panns: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.safetensors").write_bytes(b"half")
    (tmp_path / "out" / ".README.md.123.tmp").write_bytes(b"half")
    convert("panns-cnn14", panns, tmp_path / "out", width=WIDTH)
    assert load_checkpoint(tmp_path / "out")[1].name == "panns-cnn14"


def test_nothing_else_is_written_over(panns: Path, vggish: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(MachineError, match="out is not a folder"):
        convert("panns-cnn14", panns, out, width=WIDTH)
    assert out.read_text() == "mine"
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "dataset.json").write_text("{}")
    with pytest.raises(CheckpointError, match="a folder with other things in it"):
        convert("panns-cnn14", panns, folder, width=WIDTH)
    save_checkpoint(build_network("vggish", 2, width=0.01), tmp_path / "run", vocabulary=["a", "b"])
    with pytest.raises(CheckpointError, match="a checkpoint that was not converted"):
        convert("vggish", vggish, tmp_path / "run", width=WIDTH)
    convert("panns-cnn14", panns, tmp_path / "panns", width=WIDTH)
    with pytest.raises(CheckpointError, match=r"a checkpoint converted from panns-cnn14, wanted .* from vggish before"):
        convert("vggish", vggish, tmp_path / "panns", width=WIDTH)


def test_a_folder_that_cannot_be_made_is_named(panns: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MachineError, match=r"cannot be written \(.*file is not a folder\)"):
        convert("panns-cnn14", panns, tmp_path / "file" / "out", width=WIDTH)


def test_a_failed_conversion_leaves_an_earlier_one(panns: Path, writer: Writer, tmp_path: Path) -> None:
    convert("panns-cnn14", panns, tmp_path / "out", width=WIDTH)
    before = (tmp_path / "out" / "config.json").read_bytes()
    broken = make_panns_state(3, WIDTH)
    broken["fc1.bias"][0] = torch.nan
    with pytest.raises(WeightsError, match=r"fc1\.bias holds NaN"):
        convert("panns-cnn14", writer.pth(broken), tmp_path / "out", width=WIDTH)
    assert (tmp_path / "out" / "config.json").read_bytes() == before
    assert load_checkpoint(tmp_path / "out")[1].name == "panns-cnn14"


@pytest.mark.parametrize(
    ("kind", "options", "error", "told"),
    [
        ("pans-cnn14", {}, UsageError, "did you mean 'panns-cnn14'"),
        ("ast", {}, UsageError, "known: panns-cnn14, soundnet, vggish"),
        ("panns-cnn14", {"pca": "a.npz"}, UsageError, "given for panns-cnn14, wanted for vggish only"),
        ("panns-cnn14", {"vocabulary": ["two.txt"]}, UsageError, "2 names, wanted 3, one per output"),
        ("panns-cnn14", {"vocabulary": ["absent.txt"]}, TableError, "absent.txt"),
        ("vggish", {"vocabulary": ["two.txt"]}, UsageError, "--vocabulary: two.txt given, wanted none"),
        ("vggish", {"pca": "absent.npz"}, WeightsError, "absent.npz"),
        ("vggish", {"pca": "two.txt"}, WeightsError, "no file of weights that is known, wanted a NumPy archive"),
        ("soundnet", {}, WeightsError, r"a PyTorch file \(.pth\), wanted a NumPy array \(.npy\) or a Torch7 file"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    kind: str,
    options: dict[str, object],
    error: type[HearsightError],
    told: str,
    panns: Path,
    vggish: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.txt").write_text("one\ntwo\n")
    with pytest.raises(error, match=told):
        convert(kind, vggish if kind == "vggish" else panns, "out", width=WIDTH, **options)
    assert not Path("out").exists()


def test_a_tensorflow_checkpoint_itself_is_refused_with_a_way_out(writer: Writer, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"hint: a TensorFlow checkpoint: /\S+/docs/how-to/published-weights\.md"):
        convert("vggish", writer.raw(b"\x00vggish/conv1/weights", "vggish_model.ckpt"), tmp_path / "out")


def test_a_checkpoint_from_before_there_were_conversions_is_read(panns: Path, tmp_path: Path) -> None:
    convert("panns-cnn14", panns, tmp_path / "out", width=WIDTH)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    del config["converted_from"]
    (tmp_path / "out" / "config.json").write_text(json.dumps(config))
    assert load_checkpoint(tmp_path / "out")[1].converted_from == {}
