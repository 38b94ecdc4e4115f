"""A population of networks over two settings of training."""

from kinscape.backend.studies.headlines.settings import along
from kinscape.backend.studies.over_tags import OverTags
from kinscape.backend.studies.template import Role, Template

TEMPLATE = Template(
    name="population",
    title="A population of networks",
    question="How do loss, similarity, connectivity and sharpness change over two settings of training?",
    method="Means over the networks of each setting, and over pairs of networks of one setting; Spearman's ρ along "
    "either setting. Settings are chosen, not drawn: there is no test.",
    source="Yang et al. 2021, taxonomising local and global structure in loss landscapes",
    roles=(
        Role(
            "network",
            "Networks",
            "with two tags that were varied, such as load and temperature",
            4,
            lambda one, _: len(one.tags or {}) > 1,
        ),
    ),
    measures=("train-loss", "accuracy", "hessian-trace", "hessian-top-eigenvalue", "linear-cka", "loss-barrier"),
    needs_train=True,
    analyses=(OverTags("network"),),
    headline=along,
    pitfalls=(
        "Two networks per setting give one pair: its number is one draw, not a mean.",
        "A barrier along the straight path between networks of different starts is there before units are matched.",
    ),
)
