"""What the cards of this family have in common."""

from functools import partial

from kinscape.backend.contracts.cards import Card, Family, Input, Question, Role

output_card = partial(
    Card, family=Family.FUNCTIONAL, question=Question.ANSWER_ALIKE, input=Input.OUTPUTS, role=Role.HELD_OUT
)
