"""What every card of this folder says alike."""

from functools import partial

from backend.contracts.cards import Arity, Family, Input, Question, Role, Uncertainty
from worker.evaluation.measure import measure

measure_of_one_layer = partial(
    measure,
    family=Family.GEOMETRY,
    question=Question.LAYER,
    arity=Arity.MODEL,
    input=Input.FEATURES,
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
)
