"""Overlap of the spaces that two layers span."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.canonical_correlations import orthonormal
from kinscape.worker.similarity.kernels import as_given, few_samples


def span(features: Tensor, **_: object) -> Tensor:
    """Orthonormal basis ``(samples, rank)`` of features that are not centred."""
    return orthonormal(as_given(features), like=features)


@measure(
    layer_card(
        slug="eigenspace-overlap",
        version=2,
        title="Eigenspace overlap",
        formula=r"\frac{\lVert U^\top V\rVert_F^2}{\max(\mathrm{rank}\,X, \mathrm{rank}\,Y)}",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.ROTATE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="ten samples per feature",
        pitfalls="Features as given. Directions without variance weigh as much as the largest, and with fewer "
        "samples than features everything overlaps.",
        source="May et al. 2019, definition 2; ranks in place of widths",
        takes_positions=True,
    ),
    prepare=span,
    small=few_samples,
)
def eigenspace_overlap(x: Tensor, y: Tensor) -> Tensor:
    """Share of the space spanned by one layer that the other spans as well."""
    return (x.T @ y).square().sum() / max(x.shape[1], y.shape[1])
