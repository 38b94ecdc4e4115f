"""The list of operators: each there in torch, none twice, and none that reaches beyond its arguments."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from kinscape.worker.loading import operators
from kinscape.worker.loading.grouped_product import grouped_product
from tests.worker.loading.test_program import exported, opened

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning")
NAMES = [name for group in operators.GROUPS for name in group.split()]
# What draws, reads files, or leaves memory as it was.
FORBIDDEN = ("rand", "bernoulli", "multinomial", "normal_", "from_file", "empty", "set_", "resize")


class Fourier(nn.Module):
    """Mixing by a Fourier transform, with other names of usual operators."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.fft.fftn(self.first(x), dim=(-1,)).real
        back = torch.fft.irfft(torch.fft.rfft(x), n=6)
        out: Tensor = self.head(torch.multiply(mixed, 0.5) + torch.clip(back, -1, 1))
        return out


def test_every_operator_is_torchs_and_stands_once() -> None:
    assert [name for name, count in Counter(NAMES).items() if count > 1] == []
    assert [name for name in NAMES if operators._aten(name) is None] == []


def test_no_operator_draws_or_leaves_memory_as_it_was() -> None:
    assert [name for name in NAMES if any(word in name for word in FORBIDDEN)] == []


def test_a_product_by_groups_is_that_of_each_row_with_its_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    rows, weights = torch.randn(7, 4, generator=generator), torch.randn(3, 4, 5, generator=generator)
    owners = [0, 0, 0, 2, 2]
    found = grouped_product(rows.requires_grad_(), weights, torch.tensor([3, 3, 5]))
    expected = torch.stack([rows[k] @ weights[owner] for k, owner in enumerate(owners)])
    torch.testing.assert_close(found[:5], expected)
    assert not found[5:].any()
    found.sum().backward()
    assert rows.grad is not None
    torch.testing.assert_close(rows.grad[4], weights[2].sum(1))
    assert grouped_product(rows.to("meta"), weights.to("meta"), torch.ones(3, device="meta")).shape == (7, 5)


def test_a_network_of_frequencies_is_the_same_as_a_program(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = Fourier().eval(), torch.randn(5, 6)
    program = opened(exported(module, x[:2], tmp_path / "m.pt2"))
    with torch.no_grad():
        assert torch.equal(program(x), module(x))
    program.zero_grad()
    program(x).sum().backward()
    module(x).sum().backward()
    assert torch.equal(program.get_parameter("first.weight").grad, module.first.weight.grad)
