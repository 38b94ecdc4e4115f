"""What the cards of this family have in common."""

from functools import partial

from backend.contracts.cards import Family, Input, Question, Role
from worker.evaluation.measure import measure

measure_of_answers = partial(
    measure, family=Family.FUNCTIONAL, question=Question.ANSWER_ALIKE, input=Input.OUTPUTS, role=Role.HELD_OUT
)
