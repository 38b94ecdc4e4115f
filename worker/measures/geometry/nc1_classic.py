"""Variability collapse within classes."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.class_means import class_means


@measure(
    one_layer_card(
        slug="nc1-classic",
        title="Neural collapse 1: within-class variability",
        formula=r"\frac1C \operatorname{Tr}(\Sigma_W \Sigma_B^+)",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="0 means that every class is one point. The pseudo-inverse gives weakly separated directions the "
        "most weight.",
        source="Papyan et al. 2020, section 2 (NC1)",
    ),
)
def nc1_classic(layer: Layer) -> Tensor:
    """Variance within classes relative to the variance between their means."""
    classes = class_means(layer)
    count = len(classes.means)
    between = (classes.means - classes.means.mean(0)) / count**0.5
    _u, s, vh = torch.linalg.svd(between, full_matrices=False)
    # Centred means span at most one direction less than there are classes; the last is rounding.
    rank = min(count - 1, between.shape[1])
    if not float(s[rank - 1]) > 1e-12 * max(1.0, float(s[0])):
        raise Undefined("Class means lie on a line or plane, so the variance between them has no inverse.")
    within = (classes.residuals @ vh[:rank].T / s[:rank]).square().sum() / len(classes.residuals)
    return within / count
