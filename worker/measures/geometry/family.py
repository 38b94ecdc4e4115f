"""What every card of this folder says alike."""

from functools import partial

from kinscape.backend.contracts.cards import Arity, Card, Family, Input, Parameter, Role, Topic, Uncertainty

one_layer_card = partial(
    Card,
    family=Family.GEOMETRY,
    topic=Topic.REPRESENTATION_GEOMETRY,
    arity=Arity.MODEL,
    input=Input.FEATURES,
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
)
SPLITS = (
    Parameter(
        name="side",
        default=0,
        minimum=0,
        maximum=2**53,
        help="Classes of one side, as the sum of 2^label (341 for the even ones of ten); 0 for the best of all splits.",
    ),
    Parameter(
        name="splits",
        default=126,
        minimum=1,
        maximum=500,
        help="Splits that are tried: all of them where there are no more, drawn ones otherwise.",
    ),
)
