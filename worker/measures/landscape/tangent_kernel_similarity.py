"""Whether two networks would learn alike from here."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter
from kinscape.worker.curvature.tangent_kernel import (
    SAMPLES,
    alignment,
    chosen_samples,
    tangent_kernel,
    without_each_group,
)
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import two_minima_card


@measure(
    two_minima_card(
        slug="tangent-kernel-similarity",
        title="Similarity of tangent kernels",
        formula=r"\frac{\langle K, K'\rangle}{\lVert K\rVert_F \lVert K'\rVert_F},\quad "
        r"K_{ij} = \tfrac1C\sum_c \langle \nabla_\theta f_c(x_i), \nabla_\theta f_c(x_j)\rangle",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_UNITS},
        reliable_from="100 samples",
        pitfalls="Not centred, as in the source, so that strangers score well above 0: centred kernels are a "
        "parameter. Of "
        "a network and its start it tells how far training left the lazy regime. Architectures may differ.",
        source="Fort et al. 2020, section 3 (one minus the kernel distance)",
        parameters=(
            *SAMPLES,
            Parameter(
                name="centring", default="none", choices=("none", "centred"), help="Whether kernels are centred first."
            ),
        ),
        pace=Pace.PATH,
        tolerance=1e-4,
    ),
)
def tangent_kernel_similarity(a: Subject, b: Subject, *, samples: int, centring: str) -> Measurement:
    """Cosine between the tangent kernels of two networks."""
    kernels = tangent_kernel(a, samples), tangent_kernel(b, samples)
    rows = chosen_samples(a, samples).to(kernels[0].device)

    def found(kept: Tensor) -> Tensor:
        return alignment(*(k[kept][:, kept] for k in kernels), is_centred=centring == "centred")

    everyone = torch.arange(len(rows), device=rows.device)
    return Measurement(float(found(everyone)), without_each_group(a, rows, found))
