"""Weights that a network stores in parts, against what the network itself multiplies with."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from kinscape import measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.inputs.effective import effective, effective_of
from kinscape.worker.inputs.undefined import Undefined

Wrap = Callable[[nn.Module], nn.Module]
OLD = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")


def pruned(layer: nn.Module) -> nn.Module:
    prune.l1_unstructured(layer, "weight", 0.5)
    prune.random_unstructured(layer, "bias", 0.25)
    return layer


WRAPS: dict[str, Wrap] = {
    "pruning": pruned,
    "weight norm": parametrizations.weight_norm,
    "weight norm of all": lambda layer: parametrizations.weight_norm(layer, dim=None),
    "weight norm by input": lambda layer: parametrizations.weight_norm(layer, dim=1),
    "spectral norm": parametrizations.spectral_norm,
    "old weight norm": weight_norm,
    "old spectral norm": spectral_norm,
}


def layers() -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Linear(6, 5), nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(3, 4, 2)]


@OLD
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_weights_are_those_that_the_layer_multiplies_with(wrap: Wrap) -> None:
    for layer in layers():
        shapes = {n: tuple(p.shape) for n, p in layer.named_parameters()}
        network = nn.Sequential(nn.Identity(), wrap(layer)).eval()
        x = torch.randn(2, 6) if isinstance(layer, nn.Linear) else torch.randn(2, 3, 8, 8)
        network(x)
        right = {f"1.{n}": getattr(network[1], n).detach() for n in shapes}
        for found in (effective(network.state_dict()), effective_of(network)):
            assert set(found) == set(right)
            for name, tensor in right.items():
                assert found[name].shape == shapes[name[2:]]
                torch.testing.assert_close(found[name], tensor)
        # Inspection asks for shapes alone, without the numbers.
        alone = effective({name: tensor.to("meta") for name, tensor in network.state_dict().items()})
        assert {n: t.shape for n, t in alone.items()} == {n: t.shape for n, t in right.items()}


def test_reading_a_spectrally_normed_network_in_train_mode_leaves_it_as_it_was() -> None:
    network = nn.Sequential(parametrizations.spectral_norm(nn.Linear(6, 5))).train()
    before = {n: t.clone() for n, t in network.state_dict().items()}
    effective_of(network)
    assert network.training and network[0].training
    assert all(torch.equal(before[n], t) for n, t in network.state_dict().items())


def test_half_of_a_pruned_network_is_zero() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10))
    for layer in (network[0], network[2]):
        prune.l1_unstructured(layer, "weight", 0.5)
    for given in (network, network.state_dict()):
        assert measure("sparsity")(given).value == 0.5


def test_spectra_of_a_weight_normed_network_are_those_of_its_weights() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10))
    right = measure("stable-rank")(plain).value
    normed = nn.Sequential(*[parametrizations.weight_norm(m) if isinstance(m, nn.Linear) else m for m in plain])
    for given in (normed, normed.state_dict()):
        assert measure("stable-rank")(given).value == pytest.approx(right, rel=1e-5)


def test_a_tensor_of_two_names_counts_once() -> None:
    torch.manual_seed(0)
    network = nn.ModuleDict({"embed": nn.Embedding(50, 8), "head": nn.Linear(8, 50, bias=False)})
    network["head"].weight = network["embed"].weight
    once = float(network["embed"].weight.detach().double().norm())
    for given in (network, network.state_dict()):
        assert measure("l2-norm")(given).value == pytest.approx(once, rel=1e-6)


def test_a_parametrisation_that_names_do_not_tell_is_refused() -> None:
    layer = parametrizations.orthogonal(nn.Linear(5, 5))
    with pytest.raises(Undefined, match="remove_parametrizations"):
        effective(layer.state_dict())
    with pytest.raises(Unprocessable, match="weight is computed by a parametrisation"):
        measure("l2-norm")(layer.state_dict())
    # The network itself knows.
    torch.testing.assert_close(effective_of(layer)["weight"], layer.weight.detach())


def test_running_statistics_are_no_weights() -> None:
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    found: dict[str, Tensor] = effective(network.state_dict())
    assert set(found) == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_spectra_look_at_every_matrix_of_a_recurrent_network() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.LSTM(5, 4, num_layers=2))
    names = measure("stable-rank")(network).series["layer"]
    assert set(names) == {f"0.weight_{kind}_l{k}" for kind in ("ih", "hh") for k in range(2)}


def test_a_mask_that_is_no_pruning_mask_is_no_weight() -> None:
    network = nn.Sequential(nn.Linear(4, 3))
    network.register_buffer("attn_mask", torch.zeros(50, 50))
    assert set(effective_of(network)) == {"0.weight", "0.bias"}
    assert measure("sparsity")(network).value == 0


@pytest.mark.parametrize("layer", [nn.ConvTranspose2d(8, 8, 3), nn.Linear(8, 8)])
def test_a_square_spectrally_normed_weight_of_a_module_is_its_own(layer: nn.Module) -> None:
    torch.manual_seed(0)
    dim = 1 if isinstance(layer, nn.Linear) else None
    module = nn.utils.spectral_norm(layer, dim=dim).double()
    x = torch.randn(2, 8, 5, 8 if dim else 5).double()
    for _ in range(20):
        module(x)
    module.eval()
    module(x)
    assert torch.allclose(effective_of(module)["weight"], module.weight, atol=1e-9)
    # A file does not tell the axis; the singular vectors do.
    assert torch.allclose(effective(module.state_dict())["weight"], module.weight, atol=1e-9)


def test_plain_names_of_a_module_are_no_parts_of_another_weight() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in ("W_q", "W_v", "W_g"):
                self.register_parameter(name, nn.Parameter(torch.randn(8, 8)))

    assert set(effective_of(Gated())) == {"W_q", "W_v", "W_g"}


def both_norm_and_mask(order: str) -> nn.Module:
    torch.manual_seed(0)
    layer = nn.Linear(8, 6)
    if order == "mask of a direction":
        prune.l1_unstructured(weight_norm(layer), "weight_v", 0.5)
    elif order == "norm of a masked weight":
        prune.l1_unstructured(layer, "weight", 0.5)
        weight_norm(layer, "weight_orig")
    else:
        parametrizations.weight_norm(layer)
        prune.l1_unstructured(layer.parametrizations.weight, "original1", 0.5)
    for _ in range(2):
        layer(torch.randn(2, 8))
    return layer.eval()


@OLD
@pytest.mark.parametrize("order", ["mask of a direction", "norm of a masked weight", "mask inside a parametrisation"])
def test_masks_and_norms_of_one_weight_are_put_together_from_the_inside(order: str) -> None:
    layer = both_norm_and_mask(order)
    before = {n: t.clone() for n, t in layer.state_dict().items()}
    for found in (effective(layer.state_dict()), effective_of(layer)):
        assert set(found) == {"weight", "bias"}
        torch.testing.assert_close(found["weight"], layer.weight.detach())
    assert all(torch.equal(before[n], t) for n, t in layer.state_dict().items())


@pytest.mark.parametrize(
    ("names", "shapes"),
    [
        (("W_v", "W_g"), ((8, 8), (8, 8))),
        (("W_v", "W_g"), ((8, 8), (8, 5))),
        (("x_orig", "x_u"), ((8, 8), (8, 8))),
        (("x_orig", "x_mask"), ((8, 8), (8, 2))),
        (("b_v", "b_g"), ((8,), (8,))),
    ],
)
def test_plain_names_of_a_file_are_no_parts_where_shapes_do_not_fit(
    names: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]
) -> None:
    state = {name: torch.randn(shape) for name, shape in zip(names, shapes, strict=True)}
    found = effective(state)
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


class Product(nn.Module):
    """A parametrisation of two originals that is no weight norm."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left @ right

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return weight[:, :2].clone(), weight[:2].clone()


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.7))

    def forward(self, weight: Tensor) -> Tensor:
        return self.factor * weight


@pytest.mark.parametrize("norm", [parametrizations.weight_norm, parametrizations.spectral_norm, None])
def test_several_parametrisations_of_a_weight_are_refused_in_a_file(norm: Wrap | None) -> None:
    layer = nn.Linear(8, 8)
    if norm is None:
        parametrize.register_parametrization(layer, "weight", Product())
    else:
        parametrize.register_parametrization(norm(layer), "weight", Scaled())
    with pytest.raises(Undefined, match="remove_parametrizations"):
        effective(layer.state_dict())
    torch.testing.assert_close(effective_of(layer.eval())["weight"], layer.weight.detach())


@OLD
def test_a_normed_layer_of_two_names_counts_once() -> None:
    layer = weight_norm(nn.Linear(4, 4))
    assert set(effective(nn.Sequential(layer, layer).state_dict())) == {"0.weight", "0.bias"}


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_normed_recurrent_layers_have_minima(kind: type[nn.RNNBase]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells, self.head = kind(3, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.cells(x)[0][:, -1])

    torch.manual_seed(0)
    module = Net().double()
    nn.utils.parametrizations.weight_norm(module.cells, "weight_hh_l0")
    x, y = torch.randn(20, 4, 3).double(), torch.randint(0, 3, (20,))
    loss = nn.functional.cross_entropy(module(x), y).item()
    assert measure("train-loss")(module, x, y).value == pytest.approx(loss, rel=1e-9)
    assert measure("gradient-norm")(module, x, y).value > 0
