"""What all measures of a minimum have in common."""

from functools import partial

from kinscape.backend.contracts.cards import Arity, Card, Direction, Family, Input, Role, Topic, Uncertainty

minimum_card = partial(
    Card,
    family=Family.LANDSCAPE,
    topic=Topic.LOSS_LANDSCAPE,
    arity=Arity.MODEL,
    input=Input.NETWORK,
    direction=Direction.LOWER_IS_FLATTER,
    role=Role.TRAIN,
    uncertainty=Uncertainty.JACKKNIFE,
)
two_minima_card = partial(
    Card,
    family=Family.LANDSCAPE,
    topic=Topic.LOSS_LANDSCAPE,
    input=Input.NETWORK,
    role=Role.TRAIN,
    uncertainty=Uncertainty.JACKKNIFE,
)
