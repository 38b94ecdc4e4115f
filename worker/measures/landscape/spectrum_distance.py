"""Distance between the Hessian spectra of two networks."""

from scipy import stats
from torch import Tensor

from kinscape.backend.contracts.cards import Direction, Pace, Parameter, Uncertainty
from kinscape.worker.curvature.dual_hessian import AFTER_FIRST_LAYER
from kinscape.worker.curvature.spectral_density import DENSITY_PARAMETERS, density
from kinscape.worker.curvature.vectors import size_of
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import two_minima_card

RAW = "raw"


@measure(
    two_minima_card(
        slug="spectrum-distance",
        version=2,
        title="Distance of Hessian spectra",
        formula=r"W_1\big(\mu_{H_a}, \mu_{H_b}\big)",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        needs_labels=True,
        uncertainty=Uncertainty.DRAWS,
        reliable_from="500 samples and networks with the same number of weights",
        pitfalls="Dead units move the density at zero more than another network does, and say nothing about the "
        "minimum. "
        "Both spectra come from the same start vectors; the error over them is given, that of sampling is not. "
        "Reordering units moves it within that error.",
        source="Wasserstein-1 distance of the quadratures of both densities (Ghorbani et al. 2019 for those)",
        parameters=(
            *DENSITY_PARAMETERS,
            Parameter(
                name="scale",
                default=RAW,
                choices=(RAW, "trace"),
                help="Eigenvalues as they are, or divided by their mean absolute value.",
            ),
        ),
        pace=Pace.PATH,
        tolerance=5e-2,
    ),
)
def spectrum_distance(first: Subject, second: Subject, *, probes: int, steps: int, scale: str) -> Measurement:
    """Wasserstein distance between the Hessian spectra of two minima."""
    if size_of(first) != size_of(second):
        raise Undefined(f"Not comparable: {size_of(first):,} and {size_of(second):,} weights.")
    both = [density(s, probes=probes, steps=steps) for s in (first, second)]
    for subject in (first, second):
        # Many networks pass here: the basis of each would fill the memory, its density does not.
        subject.memo.forget(("krylov", 0), "gradient graph", AFTER_FIRST_LAYER)
    sides = [_scaled(nodes, weights, scale) for nodes, weights, _ in both]
    value = stats.wasserstein_distance(*(n.numpy() for n, _ in sides), *(w.numpy() for _, w in sides))
    parts = [(n.view(probes, -1), w.view(probes, -1)) for n, w in sides]
    alone = [
        stats.wasserstein_distance(*(n[k].numpy() for n, _ in parts), *(w[k].numpy() for _, w in parts))
        for k in range(probes)
    ]
    warning = " ".join(dict.fromkeys(w for _, _, w in both if w))
    return Measurement(float(value), monte_carlo_error=_error(alone), warning=warning)


def _scaled(nodes: Tensor, weights: Tensor, scale: str) -> tuple[Tensor, Tensor]:
    if scale == RAW:
        return nodes, weights
    size = float((nodes.abs() * weights).sum())
    if not size > 0:
        raise Undefined("The Hessian of one network is zero, so it has no scale.")
    return nodes / size, weights


def _error(alone: list[float]) -> float:
    """Standard error of a mean over start vectors."""
    mean = sum(alone) / len(alone)
    return float((sum((a - mean) ** 2 for a in alone) / (len(alone) - 1) / len(alone)) ** 0.5)
