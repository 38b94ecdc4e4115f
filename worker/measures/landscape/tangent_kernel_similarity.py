"""Whether two networks would learn alike from here."""

from collections.abc import Callable

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter
from kinscape.worker.curvature.tangent_kernel import chosen_samples, tangent_kernel
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import two_minima_card

SAMPLES = (
    Parameter(name="samples", default=100, minimum=10, maximum=1000, help="Samples, evenly spread over the set."),
)


def alignment(a: Tensor, b: Tensor, *, is_centred: bool) -> Tensor:
    """Cosine between two kernels ``(samples, samples)``, after centring where asked, ``()``."""
    if is_centred:
        a, b = (k - k.mean(0) - k.mean(1)[:, None] + k.mean() for k in (a, b))
    lengths = a.norm() * b.norm()
    if not float(lengths) > 0:
        raise Undefined("A kernel is zero: its samples are all alike.")
    return (a * b).sum() / lengths


def without_each_group(subject: Subject, rows: Tensor, found: Callable[[Tensor], Tensor]) -> Tensor | None:
    """A value of kernels with one group of samples left out; nothing without groups.

    Args:
        rows: which samples the kernels are of.
        found: the value for the places in the kernels that are kept.
    """
    if not subject.groups:
        return None
    everyone = torch.arange(len(rows))
    left = [found(everyone[~torch.isin(rows.cpu(), group.cpu())].to(rows.device)) for group in subject.groups]
    return torch.stack([value.double().cpu() for value in left])


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
