"""What every card of this folder says alike."""

from functools import partial

from kinscape.backend.contracts.cards import Card, Family, Input, Role, Topic

layer_card = partial(
    Card,
    family=Family.REPRESENTATIONAL,
    topic=Topic.REPRESENTATIONAL_SIMILARITY,
    input=Input.FEATURES,
    role=Role.HELD_OUT,
)
