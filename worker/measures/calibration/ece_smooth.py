"""Calibration error by kernel smoothing instead of bins."""

import math

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Direction
from kinscape.worker.calibration.bins import confidence_of
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.calibration.family import calibration_card

# Values below a cell, 0.002, are those of the grid.
GRID = 512
# 2⁻³⁰ of the unit interval.
HALVINGS = 30


def smoothed_error(density: Tensor, bandwidth: float) -> float:
    """Integral of the absolute residuals after smoothing with a Gaussian that is reflected at 0 and 1.

    Args:
        density: ``(grid,)`` residuals right - confidence, summed in each cell of the grid, over N.
    """
    # Reflection at both ends makes the smoothing diagonal in cosines.
    rates = torch.arange(len(density), dtype=density.dtype, device=density.device) * math.pi
    both = torch.cat([density, density.flip(0)])
    damping = (-(rates * bandwidth).square() / 2).exp()
    spectrum = torch.fft.rfft(both)
    full = torch.cat([damping, torch.zeros(1, dtype=damping.dtype, device=damping.device)])
    return float(torch.fft.irfft(spectrum * full[: len(spectrum)], n=len(both))[: len(density)].abs().sum())


@measure(
    calibration_card(
        slug="ece-smooth",
        title="Smooth calibration error",
        formula=r"\mathrm{smECE}_{\sigma^\ast},\quad \mathrm{smECE}_{\sigma^\ast} = \sigma^\ast,\quad "
        r"\mathrm{smECE}_\sigma = \int_0^1 \big\lvert \tfrac1N \textstyle\sum_i K_\sigma(t, p_i)(r_i - "
        r"p_i)\big\rvert dt",
        low=0.0,
        high=1.0,
        direction=Direction.LOWER_IS_BETTER,
        reliable_from="500 samples; biased upwards below, less than with bins",
        pitfalls="On a grid of 512 cells, so values below 0.002 are those of the grid. The bandwidth is chosen from "
        "the "
        "samples: it equals the value.",
        source="Błasiok & Nakkiran 2023, section 3: reflected Gaussian kernel, bandwidth at its own fixed point",
    ),
)
def ece_smooth(outputs: Outputs) -> float:
    """Calibration error after smoothing at the scale of the error itself, without bins."""
    confidence = confidence_of(outputs)
    residual = (outputs.right - confidence) / outputs.samples
    place = (confidence * GRID).long().clamp(0, GRID - 1)
    density = torch.zeros(GRID, dtype=residual.dtype, device=residual.device).index_add_(0, place, residual)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if smoothed_error(density, middle) < middle:
            high = middle
        else:
            low = middle
    return (low + high) / 2
