"""What the cards of this family have in common."""

from functools import partial

from kinscape.backend.contracts.cards import Arity, Card, Direction, Family, Input, Role, Topic, Uncertainty

weights_card = partial(
    Card,
    family=Family.WEIGHTS,
    topic=Topic.WEIGHT_SIMILARITY,
    input=Input.WEIGHTS,
    role=Role.NONE,
    uncertainty=Uncertainty.EXACT,
)


matrices_card = partial(
    Card,
    family=Family.WEIGHTS,
    topic=Topic.WEIGHT_SPECTRA,
    arity=Arity.MODEL,
    input=Input.WEIGHTS,
    role=Role.NONE,
    uncertainty=Uncertainty.EXACT,
    direction=Direction.NEITHER,
)
