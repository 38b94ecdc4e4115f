"""What every card of this folder says alike."""

from functools import partial

from kinscape.backend.contracts.cards import Arity, Card, Family, Input, Role, Topic, Uncertainty

one_layer_card = partial(
    Card,
    family=Family.GEOMETRY,
    topic=Topic.REPRESENTATION_GEOMETRY,
    arity=Arity.MODEL,
    input=Input.FEATURES,
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
)
