"""Which layers a network cannot do without, and whether its weights tell."""

import re
from collections.abc import Sequence

from kinscape.backend.studies.cast import Candidate
from kinscape.backend.studies.headlines.layers import critical
from kinscape.backend.studies.layerwise import Layerwise
from kinscape.backend.studies.template import Role, Template

STARTS = re.compile(r"(at-)?init([-_ ]?\d+)?|start([-_ ]?\d+)?|untrained.*|(init|start)[-_].*", re.IGNORECASE)


def _is_start(one: Candidate, _: Sequence[Candidate]) -> bool:
    """A network before training, by its step or by how it is called; who starts like another was trained."""
    if one.teacher_id is not None or one.parent_id is not None:
        return False
    called = (one.name, one.group, one.tag("condition"), one.tag("role"))
    return one.step == 0 or (one.init_of_id is None and any(STARTS.fullmatch(word) for word in called))


def _is_network(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    is_trained_alone = one.parent_id is None and one.teacher_id is None
    return is_trained_alone and not _is_start(one, everyone)


TEMPLATE = Template(
    name="critical-layers",
    title="Critical layers",
    question="Which layers cannot be reset, and do data-free metrics of their weights predict it?",
    method="Each layer is reset to the network's own start and to random weights; Kendall's τ over layers between each "
    "metric and the change of predictions, network by network, against none by an exact sign-flip test, adjusted over "
    "all of them for the largest (Westfall & Young).",
    source="Zhang et al. 2022, are all layers created equal; the paper on data-free metrics under layer reset, ours",
    roles=(
        Role("network", "Trained networks", "whose layers are reset", 2, _is_network),
        Role("start", "Starts", "the same networks before training", 0, _is_start),
    ),
    measures=(
        "layer-reset-init",
        "layer-reset-random",
        "alpha",
        "effective-rank",
        "stable-rank",
        "kurtosis",
        "spectral-entropy",
        "log-spectral-norm",
    ),
    analyses=(Layerwise("network", "start", reset="layer-reset-init", random="layer-reset-random"),),
    headline=critical,
    pitfalls=(
        "A metric that predicts the change after a reset to the start may only know the depth: read the reset to "
        "random weights beside it.",
        "Layers of one network are not a sample: the unit of every test is the network.",
        "Only networks that the server can build can be reset to random weights; programs have the reset to a start.",
        "A coefficient over few layers takes few values: two neighbours that change places move it by a third where "
        "there are four, by a fifth where there are five.",
        "Where every layer that is lost costs all that was learned, there is no order left to foretell.",
    ),
)
