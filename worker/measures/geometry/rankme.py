"""Effective rank of a representation, not centred."""

import torch
from torch import Tensor

from backend.contracts.cards import Arity, Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.inputs import Layer
from worker.measures.measure import measure
from worker.measures.representational.gram import as_given


@measure(
    slug="rankme",
    title="RankMe",
    family=Family.GEOMETRY,
    question=Question.LAYER,
    arity=Arity.MODEL,
    formula=r"\exp\Big(-\sum_k p_k \log p_k\Big),\quad p_k = \frac{\sigma_k}{\lVert\sigma\rVert_1}",
    input=Input.FEATURES,
    bounds=(1.0, None),
    direction=Direction.NEITHER,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="ten samples per feature; it cannot exceed the number of samples",
    pitfalls="Features as given: a common mean adds one strong direction. Grows with the width.",
    source="Garrido et al. 2023, equation 2, without the constant added for stability",
)
def rankme(layer: Layer) -> Tensor:
    """How many directions a layer uses, from the entropy of its singular values."""
    sigma = torch.linalg.svdvals(as_given(layer.features))
    return torch.special.entr(sigma / sigma.sum()).sum().exp()
