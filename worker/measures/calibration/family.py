"""What the cards of this family have in common."""

from functools import partial

from backend.contracts.cards import Arity, Change, Family, Input, Question, Role, Uncertainty
from worker.evaluation.measure import measure

measure_of_confidence = partial(
    measure,
    family=Family.CALIBRATION,
    question=Question.CONFIDENCE,
    arity=Arity.MODEL,
    input=Input.OUTPUTS,
    role=Role.HELD_OUT,
    needs_labels=True,
)


measure_of_calibration = partial(
    measure_of_confidence,
    uncertainty=Uncertainty.JACKKNIFE,
    ignores={Change.SHIFT_LOGITS},
)
