"""What every card of this folder says alike."""

from functools import partial

from backend.contracts.cards import Family, Input, Question, Role
from worker.evaluation.measure import measure

measure_of_layers = partial(
    measure, family=Family.REPRESENTATIONAL, question=Question.SEE_ALIKE, input=Input.FEATURES, role=Role.HELD_OUT
)
