from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from hearsight.errors import UsageError
from hearsight.models.counts import count_network
from hearsight.models.zoo import NETWORKS, build_network, list_options, parse_network


def test_jias_fully_convolutional_vggish_has_the_published_weights() -> None:
    """73.54 million is the count of the kernels (Jia 2019, section 3); the multiplies are those of Table 1."""
    with torch.device("meta"):
        network = build_network("jia-vggish-fcn", 10_998)
    weights = sum(parameter.numel() for parameter in network.parameters() if parameter.ndim > 1)
    assert weights == 73_538_880
    published = NETWORKS["jia-vggish-fcn"].published_parameters
    assert published is not None
    assert published.matches(weights)


@pytest.mark.parametrize(
    ("name", "parameters", "weights", "macs"),
    [
        ("jia-vggish-fcn", 73_569_974, 73_538_880, 884_325_120),
        ("jia-mobilenet-v2", 3_806_006, 3_760_768, 157_606_912),
    ],
)
def test_counts_are_those_of_the_papers_networks(name: str, parameters: int, weights: int, macs: int) -> None:
    counts = count_network(build_network(name, 10_998, seed=0))
    assert (counts.parameters, counts.weights, counts.macs) == (parameters, weights, macs)


@pytest.mark.parametrize(("name", "size"), [("jia-vggish-fcn", (6, 4)), ("jia-mobilenet-v2", (7, 4))])
def test_the_last_map_has_the_size_the_notes_say(name: str, size: tuple[int, int]) -> None:
    network = build_network(name, 3, seed=0, width=0.05).eval()
    maps = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.MaxPool2d):
            module.register_forward_hook(lambda _module, _input, output: maps.append(tuple(output.shape[2:])))
    network(torch.zeros(1, 16_000))
    assert size in maps
    assert maps[0] == (100, 64)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_gradient_reaches_every_parameter(name: str) -> None:
    network = build_network(name, 4, seed=0, width=0.05)
    waveform = 0.1 * torch.randn(3, 16_000, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)  # of the dropout, which now and then leaves nothing of three units
    network(waveform).logits.square().mean().backward()
    learning = [parameter_name for parameter_name, parameter in network.named_parameters() if parameter.requires_grad]
    assert len(learning) > 3
    for parameter_name in learning:
        if parameter_name.startswith("decoder."):
            continue  # the autoencoder's, which learns from its own loss
        parameter = network.get_parameter(parameter_name)
        assert parameter.grad is not None, parameter_name
        # a normalisation takes away what a bias before it adds, and with it the gradient
        assert parameter.grad.any() or parameter.ndim == 1, parameter_name


@pytest.mark.parametrize("name", NETWORKS)
def test_an_untrained_network_tells_sounds_apart(name: str) -> None:
    """Fresh weights must pass on what they hear: the benchmarks compare trained networks with untrained ones."""
    network = build_network(name, 4, seed=0, width=0.25).eval()
    waveform = (
        0.1
        * torch.randn(4, 16_000, generator=torch.Generator().manual_seed(0)).cumsum(1)
        * torch.tensor([[1.0], [0.1], [0.01], [0.0]])
    )
    with torch.no_grad():
        embeddings = network(waveform.clamp(-1, 1)).clip_embeddings
    # SoundNet draws its weights as its paper says, which trusts in the normalisations having seen data
    least = 1e-7 if name.startswith("soundnet") else 1e-3
    assert least < float(embeddings.std(0).mean()) < 1e2


def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    first = build_network("jia-mobilenet-v2", 4, seed=3, width=0.1).state_dict()
    assert torch.equal(torch.rand(1), expected)
    second = build_network("jia-mobilenet-v2", 4, seed=3, width=0.1).state_dict()
    other = build_network("jia-mobilenet-v2", 4, seed=4, width=0.1).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["trunk.bottleneck.weight"], other["trunk.bottleneck.weight"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("jia-mobilnet-v2", "jia-mobilenet-v2"),
        ("hershey-vgge", "hershey-vgg-e"),
        ("wu_lstm", "wu-lstm"),
        ("SoundNet-8", "soundnet-8"),
    ],
)
def test_an_unknown_name_guesses_the_meant_one(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
        build_network(name, 4)


def test_an_unknown_option_and_a_senseless_width_are_refused() -> None:
    assert list_options("jia-mobilenet-v2") == ["width"]
    with pytest.raises(UsageError, match="did you mean 'width'"):
        build_network("jia-mobilenet-v2", 4, widht=0.5)
    with pytest.raises(UsageError, match="a number above 0"):
        build_network("jia-mobilenet-v2", 4, width=0)


@pytest.mark.parametrize(
    ("name", "options", "wanted"),
    [
        ("hershey-resnet-50", {"bottleneck": "abc"}, "a whole number"),
        ("hershey-aed-log-mel", {"units": 2.5}, "a whole number"),
        ("hershey-inception-v3", {"stem": 3}, "a word"),
        ("soundnet-8", {"heads": 5}, "whole numbers"),
        ("jia-mobilenet-v2", {"width": "wide"}, "a number"),
        ("jia-mobilenet-v2", {"width": True}, "a number"),
        ("vggish", {"pca": 1}, "true or false"),
    ],
)
def test_an_option_of_another_kind_is_refused(name: str, options: dict[str, Any], wanted: str) -> None:
    (option,) = options
    with pytest.raises(UsageError, match=f"{name}: {option}: .*, wanted {wanted}"):
        build_network(name, 4, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_option_has_a_kind_that_can_be_named(name: str) -> None:
    for option in list_options(name):
        with pytest.raises(UsageError, match="wanted"):
            build_network(name, 4, **cast("dict[str, Any]", {option: object()}))


def test_options_are_written_behind_a_name() -> None:
    assert parse_network("wu-lstm") == ("wu-lstm", {})
    written = "hershey-inception-v3, width=0.25,stem=slim,bottleneck=64"
    assert parse_network(written) == ("hershey-inception-v3", {"width": 0.25, "stem": "slim", "bottleneck": 64})
    assert parse_network("vggish,pca=true") == ("vggish", {"pca": True})


@pytest.mark.parametrize("text", ["wu-lstm,", "wu-lstm,0.5", "wu-lstm,width=", "wu-lstm,=1"])
def test_what_is_no_option_behind_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="option=value"):
        parse_network(text)
    with pytest.raises(UsageError, match="given twice"):
        parse_network("wu-lstm,width=0.5,width=0.25")


@pytest.mark.parametrize("name", NETWORKS)
def test_no_class_is_refused(name: str) -> None:
    # VGGish was published without a classifier, and is built without one for its published weights
    least = 0 if name == "vggish" else 1
    for num_classes in (least - 1, -3):
        with pytest.raises(UsageError, match=f"at least {least}"):
            build_network(name, num_classes)
