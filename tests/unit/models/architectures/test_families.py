"""What is particular to the networks of Hershey 2017, Jia 2019 and Wu & Lee 2018, beyond their sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hearsight.errors import UsageError
from hearsight.models.architectures.hershey import adopt_source
from hearsight.models.network import Network
from hearsight.models.zoo import NETWORKS, build_network

HERSHEY = [name for name in NETWORKS if name.startswith("hershey") and "aed" not in name]
WU = [name for name in NETWORKS if name.startswith("wu")]


def list_kinds(module: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in module.modules() if not list(layer.children())]


def make_noise(num_samples: int = 32_000, rows: int = 2) -> torch.Tensor:
    return 0.1 * torch.randn(rows, num_samples, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("name", HERSHEY)
def test_hershey_s_networks_take_a_bottleneck(name: str) -> None:
    network = build_network(name, 5, seed=0, width=0.05, bottleneck=16)
    assert network.embedding_dim == 16
    assert network(make_noise()).embeddings.shape == (2, 3, 16)
    assert network.output_layer.in_features == 16
    assert list_kinds(network.classifier) == ["ReLU", "Linear"]
    with pytest.raises(UsageError, match="bottleneck"):
        build_network(name, 5, width=0.05, bottleneck=0)


@pytest.mark.parametrize("name", HERSHEY)
def test_hershey_normalises_behind_every_convolution_and_drops_nothing(name: str) -> None:
    with torch.device("meta"):
        kinds = list_kinds(build_network(name, 5))
    assert kinds.count("Conv2d") == kinds.count("BatchNorm2d")
    assert "Dropout" not in kinds
    assert "BatchNorm1d" not in kinds


@pytest.mark.parametrize(("name", "option"), [("hershey-alexnet", "fit"), ("hershey-inception-v3", "stem")])
def test_an_unknown_reading_is_refused(name: str, option: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: {option}"):
        build_network(name, 5, width=0.05, **{option: "natural"})


@pytest.mark.parametrize(
    ("name", "options"), [("hershey-alexnet", {"fit": "narrow"}), ("hershey-inception-v3", {"stem": "slim"})]
)
def test_the_other_readings_hear_too(name: str, options: dict[str, str]) -> None:
    network = build_network(name, 5, seed=0, width=0.05, **options).eval()
    output = network(make_noise())
    assert output.logits.shape == (2, 3, 5)
    assert output.logits.std() > 0


def test_jia_normalises_behind_the_activation_of_each_convolution() -> None:
    plain, normalised = (build_network(name, 5, width=0.02) for name in ("jia-vggish", "jia-vggish-bn"))
    assert "BatchNorm2d" not in list_kinds(plain)
    kinds = list_kinds(normalised.trunk.convolutions)
    places = [index for index, kind in enumerate(kinds) if kind == "BatchNorm2d"]
    assert len(places) == 6
    assert all(kinds[place - 2 : place] == ["Conv2d", "ReLU"] for place in places)


@pytest.mark.parametrize(
    ("name", "at"), [("hershey-resnet-50", (1, 1)), ("jia-resnet-50", (1, 1)), ("wu-resnet-50", (3, 3))]
)
def test_a_residual_network_strides_where_its_paper_s_multiplies_say(name: str, at: tuple[int, int]) -> None:
    network = build_network(name, 5, width=0.05)
    striding = [
        layer.kernel_size
        for module in network.modules()
        if type(module).__name__ == "ResidualBlock"
        for layer in module.branch
        if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)
    ]
    assert striding == [at] * 3


def test_a_model_on_embeddings_does_not_train_what_it_listens_through() -> None:
    network = build_network("hershey-aed-embedding", 5, seed=0, width=0.05).train()
    before = {name: value.clone() for name, value in network.trunk.source.state_dict().items()}
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1, weight_decay=0.1)
    network(make_noise()).logits.square().mean().backward()
    optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in network.trunk.source.state_dict().items())
    assert network.training
    assert not network.trunk.source.training
    assert network.trunk.layers[1].weight.grad is not None


def test_a_model_on_embeddings_adopts_a_trained_network() -> None:
    resnet = build_network("hershey-resnet-50", 7, seed=1, width=0.05)
    network = build_network("hershey-aed-embedding", 5, seed=0, width=0.05).eval()
    adopt_source(network, resnet)
    segments = make_noise(15_600)
    patches = network.front_end(segments).unsqueeze(1)
    with torch.no_grad():
        torch.testing.assert_close(network.trunk.source(patches), resnet.eval().forward_segments(segments)[1])
    with pytest.raises(UsageError, match="without bottleneck"):
        adopt_source(network, build_network("hershey-resnet-50", 7, width=0.05, bottleneck=8))
    with pytest.raises(UsageError, match="hershey-aed-embedding"):
        adopt_source(resnet, resnet)


@pytest.mark.parametrize("name", ["hershey-aed-log-mel", "hershey-aed-embedding"])
def test_the_depth_of_the_fully_connected_models_is_open(name: str) -> None:
    network = build_network(name, 5, width=0.05, layers=2, units=400)
    assert network.embedding_dim == 20
    with pytest.raises(UsageError, match="at least one"):
        build_network(name, 5, width=0.05, layers=0)


@pytest.mark.parametrize(
    ("name", "dim"),
    [("final-64", 64), ("mid-256", 256), ("fc-1024", 1024), ("gap", 256)],
)
def test_the_embedding_of_a_reduced_network_is_its_narrowest_layer(name: str, dim: int) -> None:
    with torch.device("meta"):
        assert build_network(f"wu-alexnet-bn-{name}", 3).embedding_dim == dim


@pytest.mark.parametrize("name", [name for name in WU if "alexnet-bn" in name])
def test_alexnet_is_normalised_behind_every_layer_and_drops_before_every_dense_one(name: str) -> None:
    with torch.device("meta"):
        network = build_network(name, 3)
    kinds = list_kinds(network)
    assert kinds.count("BatchNorm2d") == kinds.count("Conv2d") == 5
    assert kinds.count("BatchNorm1d") == kinds.count("Dropout") == (0 if name.endswith("gap") else 2)


def test_attention_weighs_the_frames() -> None:
    network = build_network("wu-bgru-att", 3, seed=0, width=0.02).eval()
    patches = torch.randn(2, 1, 100, 64, generator=torch.Generator().manual_seed(0))
    outputs, _ = network.trunk.gru(patches.squeeze(1))
    nn.init.zeros_(network.trunk.context.weight)
    torch.testing.assert_close(network.trunk(patches), outputs.mean(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", WU)
def test_wu_s_networks_learn_the_statistics_of_what_they_are_trained_on(name: str) -> None:
    if name not in ("wu-mlp", "wu-lstm", "wu-alexnet-bn-gap"):
        assert build_network(name, 3, width=0.01).front_end.definition.name == "wu"
        return
    network: Network = build_network(name, 3, seed=0, width=0.02)
    network.train()(make_noise())
    assert int(network.front_end.num_frames) == 2 * 2 * 100
    fed = network.eval().front_end(make_noise())
    assert float(fed.mean()) == pytest.approx(0.0, abs=0.05)
    assert float(fed.std()) == pytest.approx(1.0, abs=0.05)
    assert "front_end.mean" in network.state_dict()


@pytest.mark.parametrize("name", ["wu-mlp", "wu-lstm", "wu-bgru-att", "wu-resnet-50", "wu-alexnet-bn-gap"])
@pytest.mark.parametrize("features", ["mfcc", "cqt"])
def test_wu_s_networks_can_hear_what_the_paper_compared(name: str, features: str) -> None:
    network = build_network(name, 3, seed=0, width=0.02, features=features)
    assert network.front_end.definition.name == f"wu-{features}"
    output = network.train()(make_noise())
    assert output.logits.shape == (2, 2, 3)
    output.logits.square().mean().backward()
    with pytest.raises(UsageError, match="log-mel, mfcc or cqt"):
        build_network(name, 3, width=0.02, features="plp")
