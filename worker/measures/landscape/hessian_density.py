"""The spectrum of the Hessian of the loss."""

import torch

from kinscape.worker.curvature.hessian_products import summed_products
from kinscape.worker.curvature.spectral_density import DENSITY_PARAMETERS, density
from kinscape.worker.curvature.vectors import size_of, start_vectors
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="hessian-density",
        version=2,
        title="Hessian spectrum: Frobenius norm",
        formula=r"\lVert \nabla^2_\theta L\rVert_F = \sqrt{\textstyle\sum_i \lambda_i^2}",
        low=0.0,
        high=None,
        needs_labels=True,
        reliable_from="500 samples; the Monte-Carlo error over start vectors is reported separately",
        pitfalls="The picture is the density: nodes and weights of a quadrature, smoothed only when drawn. Most of it "
        "lies at zero. Rescaling layers changes it without changing the function; reordering units moves it within the "
        "error over start vectors.",
        source="Ghorbani et al. 2019, algorithm 1 (stochastic Lanczos quadrature)",
        parameters=DENSITY_PARAMETERS,
        tolerance=5e-2,
    ),
    undefined="The Hessian is zero.",
)
def hessian_density(subject: Subject, *, probes: int, steps: int) -> Measurement:
    """How strong the curvatures are over all directions, with the density of their spectrum."""
    nodes, weights, warning = density(subject, probes=probes, steps=steps)
    size = size_of(subject)
    energies = size * (nodes.square() * weights).view(probes, -1).sum(1) * probes
    value = float(energies.mean().sqrt())
    replicates = None
    if subject.groups and value > 0:
        replicates = _without_each_group(subject, probes, size)
    return Measurement(
        value,
        replicates,
        monte_carlo_error=float(energies.std() / probes**0.5) / (2 * value) if value > 0 else None,
        notes={"trace": size * float((nodes * weights).sum()), "negative_share": float(weights[nodes < 0].sum())},
        series={"node": nodes.tolist(), "weight": weights.tolist()},
        warning=warning,
    )


def _without_each_group(subject: Subject, probes: int, size: int) -> torch.Tensor:
    """The norm with one group left out, from products of each group with the same start vectors."""
    sizes = torch.tensor([len(g) for g in subject.groups], dtype=torch.float64)
    energies = torch.zeros(len(sizes), dtype=torch.float64)
    for vectors in start_vectors(subject, range(probes)):
        whole = summed_products(subject, vectors)
        for k, group in enumerate(subject.groups):
            parts = summed_products(subject, vectors, group)
            energies[k] += sum(float((w - p).double().square().sum()) for w, p in zip(whole, parts, strict=True))
    return (energies * size / probes).sqrt() / (sizes.sum() - sizes)
