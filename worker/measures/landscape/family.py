"""What all measures of a minimum have in common."""

from functools import partial

from backend.contracts.cards import Arity, Direction, Family, Input, Question, Role, Uncertainty
from worker.evaluation.measure import measure

measure_of_minimum = partial(
    measure,
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    arity=Arity.MODEL,
    input=Input.NETWORK,
    direction=Direction.LOWER_IS_FLATTER,
    role=Role.TRAIN,
    uncertainty=Uncertainty.JACKKNIFE,
)
measure_of_two_minima = partial(
    measure,
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    input=Input.NETWORK,
    role=Role.TRAIN,
    uncertainty=Uncertainty.JACKKNIFE,
)
