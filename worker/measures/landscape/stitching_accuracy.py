"""Whether a network can go on from what another one computed."""

import torch

from kinscape.backend.contracts.cards import Change, Direction, Pace, Role, Topic
from kinscape.worker.evaluation.intervals import half_width, leave_one_out_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import two_minima_card
from kinscape.worker.similarity.stitching import stitched


@measure(
    two_minima_card(
        slug="stitching-accuracy",
        title="Stitching accuracy",
        topic=Topic.FUNCTIONAL_SIMILARITY,
        formula=r"\tfrac1L\sum_l \mathrm{acc}\big(g_{>l} \circ A_l \circ f_{\le l}\big),\quad "
        r"A_l = \arg\min_A \sum_i \lVert A f_{\le l}(x_i) - g_{\le l}(x_i)\rVert^2",
        low=0.0,
        high=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        symmetric=False,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        role=Role.HELD_OUT,
        needs_labels=True,
        reliable_from="four samples per unit of the widest layer",
        pitfalls="Directed: the second network goes on from the first. Maps are the closed-form ones, fitted to the "
        "activations on other samples, not trained by the loss, which can reach more. Only layers through which "
        "everything goes count: inside a residual block the second network would pass itself on. Compare with its own "
        "accuracy, which is noted. A mean over layers: read the bars.",
        source="Bansal et al. 2021, section 3; Csiszarik et al. 2021, section 4, for maps by least squares",
        pace=Pace.PATH,
        tolerance=2e-2,
    ),
)
def stitching_accuracy(first: Subject, second: Subject) -> Measurement:
    """Accuracy of the second network from a layer on, given the first network's activations by an affine map."""
    found = stitched(first, second)
    right = torch.stack([one.right for one in found])
    groups = tuple(g.cpu() for g in first.groups)
    by_layer = leave_one_out_means(torch.stack([right[:, g].mean(1) for g in groups]), groups) if groups else None
    halves = [None] * len(found) if by_layer is None else half_width(by_layer).tolist()
    with torch.no_grad():
        own = torch.cat([second.logits(second.weights, rows).argmax(1) for rows in second.x.split(second.chunk)])
    accuracies = right.mean(1).tolist()
    lowest = min(range(len(found)), key=accuracies.__getitem__)
    return Measurement(
        float(right.mean()),
        None if by_layer is None else by_layer.mean(1),
        notes={
            "own_accuracy": float((own == second.y).double().mean()),
            "layers": len(found),
            "lowest_at": found[lowest].place,
        },
        series={"layer": [one.place for one in found], "value": accuracies, "half_width": halves},
    )
