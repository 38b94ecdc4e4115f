"""Who seems to be of the baseline, and who of another recipe."""

from collections.abc import Sequence

from kinscape.backend.studies.cast import Candidate

BASES = ("base", "baseline", "sgd", "plain", "control")


def _base_group(everyone: Sequence[Candidate]) -> str:
    groups = {c.group for c in everyone if c.parent_id is None and c.teacher_id is None and c.group}
    return next((g for word in BASES for g in sorted(groups) if g.lower() == word), "")


def _several(group: str, everyone: Sequence[Candidate]) -> bool:
    return sum(c.group == group for c in everyone) > 1


def is_base(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    """Whether a network seems to be of the baseline, by the name of its group."""
    return bool(one.group) and one.group == _base_group(everyone)


def is_condition(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    """Whether a network seems to be trained by another recipe, of which there are several."""
    is_trained = one.parent_id is None and one.teacher_id is None
    return is_trained and bool(one.group) and not is_base(one, everyone) and _several(one.group, everyone)
