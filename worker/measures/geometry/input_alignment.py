"""Alignment of a layer with the input."""

from torch import Tensor

from backend.contracts.cards import Arity, Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.inputs import Layer, Undefined
from worker.measures.measure import measure
from worker.measures.representational.linear_cka import linear_cka, unit_u_gram


@measure(
    slug="input-alignment",
    title="Input alignment",
    family=Family.GEOMETRY,
    question=Question.LAYER,
    arity=Arity.MODEL,
    formula=r"\mathrm{CKA}_u(X, \text{input})",
    input=Input.FEATURES,
    bounds=(-1.0, 1.0),
    direction=Direction.NEITHER,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="50 samples",
    pitfalls="Linear kernel of the raw input, which for images is mostly brightness and position.",
    source="Kornblith et al. 2019, section 3; unbiased",
)
def input_alignment(layer: Layer) -> Tensor:
    """Unbiased linear CKA between a layer and the raw samples."""
    if layer.inputs is None:
        raise Undefined("This measure needs the raw samples beside the features: pass inputs=.")
    return linear_cka.compute(unit_u_gram(layer.features), unit_u_gram(layer.inputs))
