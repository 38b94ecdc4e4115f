"""How the curvature is spread over layers."""

import torch

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.curvature.gauss_newton import gauss_newton_traces
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.evaluation.intervals import half_width
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="layer-traces",
        title="Largest layer's share of the trace",
        formula=r"\max_l \operatorname{Tr} G_{ll} / \operatorname{Tr} G",
        low=0.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_UNITS},
        reliable_from="500 samples",
        pitfalls="The table of layers is the point: the share of each weight tensor in the Gauss-Newton trace. "
        "Rescaling "
        "layers moves curvature between them.",
        source="Blocks of the Gauss-Newton matrix, exact from one backward pass per class",
        tolerance=1e-4,
    ),
    undefined="The Gauss-Newton matrix is zero: the answers do not depend on the weights.",
)
def layer_traces(subject: Subject) -> Measurement:
    """Share of the curvature that sits in the layer that has most of it."""
    blocks = gauss_newton_traces(subject).by_weight
    table = torch.stack(list(blocks.values()))
    total = table.sum(0)
    if not float(total.mean()) > 0:
        raise Undefined("The Gauss-Newton matrix is zero: the answers do not depend on the weights.")
    shares = table.mean(1) / total.mean()
    top = int(shares.argmax())
    whole = group_means(total, subject)
    parts = [group_means(row, subject) for row in table]
    replicates = [p / whole for p in parts if p is not None and whole is not None]
    return Measurement(
        float(shares[top]),
        replicates[top] if replicates else None,
        notes={"layer": list(blocks)[top]},
        series={
            "layer": list(blocks),
            "value": shares.tolist(),
            "trace": table.mean(1).tolist(),
            "half_width": [float(half_width(r)) for r in replicates] or [None] * len(blocks),
        },
    )
