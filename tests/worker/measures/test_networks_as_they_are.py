"""Networks drawn with masks, norms of weights and shared parts: numbers are those of the plain network, or a reason."""

import contextlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from kinscape import measure, measures
from kinscape.backend.contracts.cards import Arity, Input
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.inputs.effective import without_parametrizations

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
OF_NETWORKS = [slug for slug, card in measures().items() if card.input is Input.NETWORK]
OF_WEIGHTS = [slug for slug, card in measures().items() if card.input is Input.WEIGHTS]
# Measures that read what a network computes and its slope by the samples, not where its weights are.
OF_FUNCTIONS = ["train-loss", "pgd-accuracy", "fgsm-accuracy", "corruption-accuracy", "input-gradient-norm"]
SEEDS = range(3)


def plain(seed: int) -> nn.Sequential:
    """A network of drawn depth, width and activation."""
    torch.manual_seed(seed)
    width, depth = int(torch.randint(22, 30, ())), int(torch.randint(2, 4, ()))
    act = [nn.ReLU, nn.Tanh, nn.GELU][int(torch.randint(0, 3, ()))]
    parts: list[nn.Module] = [nn.Linear(24, width), act()]
    for _ in range(depth):
        parts += [nn.Linear(width, width), act()]
    return nn.Sequential(*parts, nn.Linear(width, 4)).double().eval()


def linears(module: nn.Module) -> list[nn.Linear]:
    return [m for m in module.modules() if isinstance(m, nn.Linear)]


def masked(module: nn.Module) -> nn.Module:
    for layer in linears(module):
        prune.random_unstructured(layer, "weight", 0.4)
    return module


def masked_by_rows(module: nn.Module) -> nn.Module:
    for layer in linears(module)[:-1]:
        prune.ln_structured(layer, "weight", 0.3, n=2, dim=0)
    return module


def each(wrap: Callable[[nn.Linear], nn.Module]) -> Callable[[nn.Module], nn.Module]:
    def of(module: nn.Module) -> nn.Module:
        for layer in linears(module):
            wrap(layer)
        return module.eval()

    return of


KINDS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "masks": masked,
    "masks of rows": masked_by_rows,
    "weight norm": each(parametrizations.weight_norm),
    "weight norm of old": each(weight_norm),
    "one length": each(lambda layer: parametrizations.weight_norm(layer, dim=None)),
    "spectral norm": each(parametrizations.spectral_norm),
    "spectral norm of old": each(spectral_norm),
}


def drawn(kind: str, seed: int) -> tuple[nn.Module, nn.Module]:
    """A network that stores its weights in parts, and the plain one that computes the same."""
    stored = KINDS[kind](plain(seed))
    # What a layer makes of its parts is made in a pass.
    stored(samples()[0])
    twin = plain(seed)
    twin.load_state_dict(without_parametrizations(stored).state_dict())
    return stored, twin


def samples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(9)
    return torch.randn(50, 24, generator=generator).double(), torch.randint(0, 4, (50,), generator=generator)


def test_the_plain_network_computes_the_same() -> None:
    x, _ = samples()
    for kind in KINDS:
        for seed in SEEDS:
            stored, twin = drawn(kind, seed)
            assert torch.allclose(stored(x), twin(x), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slug", OF_WEIGHTS)
def test_measures_of_weights_see_the_weights_that_are_computed_with(slug: str, kind: str) -> None:
    count = 2 if measures()[slug].arity is Arity.PAIR else 1
    both = [drawn(kind, 0) for _ in range(count)]
    if count == 2:
        # The second of the pair: another draw of the same architecture.
        torch.manual_seed(5)
        for module in both[1]:
            with torch.no_grad():
                for p in module.parameters():
                    p.mul_(1.5)
        both[1][1].load_state_dict(without_parametrizations(both[1][0]).state_dict())
    answers = []
    for given in zip(*both, strict=True):
        for read in (given, [m.state_dict() for m in given]):
            try:
                answers.append(measure(slug)(*read).value)
            except Unprocessable as reason:
                answers.append(str(reason))
    assert answers[0] == (pytest.approx(answers[2], rel=1e-9) if isinstance(answers[2], float) else answers[2])
    assert answers[1] == (pytest.approx(answers[3], rel=1e-9) if isinstance(answers[3], float) else answers[3])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slug", [s for s in OF_FUNCTIONS if s in OF_NETWORKS])
def test_measures_of_the_function_are_those_of_the_plain_network(slug: str, kind: str) -> None:
    (x, y), (stored, twin) = samples(), drawn(kind, 1)
    values = []
    for module in (stored, twin):
        with contextlib.suppress(Unprocessable):
            values.append(measure(slug)(module, x, y).value)
    assert len(values) in (0, 2)
    assert not values or values[0] == pytest.approx(values[1], rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slug", OF_NETWORKS)
def test_every_measure_of_minima_has_a_number_or_a_reason_and_changes_nothing(slug: str, kind: str) -> None:
    card, (x, y) = measures()[slug], samples()
    compared = [drawn(kind, 0)[0] for _ in range(2 if card.arity is Arity.PAIR else 1)]
    references = [drawn(kind, 0)[0] for _ in range(card.references[0])]
    before = [{n: t.clone() for n, t in m.state_dict().items()} for m in (*compared, *references)]
    low, high = card.low, card.high
    with contextlib.suppress(Unprocessable):
        value = measure(slug)(*compared, x, y, references=references, intervals=False).value
        assert low is None or value >= low - 1e-6
        assert high is None or value <= high + 1e-6
    for module, was in zip((*compared, *references), before, strict=True):
        assert all(torch.equal(t, was[n]) for n, t in module.state_dict().items())
