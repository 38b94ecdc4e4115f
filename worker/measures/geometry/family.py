"""What every card of this folder says alike."""

from functools import partial

from kinscape.backend.contracts.cards import Arity, Card, Family, Input, Question, Role, Uncertainty

one_layer_card = partial(
    Card,
    family=Family.GEOMETRY,
    question=Question.LAYER,
    arity=Arity.MODEL,
    input=Input.FEATURES,
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
)
