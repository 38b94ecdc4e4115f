"""One forward pass: what is kept of a layer, and how maps and tokens become vectors."""

import pytest
import torch
from torch import Tensor, nn

from kinscape.worker.engine.forward import forward, reduced
from kinscape.worker.inputs.undefined import Undefined

TOKENS = torch.arange(24.0).view(2, 3, 4)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [("mean", TOKENS.mean(1)), ("flatten", TOKENS.view(2, 12)), ("cls", TOKENS[:, 0]), ("last-token", TOKENS[:, 2])],
)
def test_tokens_become_vectors_by_the_named_reduction(reduction: str, expected: Tensor) -> None:
    assert torch.equal(reduced(TOKENS, reduction), expected)


def test_a_map_has_no_first_token() -> None:
    with pytest.raises(Undefined, match="needs tokens"):
        reduced(torch.zeros(2, 3, 4, 4), "cls")


def test_a_layer_is_kept_as_it_was_before_a_later_one_worked_in_place() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 3))
    x = torch.randn(6, 4)
    _, seen = forward(module, x, layers={"0": "0"}, reduction="flatten")
    assert torch.equal(seen["0"], nn.functional.linear(x, module[0].weight, module[0].bias))


def test_a_layer_that_runs_twice_on_maps_of_two_sizes_is_a_sentence() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.out = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(1, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(nn.functional.avg_pool2d(self.conv(x), 2))
            found: Tensor = self.out(x.mean((2, 3)))
            return found

    for samples in (4, 3000):
        with pytest.raises(Undefined, match="runs more than once"):
            forward(Twice(), torch.randn(samples, 1, 8, 8), layers={"conv": "conv"}, reduction="flatten")
