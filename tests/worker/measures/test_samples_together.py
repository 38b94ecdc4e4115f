"""Networks whose output for a sample depends on the other samples of its pass."""

import pytest
import torch
from torch import Tensor, nn

from kinscape import measure
from kinscape.backend.contracts.problems import Unprocessable
from tests.worker.measures.test_modules_as_written import Wrapped, perceptron, samples


class Centred(nn.Module):
    """Subtracts the mean over the samples of a pass."""

    def __init__(self) -> None:
        super().__init__()
        self.body = perceptron()

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        return 3 * (h - h.mean(0))


@pytest.mark.filterwarnings("ignore:std")
@pytest.mark.parametrize("slug", ["gauss-newton-trace", "hessian-trace", "layer-traces"])
@pytest.mark.parametrize("spread", [False, True])
def test_samples_that_depend_on_one_another_have_no_gradients_of_their_own(slug: str, spread: bool) -> None:  # noqa: FBT001
    def centred(body: nn.Module, x: Tensor) -> object:
        h = body(x)
        return (h - h.mean(0)) / (h.std(0) + 1e-3) if spread else h - h.mean(0)

    with pytest.raises(Unprocessable, match="depends on the other samples"):
        measure(slug)(Wrapped(centred), *samples())
    # The loss of all samples is still one.
    assert measure("train-loss")(Wrapped(centred), *samples()).value > 0


def test_equal_neighbours_do_not_hide_that_samples_depend_on_one_another() -> None:
    x, y = samples()
    x[1] = x[0]
    with pytest.raises(Unprocessable, match="depends on the other samples"):
        measure("gauss-newton-trace")(Centred(), x, y)


@pytest.mark.parametrize("slug", ["train-loss", "sam-sharpness", "gradient-norm"])
def test_samples_that_depend_on_one_another_go_through_in_one_pass(slug: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1500, 6, generator=generator, dtype=torch.float64).sort(0).values
    y = torch.randint(0, 3, (1500,), generator=generator)
    network = Centred()
    loss = float(nn.functional.cross_entropy(network(x), y).detach())
    assert measure("train-loss")(network, x, y).value == pytest.approx(loss, rel=1e-9)
    # The same centring by a constant, which no pass can change.
    with torch.no_grad():
        mean = network.body(x).mean(0)
    fixed = Wrapped(lambda body, x: 3 * (body(x) - mean))
    values = [measure(slug)(m, x, y, intervals=False).value for m in (network, fixed)]
    assert values[0] == pytest.approx(values[1], rel=0.5)
    with pytest.raises(Unprocessable, match="of 6000 samples 4096 fit"):
        measure(slug)(network, x.repeat(4, 1), y.repeat(4))
