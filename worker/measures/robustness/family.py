"""What the cards of this family have in common."""

from functools import partial

from kinscape.backend.contracts.cards import (
    Arity,
    Card,
    Change,
    Direction,
    Family,
    Input,
    Role,
    Topic,
    Uncertainty,
)

robustness_card = partial(
    Card,
    family=Family.ROBUSTNESS,
    topic=Topic.ROBUSTNESS,
    arity=Arity.MODEL,
    input=Input.NETWORK,
    role=Role.HELD_OUT,
    needs_labels=True,
    low=0.0,
    high=1.0,
    direction=Direction.HIGHER_IS_BETTER,
    ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
    uncertainty=Uncertainty.MEAN_JACKKNIFE,
    counts_events=True,
)
