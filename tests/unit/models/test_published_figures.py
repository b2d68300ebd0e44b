"""Every figure that the papers print of a network, and every count that follows from them, to the digit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from hearsight.models.counts import Counts, count_layers, count_network
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.network import Network
from hearsight.models.row import Figure
from hearsight.models.table import COLUMNS, describe_networks
from hearsight.models.zoo import NETWORKS, build_network

NOTES = Path(__file__).parents[3] / "docs" / "paper-notes.md"

# parameters, kernels, multiply-accumulates of one segment, at the paper's number of classes
COUNTS: dict[str, tuple[int, int, int]] = {
    "jia-vggish": (73_559_926, 73_538_880, 884_325_120),
    "jia-vggish-bn": (73_561_654, 73_538_880, 884_325_120),
    "jia-vggish-fcn": (73_569_974, 73_538_880, 884_325_120),
    "jia-mobilenet-v2": (3_806_006, 3_760_768, 157_606_912),
    "jia-resnet-50": (25_182_774, 25_118_528, 2_001_976_064),
    "hershey-fc": (11_237_087, 11_231_000, 11_231_000),
    "hershey-alexnet": (37_352_495, 37_338_464, 767_639_744),
    "hershey-alexnet fit=narrow": (37_355_431, 37_343_592, 767_644_872),
    "hershey-vgg-e": (62_044_495, 62_022_208, 2_423_713_792),
    "hershey-aed-log-mel": (3_810_527, 3_807_000, 3_807_000),
    "hershey-aed-embedding": (28_080_287, 28_023_640, 1_854_656_280),
    "hershey-inception-v3": (27_954_783, 27_917_520, 4_725_540_672),
    "hershey-inception-v3 stem=slim": (28_077_023, 28_039_760, 5_437_980_672),
    "hershey-resnet-50": (29_827_023, 29_770_816, 1_856_403_456),
    "vggish": (72_209_167, 72_198_592, 863_963_008),
    "wu-mlp": (8_936_527, 8_927_000, 8_927_000),
    "wu-lstm": (85_539_343, 85_489_664, 8_442_116_096),
    "wu-bgru-att": (107_854_351, 107_803_648, 10_566_664_192),
    "wu-alexnet": (56_093_441, 56_083_798, 650_748_438),
    "wu-alexnet-bn": (56_111_673, 56_083_798, 650_748_438),
    "wu-resnet-50": (24_581_583, 24_527_936, 2_119_350_272),
    "wu-alexnet-bn-final-64": (54_301_799, 54_273_860, 648_938_500),
    "wu-alexnet-bn-final-256": (55_167_719, 55_139_588, 649_804_228),
    "wu-alexnet-bn-final-1024": (58_631_399, 58_602_500, 653_267_140),
    "wu-alexnet-bn-mid-64": (40_765_109, 40_737_170, 635_401_810),
    "wu-alexnet-bn-mid-256": (42_294_389, 42_266_258, 636_930_898),
    "wu-alexnet-bn-mid-1024": (48_411_509, 48_382_610, 643_047_250),
    "wu-alexnet-bn-fc-64": (3_065_871, 3_061_504, 597_726_144),
    "wu-alexnet-bn-fc-256": (4_949_967, 4_944_448, 599_609_088),
    "wu-alexnet-bn-fc-1024": (13_223_631, 13_213_504, 607_878_144),
    "wu-alexnet-bn-gap": (2_589_135, 2_585_152, 597_249_792),
    "soundnet-8": (14_352_713, 14_345_216, 303_959_040),
    "soundnet-5": (6_202_137, 6_199_296, 376_455_168),
    "soundnet-autoencoder": (413_210, 410_752, 25_724_032),
    "panns-cnn14": (80_753_615, 80_734_784, 20_041_926_656),
    "hearsight-conv-4": (376_175, 374_816, 75_116_288),
}

# as printed: Hershey 2017, sections 3.3.1 to 3.3.5; Wu & Lee 2018, Tables 1 and 2; Jia 2019, section 3; PANNs 2020, Table XII
PRINTED: dict[str, str] = {
    "jia-vggish-fcn": "73.54M / 360.72M",
    "hershey-fc": "11.2M / 11.2M",
    "hershey-alexnet": "37.3M / 767M",
    "hershey-alexnet fit=narrow": "37.3M / 767M",
    "hershey-vgg-e": "62M / 2.4B",
    "hershey-inception-v3": "28M / 4.7B",
    "hershey-inception-v3 stem=slim": "28M / 4.7B",
    "hershey-resnet-50": "30M / 1.9B",
    "wu-mlp": "9.48M",
    "wu-lstm": "85.54M",
    "wu-bgru-att": "107.85M",
    "wu-alexnet": "56.09M",
    "wu-alexnet-bn": "56.11M",
    "wu-resnet-50": "24.58M",
    "wu-alexnet-bn-final-64": "54.30M",
    "wu-alexnet-bn-final-256": "55.17M",
    "wu-alexnet-bn-final-1024": "58.63M",
    "wu-alexnet-bn-mid-64": "40.77M",
    "wu-alexnet-bn-mid-256": "42.29M",
    "wu-alexnet-bn-mid-1024": "48.41M",
    "wu-alexnet-bn-fc-64": "3.07M",
    "wu-alexnet-bn-fc-256": "4.95M",
    "wu-alexnet-bn-fc-1024": "13.22M",
    "wu-alexnet-bn-gap": "2.59M",
    "panns-cnn14": "80.753615M / 42.220B",
}
MISSES = {"jia-vggish-fcn", "wu-mlp", "hershey-inception-v3 stem=slim", "panns-cnn14"}


def build_as_published(name: str, num_classes: int | None = None, **options: Any) -> Network:
    """Build a network without memory for its weights."""
    return build_on_meta_device(name, num_classes or NETWORKS[name].published_classes, **options)


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return {line.title: line for line in describe_networks()}


def test_every_count_is_pinned_to_the_digit(table: dict[str, Any]) -> None:
    found = {name: (line.parameters, line.weights, line.macs) for name, line in table.items()}
    assert found == COUNTS


def test_the_published_figures_are_the_papers(table: dict[str, Any]) -> None:
    assert {name: line.printed for name, line in table.items() if line.printed} == PRINTED


def test_all_published_figures_come_out_but_for_the_documented_misses(table: dict[str, Any]) -> None:
    assert {name for name, line in table.items() if line.matches} == set(PRINTED) - MISSES
    assert {name for name, line in table.items() if line.matches is False} == MISSES
    for line in table.values():
        assert (line.matches is None) == (not line.printed)


def test_a_miss_has_a_reason_that_can_be_read(table: dict[str, Any]) -> None:
    heads = re.findall(r"^#+ (.+)$", NOTES.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
    for name in MISSES:
        path, _, anchor = table[name].reason.partition("#")
        assert path == "docs/paper-notes.md"
        assert anchor in anchors
    assert all(not line.reason for name, line in table.items() if name not in MISSES)


def test_the_table_serves_machines_and_people(table: dict[str, Any]) -> None:
    lines = list(table.values())
    keys = ["name", "paper", "parameters", "weights", "macs", "published_parameters", "published_macs", "matches"]
    for line in lines:
        described = line.as_json()
        assert set(keys) < set(described)
        assert len(line.row()) == len(COLUMNS)
    by_name = {line.as_json()["name"]: line.as_json() for line in lines}
    assert len(by_name) == len(lines)
    assert by_name["wu-mlp"]["published_parameters"] == pytest.approx(9.48e6)
    assert by_name["hershey-alexnet"]["published_macs"] == pytest.approx(767e6)
    assert by_name["soundnet-8"]["matches"] is None
    assert by_name["wu-mlp"]["matches"] is False
    assert table["wu-mlp"].row()[-1] == "no, see #wus-perceptron"
    assert table["jia-vggish-fcn"].row()[-1] == "yes / no, see #parameters-and-flops"
    assert table["hershey-fc"].row()[-1] == "yes / yes"
    assert table["panns-cnn14"].row()[-1] == "yes / no, see #multiplications-and-additions"
    assert (by_name["jia-vggish-fcn"]["matches_parameters"], by_name["jia-vggish-fcn"]["matches_macs"]) == (True, False)


def test_the_papers_and_their_networks_are_all_there() -> None:
    assert [row.paper for row in NETWORKS.values()] == (
        ["Jia 2019"] * 5
        + ["Hershey 2017"] * 8
        + ["Wu & Lee 2018"] * 16
        + ["SoundNet 2016"] * 3
        + ["PANNs 2020", "hearsight"]
    )


@pytest.mark.parametrize(
    ("printed", "count", "matches"),
    [
        ("73.54M", 73_538_880, True),
        ("73.54M", 73_580_022, False),
        ("9.48M", 8_936_527, False),
        ("767M", 767_639_744, True),  # cut off
        ("768M", 767_639_744, True),  # rounded
        ("766M", 767_639_744, False),
        ("30M", 29_770_816, True),
        ("1.9B", 1_856_403_456, True),
        ("1.9B", 2_001_976_064, False),
        ("4.7B", 4_800_000_000, False),
        ("54.30M", 54_304_999, True),
        ("54.30M", 54_310_000, False),
    ],
)
def test_a_figure_is_met_at_its_printed_precision(printed: str, count: int, matches: bool) -> None:
    assert Figure(printed).matches(count) is matches


def test_a_figure_knows_what_it_stands_for() -> None:
    assert Figure("2.4B").value == pytest.approx(2.4e9)
    assert Figure("360.72M").last_digit == pytest.approx(1e4)
    with pytest.raises(ValueError, match="no figure"):
        Figure("24 million")


# what the papers say of other sizes of the same networks


def test_hershey_s_bottleneck_and_label_sets_come_out() -> None:
    """Section 4.2: 30,871 labels; the paper says 80M without a bottleneck, which its own numbers make 86.7M (facts and notes)."""
    wide = count_network(build_as_published("hershey-resnet-50", 30_871)).weights
    narrow = count_network(build_as_published("hershey-resnet-50", 30_871, bottleneck=128)).weights
    assert round(wide / 1e6, 1) == 86.7
    assert round(narrow / 1e6, 1) == 27.7


def test_jia_s_count_holds_for_both_printed_numbers_of_classes() -> None:
    for num_classes, weights in ((10_998, 73_538_880), (10_988, 73_537_600)):
        counts = count_network(build_as_published("jia-vggish-fcn", num_classes))
        assert counts.weights == weights
        assert Figure("73.54M").matches(weights)


def test_jia_s_layers_cost_what_they_cost() -> None:
    macs = [round(count / 1e6, 2) for count in count_layers(build_as_published("jia-vggish-fcn")).values()]
    assert macs == [3.69, 117.96, 117.96, 235.93, 113.25, 226.49, 50.33, 16.78, 0.52, 1.41]


def test_wu_s_global_pooling_saves_parameters_and_hardly_any_multiplies() -> None:
    full, pooled = (count_network(build_as_published(name)) for name in ("wu-alexnet-bn", "wu-alexnet-bn-gap"))
    assert round(full.parameters / pooled.parameters) == 22  # "1/22 model parameters" (Wu & Lee 2018, abstract)
    assert pooled.macs / full.macs == pytest.approx(0.918, abs=0.001)


# sizes of maps


def list_maps(name: str, **options: Any) -> list[tuple[int, ...]]:
    """List the sizes of all maps in the order in which they are computed."""
    network = build_as_published(name, 3, **options)
    sizes: list[tuple[int, ...]] = []
    for module in network.trunk.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _module, _inputs, output: sizes.append(tuple(output.shape[2:])))
    definition = network.front_end.definition
    with torch.no_grad():
        network.eval().trunk(torch.zeros(1, 1, definition.patch_frames, definition.n_mels, device="meta"))
    return [size for size in sizes if size]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("jia-vggish", [(100, 64), (50, 32), (25, 16), (12, 8), (6, 4)]),
        ("jia-vggish-fcn", [(100, 64), (50, 32), (25, 16), (12, 8), (6, 4), (1, 1)]),
        ("jia-mobilenet-v2", [(100, 64), (50, 32), (25, 16), (13, 8), (7, 4)]),
        ("jia-resnet-50", [(100, 64), (50, 32), (25, 16), (13, 8), (7, 4)]),
        ("vggish", [(96, 64), (48, 32), (24, 16), (12, 8), (6, 4)]),
        ("hershey-alexnet", [(43, 54), (21, 26), (10, 12), (4, 5), (2, 2)]),
        ("hershey-vgg-e", [(96, 64), (48, 32), (24, 16), (12, 8), (6, 4), (3, 2)]),
        ("hershey-inception-v3", [(94, 62), (46, 30), (22, 14), (10, 6)]),
        ("hershey-resnet-50", [(96, 64), (48, 32), (24, 16), (12, 8), (6, 4)]),
        ("wu-resnet-50", [(100, 64), (50, 32), (25, 16), (13, 8), (7, 4)]),
        ("wu-alexnet-bn", [(50, 64), (24, 31), (11, 15), (5, 7)]),
    ],
)
def test_maps_shrink_as_published(name: str, sizes: list[tuple[int, int]]) -> None:
    assert list(dict.fromkeys(list_maps(name))) == sizes


def test_the_readings_of_hershey_differ_where_the_notes_say() -> None:
    assert list_maps("hershey-alexnet", fit="narrow")[-1] == (4, 5)
    slim = list(dict.fromkeys(list_maps("hershey-inception-v3", stem="slim")))
    assert slim == [(96, 64), (94, 62), (46, 30), (22, 14), (10, 6)]


# counting itself, against counts by hand


class Recurrence(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.LSTM(64, 3, num_layers=2, batch_first=True)
        self.second = torch.nn.GRU(3, 5, bidirectional=True, batch_first=True)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(patches.squeeze(1))[0])[0][:, -1]


def test_recurrent_layers_are_counted_by_gate_frame_and_direction() -> None:
    like = build_network("wu-mlp", 2, width=0.01)
    network = Network(like.front_end.definition, Recurrence(), torch.nn.Linear(10, 2), embedding_dim=10, num_classes=2)
    gates = 4 * 3 * (64 + 3) + 4 * 3 * (3 + 3) + 2 * 3 * 5 * (3 + 5)
    assert count_layers(network) == {
        "trunk.first": 100 * (4 * 3 * (64 + 3) + 4 * 3 * (3 + 3)),
        "trunk.second": 100 * 2 * 3 * 5 * (3 + 5),
        "classifier": 20,
    }
    assert count_network(network).macs == 100 * gates + 20


def test_counting_leaves_a_network_as_it_was() -> None:
    network = build_network("jia-mobilenet-v2", 3, seed=0, width=0.1).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    counts = count_network(network)
    assert isinstance(counts, Counts)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert network(torch.zeros(1, 16_000)).logits.shape == (1, 1, 3)
