"""How much of a network's function its compressed copies keep."""

from collections.abc import Sequence

from kinscape.backend.studies.cast import Candidate
from kinscape.backend.studies.headlines.nearness import Copies, Nearest
from kinscape.backend.studies.matched import MatchedPairs
from kinscape.backend.studies.template import Role, Suggests, Template


def _is_parent(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    return any(one.id in (other.parent_id, other.teacher_id) for other in everyone) and one.parent_id is None


def _is_copy(*words: str) -> Suggests:
    def suggests(one: Candidate, _: Sequence[Candidate]) -> bool:
        return one.parent_id is not None and one.is_called(*words)

    return suggests


def _is_independent(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    groups = {c.group for c in everyone if _is_parent(c, everyone)}
    return bool(one.group) and one.group in groups and not _is_parent(one, everyone)


TEMPLATE = Template(
    name="compression",
    title="Compression",
    question="Which compressed copies still compute their parent's function, and which are new networks?",
    method="Each copy is compared with its own parent and with the others, by an exact permutation of copies over "
    "parents; kinds of copies are compared parent by parent by an exact sign-flip test. One-sided; each kind of test "
    "is adjusted over its contrasts (Westfall & Young); p of a direction that was not expected is doubled.",
    source="Hooker et al. 2019, what do compressed deep neural networks forget; the papers on compression as "
    "functions, ours",
    roles=(
        Role("parent", "Parents", "the networks before compression", 1, _is_parent),
        Role("quantised", "Quantised copies", "with rounded weights", 0, _is_copy("int", "quant", "8bit", "4bit")),
        Role("pruned", "Pruned copies", "with weights set to zero", 0, _is_copy("prun", "sparse")),
        Role("distilled", "Distilled networks", "learned from a parent", 0, lambda one, _: one.teacher_id is not None),
        Role(
            "independent", "Independent networks", "trained anew; without them, the other parents", 0, _is_independent
        ),
    ),
    measures=("disagreement", "activation-distance", "js-divergence", "linear-cka", "weight-cosine"),
    analyses=(
        MatchedPairs(
            reference="parent",
            unit="parents",
            roles=("quantised", "pruned", "distilled"),
            unrelated="independent",
            own=("quantised", "pruned", "distilled"),
            contrasts=(
                ("quantised", "independent"),
                ("pruned", "independent"),
                ("distilled", "independent"),
                ("quantised", "distilled"),
                ("pruned", "distilled"),
            ),
        ),
    ),
    headline=Copies(Nearest("parent", "independent")),
    pitfalls=(
        "A role holds copies of every strength: its mean over weak and strong pruning hides where the function breaks. "
        "Choose one strength for each study.",
        "Equal accuracy is not an equal function: read the disagreement beside it.",
        "Copies of one parent are one unit, however many there are: add parents.",
        "Independent networks are shared by all parents: how far they are is a scale to read against, not a test.",
    ),
)
