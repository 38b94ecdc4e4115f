"""Overlap of the weights that pruning kept."""

from typing import NamedTuple

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.measures.weights.family import weights_card
from kinscape.worker.spectra.flat_weights import Flat, check_alike, flat


class Mask(NamedTuple):
    """1 for every weight of the matrices that is not zero."""

    kept: Flat


def mask(weights: Weights, **_: object) -> Mask:
    """Which weights of the matrices are not zero."""
    found = flat(weights, tensors="matrices")
    return Mask(Flat((found.values != 0).double(), found.names))


@measure(
    weights_card(
        slug="mask-iou",
        title="Mask overlap",
        formula=r"\frac{|M_a \cap M_b|}{|M_a \cup M_b|},\quad M = \{\theta \ne 0\}",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="two pruned networks of one architecture",
        pitfalls="Two networks that are not pruned overlap entirely; the density of each mask and the overlap "
        "expected of independent masks are reported with the value.",
        source="Jaccard 1912 on the weights that are not zero; chance: independent masks of the same densities",
    ),
    prepare=mask,
    undefined="Both networks have no weight left.",
)
def mask_iou(a: Mask, b: Mask) -> Measurement:
    """Intersection over union of the unpruned weights of both networks."""
    check_alike(a.kept, b.kept)
    x, y = a.kept.values > 0, b.kept.values > 0
    both, either = int((x & y).sum()), int((x | y).sum())
    if either == 0:
        return Measurement(float("nan"))
    p, q = float(x.double().mean()), float(y.double().mean())
    chance = p * q / (p + q - p * q)
    return Measurement(both / either, notes={"density_a": p, "density_b": q, "chance": chance})
