"""Whether the tangent kernel has learned the labels."""

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.cards import Change, Direction
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
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="tangent-kernel-label-alignment",
        title="Alignment of the tangent kernel with the labels",
        formula=r"\frac{\langle K_c, (YY^\top)_c\rangle}{\lVert K_c\rVert_F \lVert (YY^\top)_c\rVert_F},\quad "
        r"K_{ij} = \tfrac1C\sum_c \langle \nabla_\theta f_c(x_i), \nabla_\theta f_c(x_j)\rangle",
        low=-1.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_UNITS},
        needs_labels=True,
        reliable_from="100 samples, ten of each class",
        pitfalls="Both kernels are centred. Rises while features are learned and stays where it was when a network is "
        "lazy. Scales of layers that leave the function alone change it.",
        source="Cortes et al. 2012, centred alignment; Baratin et al. 2021, section 3, for tangent kernels",
        parameters=SAMPLES,
        tolerance=1e-4,
    ),
)
def tangent_kernel_label_alignment(subject: Subject, *, samples: int) -> Measurement:
    """Centred alignment of the tangent kernel with the kernel of the labels."""
    kernel = tangent_kernel(subject, samples)
    rows = chosen_samples(subject, samples).to(subject.y.device)
    labels = subject.y[rows]
    if len(labels.unique()) < 2:
        raise Undefined("All samples have one label, so their kernel is constant.")
    truth = nn.functional.one_hot(labels).to(kernel)
    wanted = truth @ truth.T

    def found(kept: Tensor) -> Tensor:
        return alignment(kernel[kept][:, kept], wanted[kept][:, kept], is_centred=True)

    everyone = torch.arange(len(rows), device=kernel.device)
    return Measurement(float(found(everyone)), without_each_group(subject, rows, found))
