"""Units of one layer from few units of another."""

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined

# Proximal steps; most layers need a tenth of them.
MOST_STEPS = 2000
# The largest change of a coefficient at which they end; coefficients are of standardised units.
STILL = 1e-7
MOST_UNITS = 2048
FEWEST_SAMPLES = 6


def lasso(gram: Tensor, products: Tensor, penalty: float) -> Tensor:
    """Coefficients that minimise half the squared error plus an L1 penalty, of many targets at once.

    Args:
        gram: ``(units, units)`` correlations of the units that predict.
        products: ``(units, targets)`` their correlations with what is predicted.
        penalty: of the sum of absolute coefficients; from 1 on all are 0.

    Returns:
        ``(units, targets)``, by accelerated proximal gradient steps (Beck & Teboulle 2009) with restarts.
    """
    step = 1 / float(torch.linalg.matrix_norm(gram, ord=2).clamp_min(1e-12))
    found = ahead = torch.zeros_like(products)
    momentum = 1.0
    for _ in range(MOST_STEPS):
        down = ahead - step * (gram @ ahead - products)
        new = down.sign() * (down.abs() - step * penalty).clamp_min(0)
        if float(((ahead - new) * (new - found)).sum()) > 0:
            momentum = 1.0
        after = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        moved = new - found
        ahead = new + (momentum - 1) / after * moved
        found, momentum = new, after
        if float(moved.abs().amax()) < STILL:
            break
    return found


def predicted_shares(x: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, float]:
    """Share of the variance of each unit that few units of the other layer predict on samples they were not fitted to.

    Half of the samples are held out, and then the other half: every other one by how far it lies from the mean, so that
    their order does not matter.

    Args:
        x: ``(samples, units)`` that predict.
        y: ``(samples, targets)``.

    Returns:
        ``(targets,)`` of those that vary in both halves, and the mean number of units that one of them needs.
    """
    if max(x.shape[1], y.shape[1]) > MOST_UNITS:
        raise Undefined(f"More than {MOST_UNITS:,} units are too many for sparse prediction; reduce the maps first.")
    if len(x) < FEWEST_SAMPLES:
        raise Undefined(f"Sparse prediction needs {FEWEST_SAMPLES} samples or more, half of them for each fit.")
    far = sum(_standardised(t).square().mean(1) for t in (x, y))
    assert isinstance(far, Tensor)
    halves = [far.argsort()[first::2] for first in (0, 1)]
    wrong, total, used = [], [], []
    for fit, test in (halves, halves[::-1]):
        means, scales = zip(*(_standard(t[fit]) for t in (x, y)), strict=True)
        (a, b), (a_new, b_new) = (
            [(t[rows] - m) / s for t, m, s in zip((x, y), means, scales, strict=True)] for rows in (fit, test)
        )
        weights = lasso(a.T @ a / len(fit), a.T @ b / len(fit), penalty)
        wrong.append((b_new - a_new @ weights).square().sum(0) * scales[1].square())
        total.append((y[test] - y[test].mean(0)).square().sum(0))
        used.append((weights != 0).to(torch.float64).sum(0))
    varies = (total[0] > 1e-12 * total[0].amax()) & (total[1] > 1e-12 * total[1].amax())
    if not bool(varies.any()):
        raise Undefined("No unit of the second layer varies.")
    shares = 1 - (wrong[0] + wrong[1]) / (total[0] + total[1])
    return shares[varies], float((used[0] + used[1])[varies].mean()) / 2


def _standardised(values: Tensor) -> Tensor:
    mean, scale = _standard(values)
    return (values - mean) / scale


def _standard(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of units; one that never varies is divided by 1."""
    scale = values.std(0, correction=0)
    return values.mean(0), torch.where(scale > 1e-12 * scale.amax().clamp_min(1e-300), scale, torch.ones_like(scale))
