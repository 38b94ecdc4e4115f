"""How nonlinear a step of training was."""

import torch

from kinscape.backend.contracts.cards import Direction, Pace
from kinscape.worker.curvature.linearisation import changes, relative_error
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import two_minima_card


@measure(
    two_minima_card(
        slug="linearisation-error",
        title="Linearisation error",
        formula=r"\frac{\lVert f_{\theta_b} - f_{\theta_a} - J_{\theta_a}(\theta_b - \theta_a)\rVert}"
        r"{\lVert f_{\theta_b} - f_{\theta_a}\rVert}",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        symmetric=False,
        needs_labels=False,
        reliable_from="100 samples",
        pitfalls="Directed: the derivative is that of the first. Near 0 between checkpoints that lie close together on "
        "a run, whose steps add up to the whole change (the telescoping model); near or above 1 where the derivative "
        "foretells nothing. Running statistics change beside the weights and count as not foretold.",
        source="Jeffares et al. 2024, deep learning through a telescoping lens, section 3",
        pace=Pace.PATH,
        tolerance=1e-4,
    ),
    undefined="The logits are not finite.",
)
def linearisation_error(start: Subject, end: Subject) -> Measurement:
    """Share of a change of the logits that the derivative along the weights' change does not foretell."""
    real, foretold = changes(start, end)
    left = None
    if start.groups:
        kept = torch.ones(len(start.groups), len(real), dtype=torch.bool)
        for number, rows in enumerate(start.groups):
            kept[number, rows.cpu()] = False
        left = torch.stack([relative_error(real[rows], foretold[rows]) for rows in kept])
    lengths: dict[str, float | int | str] = {
        "change": float(real.norm() / len(real) ** 0.5),
        "foretold": float(foretold.norm() / len(real) ** 0.5),
    }
    return Measurement(float(relative_error(real, foretold)), left, notes=lengths)
