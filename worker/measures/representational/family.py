"""What every card of this folder says alike."""

from functools import partial

from kinscape.backend.contracts.cards import Card, Family, Input, Question, Role

layer_card = partial(
    Card, family=Family.REPRESENTATIONAL, question=Question.SEE_ALIKE, input=Input.FEATURES, role=Role.HELD_OUT
)
