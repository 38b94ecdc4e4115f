"""What the cards of this family have in common."""

from functools import partial

from backend.contracts.cards import Arity, Direction, Family, Input, Question, Role, Uncertainty
from worker.evaluation.measure import measure

measure_of_weights = partial(
    measure,
    family=Family.WEIGHTS,
    question=Question.WEIGHTS_ALIKE,
    input=Input.WEIGHTS,
    role=Role.NONE,
    uncertainty=Uncertainty.EXACT,
)


measure_of_matrices = partial(
    measure,
    family=Family.WEIGHTS,
    question=Question.WEIGHTS,
    arity=Arity.MODEL,
    input=Input.WEIGHTS,
    role=Role.NONE,
    uncertainty=Uncertainty.EXACT,
    direction=Direction.NEITHER,
)
