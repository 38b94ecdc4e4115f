"""How much independent seeds differ."""

from collections.abc import Sequence

from kinscape.backend.studies.cast import Candidate
from kinscape.backend.studies.headlines.spread import chance
from kinscape.backend.studies.spread import Spread
from kinscape.backend.studies.template import Role, Template

TEMPLATE = Template(
    name="seeds",
    title="Independent seeds",
    question="How much do networks differ that differ by nothing but chance?",
    method="Mean over all pairs of independent networks with a bootstrap of networks, and mean and range of single "
    "networks with a t interval. One network of each family counts.",
    source="Bouthillier et al. 2021, accounting for variance in machine learning benchmarks",
    roles=(
        Role(
            "seeds",
            "Independent seeds",
            "networks of one recipe that share neither start, teacher, run nor ancestor",
            fewest=3,
            suggests=lambda one, everyone: (
                bool(one.group) and one.parent_id is None and one.teacher_id is None and one.group == _largest(everyone)
            ),
        ),
    ),
    measures=("disagreement", "js-divergence", "activation-distance", "linear-cka", "accuracy", "nll", "ece-debiased"),
    analyses=(Spread("seeds"),),
    headline=chance,
    pitfalls=(
        "Seeds of one recipe say nothing of other recipes: ask again where data, width or length of training change.",
        "A copy that differs less than two seeds do has kept more of its parent than a new training would; a copy that "
        "differs as much may be a new network, or a damaged one.",
        "Start, order of data and augmentation are one seed here. To tell them apart, hold one of them still.",
    ),
)


def _largest(everyone: Sequence[Candidate]) -> str:
    """The group with the most networks that descend from no other."""
    count: dict[str, int] = {}
    for one in everyone:
        if one.parent_id is None and one.teacher_id is None and one.group:
            count[one.group] = count.get(one.group, 0) + 1
    return max(count, key=lambda g: (count[g], g), default="")
