"""What the cards of this family have in common."""

from functools import partial

from kinscape.backend.contracts.cards import Card, Family, Input, Role, Topic

output_card = partial(
    Card, family=Family.FUNCTIONAL, topic=Topic.FUNCTIONAL_SIMILARITY, input=Input.OUTPUTS, role=Role.HELD_OUT
)
