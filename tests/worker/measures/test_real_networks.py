"""What networks and training loops really give: softmax at the end, silent samples, equal singular values."""

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
