"""Equal angles of the class means."""

import torch
from torch import Tensor

from backend.contracts.cards import Arity, Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.geometry.classes import centred_means
from worker.measures.inputs import Layer
from worker.measures.measure import measure


@measure(
    slug="nc2-etf",
    title="Neural collapse 2: equal angles",
    family=Family.GEOMETRY,
    question=Question.LAYER,
    arity=Arity.MODEL,
    formula=r"\mathrm{mean}_{c\ne d}\Big|\cos(\mu_c - \mu_G, \mu_d - \mu_G) + \frac1{C-1}\Big|",
    input=Input.FEATURES,
    bounds=(0.0, 2.0),
    direction=Direction.NEITHER,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
    role=Role.HELD_OUT,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="20 samples per class",
    pitfalls="0 means that the class means form a simplex. For two classes it is always 0.",
    source="Papyan et al. 2020, section 2 (NC2)",
)
def nc2_etf(layer: Layer) -> Tensor:
    """How far the angles between class means are from those of a simplex."""
    unit = torch.nn.functional.normalize(centred_means(layer), dim=1)
    count = len(unit)
    cosine = unit @ unit.T
    off = ~torch.eye(count, dtype=torch.bool, device=unit.device)
    return (cosine[off] + 1 / (count - 1)).abs().mean()
