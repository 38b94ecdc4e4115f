"""What networks and training loops really give: softmax at the end, silent samples, equal singular values."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kinscape import measure, measures
from kinscape.backend.contracts.cards import Arity, Input
from kinscape.backend.contracts.problems import Unprocessable

OF_NETWORKS = [slug for slug, card in measures().items() if card.input is Input.NETWORK]


def drawn(seed: int, *size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("slug", OF_NETWORKS)
def test_a_network_with_its_softmax_inside_is_refused(slug: str) -> None:
    torch.manual_seed(0)
    card = measures()[slug]
    count = 2 if card.arity is Arity.PAIR else 1
    networks = [nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(1)) for _ in range(count)]
    references = [nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(1))] * card.references[0]
    x, y = torch.randn(30, 6), torch.randint(0, 3, (30,))
    with pytest.raises(Unprocessable, match=r"returns probabilities .* leave its softmax out"):
        measure(slug)(*networks, x, y, references=references, intervals=False)


def test_log_probabilities_are_logits() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    x, y = torch.randn(30, 6), torch.randint(0, 3, (30,))
    for slug in ("train-loss", "hessian-trace"):
        ended = measure(slug)(nn.Sequential(*plain, nn.LogSoftmax(1)), x, y, intervals=False).value
        assert ended == pytest.approx(measure(slug)(plain, x, y, intervals=False).value, rel=1e-5)


def test_a_norm_that_lives_of_its_batch_is_read() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.ReLU(), nn.Linear(8, 3))
    x, y = torch.randn(60, 6), torch.randint(0, 3, (60,))
    right = float(nn.functional.cross_entropy(network(x), y).detach())
    assert measure("train-loss")(network.eval(), x, y, intervals=False).value == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize("factor", [200.0, 0.01, 1e6, 1e-6])
def test_logits_times_a_factor_have_that_times_the_temperature(factor: float) -> None:
    logits = 2 * drawn(0, 500, 6)
    labels = (logits + 2 * drawn(1, 500, 6)).argmax(1)
    plain = measure("temperature")(logits, labels, outputs="logits").value
    assert measure("temperature")(factor * logits, labels, outputs="logits").value == pytest.approx(factor * plain)


def test_impossible_classes_do_not_move_the_temperature() -> None:
    logits = 2 * drawn(0, 500, 6)
    labels = (logits + 2 * drawn(1, 500, 6)).argmax(1)
    plain = measure("temperature")(logits, labels, outputs="logits").value
    wider = torch.cat([logits, torch.full((500, 1), -1e30, dtype=torch.float64)], 1)
    assert measure("temperature")(wider, labels, outputs="logits").value == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("width", [20, 100])
def test_a_silent_sample_stays_silent_under_a_rotation(width: int) -> None:
    x, y = drawn(0, 30, width), drawn(1, 30, width)
    x[:8] = 0
    assert measure("aligned-cosine")(x, x, intervals=False).value == pytest.approx(1)
    without = measure("aligned-cosine")(x[8:], y[8:], intervals=False).value
    assert measure("aligned-cosine")(x, y, intervals=False).value == pytest.approx(without)


def test_samples_at_right_angles_to_all_others_are_left_out() -> None:
    x = torch.eye(60, 200, dtype=torch.float64)
    x[:20, 100] = 0.5
    assert measure("second-order-cosine")(x, x, intervals=False).value == pytest.approx(1)
    with pytest.raises(Unprocessable):
        measure("second-order-cosine")(torch.eye(60, dtype=torch.float64), torch.eye(60, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equal_singular_values_have_no_tail_and_no_intruders(dtype: torch.dtype) -> None:
    base = torch.linalg.qr(drawn(0, 64, 64))[0]
    with pytest.raises(Unprocessable, match="None of the matrices has this number"):
        measure("alpha")({"a.weight": base.to(dtype)})
    moved = base + 1e-9 * drawn(1, 64, 64)
    assert measure("intruder-dimensions")({"a.weight": base.to(dtype)}, {"a.weight": moved.to(dtype)}).value == 0


def test_an_intruder_is_still_found_beside_equal_values() -> None:
    left, right = (torch.linalg.qr(drawn(k, 64, 64))[0] for k in (0, 1))
    values = torch.ones(64, dtype=torch.float64)
    values[40:] = 0.01
    base = left[:, :40] @ torch.diag(values[:40]) @ right[:40]
    added = base + 5 * left[:, 50:51] @ right[50:51]
    assert measure("intruder-dimensions")({"a.weight": base}, {"a.weight": added}).value == 1


@pytest.mark.parametrize("slug", ["js-divergence", "js-distance", "kl-divergence"])
@pytest.mark.parametrize("size", [1e-9, 1e-7, 1e-4, 1e-3])
def test_divergence_of_nearly_equal_outputs_keeps_its_digits(slug: str, size: float) -> None:
    """To second order JS is Σ δ² / (8 p) and KL Σ δ² / (2 p); the rest is smaller by the size of δ."""
    p = drawn(0, 40, 5).softmax(1)
    moved = drawn(1, 40, 5) * size
    moved -= moved.mean(1, keepdim=True)
    m = p + moved / 2
    right = (moved.square() / (8 * m)).sum(1)
    expected = {"js-divergence": right, "js-distance": right.sqrt(), "kl-divergence": 4 * right}[slug].mean()
    value = measure(slug)(p, p + moved, outputs="probabilities").value
    room = 5 * size if slug == "kl-divergence" else 500 * size**2
    assert value == pytest.approx(float(expected), rel=max(2e-6, room))


@pytest.mark.parametrize("size", [1e-3, 1e-14, 1e-20, 1e-300])
def test_what_one_rules_out_and_the_other_does_not_is_infinitely_far(size: float) -> None:
    p = torch.full((50, 3), 1 / 3, dtype=torch.float64)
    p[0] = torch.tensor([size, 0.5 - size / 2, 0.5 - size / 2], dtype=torch.float64)
    q = p.clone()
    q[0] = torch.tensor([0.0, 0.5, 0.5])
    with pytest.raises(Unprocessable, match="infinite"):
        measure("kl-divergence")(p, q, outputs="probabilities")
    # The other way round nothing is lost.
    assert measure("kl-divergence")(q, p, outputs="probabilities").value == pytest.approx(
        -math.log(1 - size) / 50, abs=1e-12
    )


@pytest.mark.parametrize("bins", [5, 10, 15, 20])
def test_votes_lie_on_the_edges_of_bins_whatever_their_type(bins: int) -> None:
    votes = torch.randint(1, 10, (200,), generator=torch.Generator().manual_seed(0)) / 10.0
    y = (torch.rand(200, generator=torch.Generator().manual_seed(1)) < votes).long()
    values = []
    for dtype in (torch.float32, torch.float64):
        column = (votes * 10).round().to(dtype) / 10
        outputs = torch.stack([1 - column, column], 1)
        ask = {"outputs": "probabilities", "bins": bins}
        values.append([measure(s)(outputs, y, **ask).value for s in ("ece", "mce", "rmsce")])
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_a_grid_has_no_ratio_of_neighbours() -> None:
    grid = torch.cartesian_prod(torch.arange(8.0), torch.arange(8.0))
    with pytest.raises(Unprocessable, match="equally far, as on a grid"):
        measure("intrinsic-dimension-twonn")(grid)


def test_classes_ruled_out_by_infinite_logits_are_told_the_way() -> None:
    logits, y = drawn(0, 30, 3), torch.zeros(30).long()
    logits[:, 2] = -torch.inf
    with pytest.raises(Unprocessable, match="give probabilities instead"):
        measure("nll")(logits, y, outputs="logits")
    two = measure("nll")(logits[:, :2], y, outputs="logits").value
    assert measure("nll")(logits.softmax(1), y, outputs="probabilities").value == pytest.approx(two)


@pytest.mark.parametrize("slug", ["accuracy", "nll", "ece", "brier"])
@pytest.mark.parametrize("shape", [(80,), (80, 1)])
def test_one_logit_is_that_of_the_second_class(slug: str, shape: tuple[int, ...]) -> None:
    z = drawn(0, 80, 1)
    y = (drawn(1, 80) > 0).long()
    right = measure(slug)(torch.cat([-z / 2, z / 2], 1), y, outputs="logits").value
    column = z.view(shape)
    assert measure(slug)(column, y[:, None], outputs="logits").value == pytest.approx(right)
    assert measure(slug)(column.sigmoid(), y, outputs="probabilities").value == pytest.approx(right)
    with pytest.raises(Unprocessable, match="may be a probability or a logit"):
        measure(slug)(column.sigmoid(), y)
    with pytest.raises(Unprocessable, match="between 0 and 1"):
        measure(slug)(column, y + 1, outputs="logits")


@pytest.mark.parametrize("ending", [nn.Identity(), nn.Flatten(0)])
def test_a_network_of_one_logit_has_minima(ending: nn.Module) -> None:
    torch.manual_seed(0)
    one = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1), ending).double()
    x, y = drawn(2, 40, 6), (drawn(3, 40) > 0).long()
    loss = nn.functional.binary_cross_entropy_with_logits(one(x).flatten(), y.double())
    assert measure("train-loss")(one, x, y).value == pytest.approx(loss.item())
    weights = dict(one.named_parameters())

    def of(flat: Tensor) -> Tensor:
        parts = flat.split([p.numel() for p in weights.values()])
        placed = {n: v.view_as(p) for (n, p), v in zip(weights.items(), parts, strict=True)}
        z = torch.func.functional_call(one, placed, (x,)).flatten()
        return nn.functional.binary_cross_entropy_with_logits(z, y.double())

    hessian = torch.autograd.functional.hessian(of, torch.cat([p.detach().flatten() for p in weights.values()]))
    assert measure("hessian-trace")(one, x, y, probes=200).value == pytest.approx(hessian.trace().item(), rel=1e-6)
    assert not one._forward_hooks


@pytest.mark.parametrize("slug", ["loss-barrier", "loss-barrier-matched", "chord-curvature"])
def test_networks_of_two_types_are_compared_in_the_longer(slug: str) -> None:
    torch.manual_seed(0)
    a, b = (nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)) for _ in range(2))
    x, y = torch.randn(60, 6), torch.randint(0, 3, (60,))
    both = measure(slug)(a.double(), b.double(), x.double(), y).value
    assert measure(slug)(a.float(), b, x, y).value == pytest.approx(both, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_types_have_the_derivatives_of_their_weights(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    short = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)
    x, y = torch.randn(60, 6), torch.randint(0, 3, (60,))
    for slug in ("hessian-top-eigenvalue", "train-loss"):
        found = measure(slug)(short, x, y)
        assert not found.warning
        assert found.value == pytest.approx(measure(slug)(nn.Sequential(*short).float(), x, y).value, rel=1e-5)
        short.to(dtype)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.cells, self.head = kind(2, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cells(x.view(len(x), 3, 2))[0][:, -1])


@pytest.mark.parametrize("kind", ["prelu", "prelu by channel", "LSTM", "GRU"])
def test_layers_that_cannot_be_mapped_over_samples_have_their_trace(kind: str) -> None:
    torch.manual_seed(0)
    if kind.startswith("prelu"):
        slopes = nn.PReLU(5 if "channel" in kind else 1)
        network: nn.Module = nn.Sequential(nn.Linear(6, 5), slopes, nn.Linear(5, 3)).double()
    else:
        network = Recurrent(getattr(nn, kind)).double()
    x, y = drawn(2, 20, 6), torch.randint(0, 3, (20,), generator=torch.Generator().manual_seed(3))
    weights = dict(network.named_parameters())

    def of(flat: Tensor) -> Tensor:
        parts = flat.split([p.numel() for p in weights.values()])
        placed = {n: v.view_as(p) for (n, p), v in zip(weights.items(), parts, strict=True)}
        return nn.functional.cross_entropy(torch.func.functional_call(network, placed, (x,)), y)

    flat = torch.cat([p.detach().flatten() for p in weights.values()])
    hessian = torch.autograd.functional.hessian(of, flat)
    assert measure("hessian-trace")(network, x, y, probes=1000).value == pytest.approx(hessian.trace().item(), rel=1e-6)
    top = torch.linalg.eigvalsh(hessian)[-1].item()
    assert measure("hessian-top-eigenvalue")(network, x, y).value == pytest.approx(top, rel=1e-3)
    assert torch.backends.mkldnn.enabled


@pytest.mark.parametrize("answer", [torch.sum, lambda z: None, lambda z: {"out": z}])
def test_a_network_that_returns_no_row_for_each_sample_is_told(answer: Callable[[Tensor], object]) -> None:
    class Answering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> object:
            return answer(self.head(x))

    with pytest.raises(Unprocessable, match="must return logits"):
        measure("train-loss")(Answering(), torch.randn(8, 6), torch.zeros(8).long())
