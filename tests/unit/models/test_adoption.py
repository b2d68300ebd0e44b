from __future__ import annotations

import pytest
import torch

from hearsight.errors import CheckpointError, UsageError
from hearsight.models.adoption import Classes, adopt_weights, freeze_layers, match_classes
from hearsight.models.checkpoint import load_checkpoint, save_checkpoint
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.zoo import build_network


def origin(sense: str, identity: str | None = None) -> ClassOrigin:
    return ClassOrigin(sense=sense, teacher="any", id=identity)


def test_classes_match_by_sense_and_id_then_by_name_and_never_by_what_is_ambiguous() -> None:
    old = Classes(
        ["dog", "cat", "cat", "rain", "wind"],
        [origin("heard", "/m/1"), origin("heard", "/m/2"), origin("seen", "/m/2"), origin("heard"), origin("heard")],
    )
    new = Classes(
        ["Hund", "dog", "cat", "rain", "wind", "wind"],
        [
            origin("heard", "/m/1"),
            origin("heard", "/m/9"),
            origin("seen", "/m/2"),
            origin("heard", "/m/4"),
            origin("heard"),
            origin("heard"),
        ],
    )
    # the same name under another id is another class; of two classes called wind, neither is the known one
    assert match_classes(new, old) == [(0, 0), (2, 2), (3, 3)]
    assert match_classes(Classes(["rain", "cat"]), old) == [(0, 3)]


@pytest.mark.parametrize(
    ("name", "options", "new_options"),
    [
        ("hearsight-conv-4", {"width": 0.1}, {"width": 0.1}),
        ("jia-vggish", {"width": 0.03}, {"width": 0.03}),
        ("soundnet-5", {"width": 0.05, "heads": [1, 2]}, {"width": 0.05, "heads": [2, 2]}),
    ],
)
def test_all_layers_but_the_rows_of_new_classes_are_taken(
    tmp_path, name: str, options: dict[str, object], new_options: dict[str, object]
) -> None:
    trained = build_network(name, 3, seed=1, **options)
    save_checkpoint(trained, tmp_path / "run", vocabulary=["a", "b", "c"], training={"epochs": 1})
    network = build_network(name, 4, seed=2, **new_options)
    fresh = network.output_layer.weight.clone()
    kept = adopt_weights(network, Classes(["x", "c", "a", "y"]), *load_checkpoint(tmp_path / "run"))
    assert kept == [1, 2]
    taken, rows = trained.output_layer.weight, network.output_layer.weight
    assert torch.equal(rows[[1, 2]], taken[[2, 0]])
    assert torch.equal(rows[[0, 3]], fresh[[0, 3]])
    before = {
        key: value for key, value in trained.state_dict().items() if value.shape == network.state_dict()[key].shape
    }
    assert len(before) >= len(trained.state_dict()) - 2
    assert all(torch.equal(network.state_dict()[key], value) for key, value in before.items())


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [("jia-vggish", {}, "the network hearsight-conv-4"), ("hearsight-conv-4", {"width": 0.2}, "width")],
)
def test_another_network_is_refused_by_name(tmp_path, name: str, options: dict[str, object], said: str) -> None:
    trained = build_network("hearsight-conv-4", 3, seed=1, width=0.1)
    save_checkpoint(trained, tmp_path / "run", vocabulary=["a", "b", "c"], training={"epochs": 1})
    with pytest.raises(CheckpointError, match=said):
        adopt_weights(build_network(name, 3, **options), Classes(["a", "b", "c"]), *load_checkpoint(tmp_path / "run"))


def test_frozen_layers_keep_weights_and_stay_in_evaluation_mode() -> None:
    network = build_network("hearsight-conv-4", 3, seed=1, width=0.1)
    freeze_layers(network, ("trunk.norm",))
    network.train()
    assert not network.trunk.norm.training
    assert network.trunk.layers.training
    assert {name for name, each in network.named_parameters() if not each.requires_grad} == {
        "trunk.norm.weight",
        "trunk.norm.bias",
    }
    with pytest.raises(UsageError, match="no layer 'trunc' in hearsight-conv-4") as refused:
        freeze_layers(network, ("trunc",))
    assert "trunk" in refused.value.hint
    with pytest.raises(UsageError, match="every layer of hearsight-conv-4 is frozen"):
        freeze_layers(network, ("trunk", "classifier"))


def test_a_network_with_one_class_that_holds_stays_one_on_disk(tmp_path) -> None:
    network = build_network("hearsight-conv-4", 3, seed=1, width=0.1)
    network.heads = (3,)
    save_checkpoint(network, tmp_path / "run", vocabulary=["a", "b", "c"])
    again, _ = load_checkpoint(tmp_path / "run")
    found = again(torch.zeros(1, again.sample_rate)).probabilities
    torch.testing.assert_close(found.sum(-1), torch.ones(1, 1))
