"""What the cards of this family have in common."""

from functools import partial

from kinscape.backend.contracts.cards import Arity, Card, Change, Family, Input, Role, Topic, Uncertainty

confidence_card = partial(
    Card,
    family=Family.CALIBRATION,
    topic=Topic.CALIBRATION,
    arity=Arity.MODEL,
    input=Input.OUTPUTS,
    role=Role.HELD_OUT,
    needs_labels=True,
)


calibration_card = partial(
    confidence_card,
    uncertainty=Uncertainty.JACKKNIFE,
    ignores={Change.SHIFT_LOGITS},
)
