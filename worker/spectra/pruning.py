"""What remains of the weights when the smallest are taken away."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined

# The curve in steps of half a per cent.
POINTS = 201


@dataclass(frozen=True)
class PruneCurve:
    """Cosine to the unpruned weights for every number of weights taken away.

    Attributes:
        cosines: ``(weights + 1,)``, float64; the first is 1, the last 0.
    """

    cosines: Tensor

    @property
    def sparsities(self) -> Tensor:
        """Share of weights taken away, ``(weights + 1,)``."""
        return torch.linspace(0, 1, len(self.cosines), dtype=torch.float64)

    def series(self) -> dict[str, list[float | str | None]]:
        """The curve at evenly spaced sparsities."""
        last = len(self.cosines) - 1
        at = torch.linspace(0, last, min(POINTS, last + 1), dtype=torch.float64).round().long().clamp(0, last)
        return {"sparsity": self.sparsities[at].tolist(), "cosine": self.cosines[at].tolist()}


def prune_curve_of(weights: dict[str, Tensor]) -> PruneCurve:
    """The curve of magnitude pruning over all matrices together.

    Taking the smallest weights away keeps the direction of the rest, so the cosine is the root
    of the share of energy that is kept: one sort gives all of it.
    """
    energy = torch.cat([w.flatten() for w in weights.values()]).square().sort().values
    total = float(energy.sum())
    if not total > 0:
        raise Undefined("All weights are zero, so nothing can be pruned.")
    lost = torch.cat([torch.zeros(1, dtype=energy.dtype), energy.cumsum(0)])
    return PruneCurve(((total - lost) / total).clamp(0, 1).sqrt())


def optimum(curve: PruneCurve) -> tuple[float, float]:
    """Sparsity and cosine of the point of the curve closest to (1, 1)."""
    distances = (1 - curve.sparsities).square() + (1 - curve.cosines).square()
    best = int(distances.argmin())
    return float(curve.sparsities[best]), float(curve.cosines[best])


def safe_share(matrices: dict[str, Tensor], *, spread: float) -> float:
    """The optimum's sparsity, divided by how unlike the tails of the tensors are.

    Args:
        spread: K₂, the kurtosis of the tensors' kurtoses. The divisor is log₂ K₂ below e and ln K₂ from there on,
            and never below 1: what is safe is not more than what is best.
    """
    divisor = math.log2(spread) if spread < math.e else math.log(spread)
    return optimum(prune_curve_of(matrices))[0] / max(1.0, divisor)
