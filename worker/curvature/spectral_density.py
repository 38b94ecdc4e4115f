"""One Krylov run of the Hessian for every measure that asks about its spectrum."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.dual_hessian import dual_hessian
from kinscape.worker.curvature.hessian_products import hessian_product
from kinscape.worker.curvature.lanczos import ASYMMETRY, Krylov, PlainOperator
from kinscape.worker.curvature.vectors import size_of, start_vector
from kinscape.worker.inputs.subject import Subject

# Goes up with every change of how it is made: densities are kept on disk.
DENSITY_VERSION = 2
NOT_SYMMETRIC = (
    "The Hessian's products are not symmetric: automatic second derivatives are wrong for a layer of this network."
)


def hessian_krylov(subject: Subject, number: int = 0) -> Krylov:
    """The Krylov run from one start vector; measures that ask later go on where it stopped."""

    def made() -> Krylov:
        start = start_vector(subject, number)
        return Krylov(dual_hessian(subject, start) or PlainOperator(hessian_product(subject), start), size_of(subject))

    found: Krylov = subject.once(("krylov", number), made)
    return found


def warning_of(asymmetry: float) -> str:
    """A sentence where the products were not those of a symmetric matrix."""
    return NOT_SYMMETRIC if asymmetry > ASYMMETRY else ""


def density(subject: Subject, *, probes: int, steps: int) -> tuple[Tensor, Tensor, str]:
    """Nodes and weights ``(probes · steps,)`` of the Hessian's spectral density, and a warning.

    Source: Ghorbani et al. 2019, algorithm 1 (stochastic Lanczos quadrature); the weights of all
    probes together sum to 1.
    """

    def made() -> dict[str, Tensor]:
        nodes, weights, asymmetry = [], [], 0.0
        for number in range(probes):
            run = hessian_krylov(subject, number)
            run.grow(min(steps, size_of(subject)))
            node, weight = run.quadrature(steps)
            nodes.append(node)
            weights.append(weight / probes)
            asymmetry = max(asymmetry, run.asymmetry)
            if number:
                # Only the first run is asked for eigenvectors; the others' bases would fill the memory.
                subject.memo.forget(("krylov", number))
        return {
            "nodes": torch.cat(nodes),
            "weights": torch.cat(weights),
            "asymmetry": torch.tensor(asymmetry, dtype=torch.float64),
        }

    found = subject.lasting(f"density of {probes} probes and {steps} steps, version {DENSITY_VERSION}", made)
    return found["nodes"], found["weights"], warning_of(float(found["asymmetry"]))


DENSITY_PARAMETERS = (
    Parameter(name="probes", default=4, minimum=2, maximum=1000, help="Random start vectors."),
    Parameter(name="steps", default=40, minimum=2, maximum=1000, help="Products for each start vector."),
)
