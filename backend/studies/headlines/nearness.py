"""How near networks of several roles are to their own reference."""

from collections.abc import Sequence
from dataclasses import dataclass

from kinscape.backend.contracts.studies import Effect
from kinscape.backend.contracts.words import number
from kinscape.backend.studies.headlines.reading import Reading, in_words, lowered, p_in_words, sized, smaller_p
from kinscape.backend.studies.matched import BY_GROUP

NEARER, FARTHER = "nearer", "farther"


@dataclass(frozen=True)
class Nearest:
    """Roles from near to far by the first measure, with unrelated networks as the scale.

    Attributes:
        reference: what networks belong to, in the singular.
        unrelated: the role of the scale.
    """

    reference: str
    unrelated: str

    def __call__(self, reading: Reading) -> list[str]:
        """In order of distance, with the place of unrelated networks."""
        measure = reading.first()
        means = self.by_kind(reading, measure)
        if not means:
            return []
        title = lowered(next(iter(means.values())).title)
        ordered = sorted(means, key=lambda name: self._distance(reading, measure, means[name]))
        sizes = ", ".join(f"{name} {number(means[name].effect or 0.0)}" for name in ordered)
        return [f"From near to far by {title} to the own {self.reference}: {sizes}."]

    def by_kind(self, reading: Reading, measure: str) -> dict[str, Effect]:
        """Means by role; of roles that hold several groups, by group."""
        groups = reading.means(measure, BY_GROUP)
        of_groups = {name.split(": ")[0] for name in groups}
        roles = {role: e for role, e in reading.means(measure, "").items() if role not in of_groups}
        return {**{name.split(": ")[1]: e for name, e in groups.items()}, **roles}

    def against_unrelated(self, reading: Reading) -> dict[str, str]:
        """Whether kinds of networks are nearer to their reference than unrelated ones, or farther; else empty."""
        measure = reading.first()
        found = {}
        for e in reading.contrasts(measure):
            first, _, second = e.contrast.partition(" − ")
            kinds = self.by_kind(reading, measure)
            name = first.split(": ")[-1]
            if second == self.unrelated and name in kinds:
                found[name] = _side(e)
        return found

    def _distance(self, reading: Reading, measure: str, effect: Effect) -> float:
        """Larger for what is less alike."""
        signs = [e.sign for e in reading.contrasts(measure) if e.hypothesis == "closer"]
        return -(effect.effect or 0.0) if signs and signs[0] > 0 else effect.effect or 0.0


def _side(effect: Effect) -> str:
    if effect.low is None or effect.high is None:
        return ""
    low, high = sorted((effect.sign * effect.low, effect.sign * effect.high))
    if low > 0:
        return NEARER
    return FARTHER if high < 0 else ""


@dataclass(frozen=True)
class Copies:
    """Which copies still compute their parent's function, and which are new networks."""

    nearest: Nearest

    def __call__(self, reading: Reading) -> list[str]:
        """The order, then what is nearer than a new training would be."""
        told = self.nearest(reading)
        sides = self.nearest.against_unrelated(reading)
        near, far, open_ = ([name for name, side in sides.items() if side == which] for which in (NEARER, FARTHER, ""))
        anew = f"networks that share nothing with the {self.nearest.reference}"
        if near:
            told.append(f"Nearer than {anew}, so still more of its function: {in_words(near)}.")
        if far:
            told.append(f"Farther than {anew}, so another function: {in_words(far)}.")
        if open_:
            told.append(f"Not told apart from {anew}: {in_words(open_)}.")
        return told


@dataclass(frozen=True)
class Students:
    """Whether students follow their own teacher, and whether a shared start or order of data explains it.

    Attributes:
        student, mixed: the roles of students, and of those that saw labels too.
        controls: roles that share something with the teacher, and what they share; the start first.
    """

    nearest: Nearest
    student: str
    mixed: str
    controls: Sequence[tuple[str, str]]

    def __call__(self, reading: Reading) -> list[str]:
        """The order, own against other teachers, then control by control."""
        measure = reading.first()
        told = self.nearest(reading)
        if not told:
            return []
        own = reading.contrast(measure, f"{self.student}: own − other teachers")
        if own is not None and own.p_adjusted is not None:
            direction = reading.direction(own)
            answer = "nearer" if direction == own.hypothesis else "farther" if direction else "not shown to be nearer"
            told.append(f"Students are {answer} to their own teacher than to other teachers: {_tested(own)}.")
        for role, shared in self.controls:
            told += self._control(reading, measure, role, shared)
        return told + self._of_labels(reading, measure) + _of_noise(reading)

    def _of_labels(self, reading: Reading, measure: str) -> list[str]:
        """Whether students that saw labels too learned anything of their teacher beyond its start."""
        start, shared = self.controls[0]
        found = reading.contrast(measure, f"{self.mixed} − {start}")
        if found is None or found.p_adjusted is None or reading.direction(found):
            return []
        plain = f"not told apart from networks that only share {shared}: {_tested(found)}"
        return [f"Students of labels too are {plain}. They may have learned from labels alone."]

    def _control(self, reading: Reading, measure: str, role: str, shared: str) -> list[str]:
        found = reading.contrast(measure, f"{self.student} − {role}")
        if found is None:
            return [f"Nobody shares {shared} without learning from the teacher: what that alone gives is not known."]
        direction = reading.direction(found)
        if found.p_adjusted is None:
            return []
        if direction == found.hypothesis:
            return [f"They are nearer than networks that only share {shared}: {_tested(found)}."]
        if direction:
            return [f"They are farther than networks that only share {shared}: {_tested(found)}."]
        return [f"They are not shown to be nearer than networks that only share {shared}: {_tested(found)}."]


def _of_noise(reading: Reading) -> list[str]:
    """What students of noise gain in accuracy."""
    found = [e for e in reading.contrasts("accuracy") if reading.direction(e)]
    return [f"{e.contrast}: accuracy {reading.direction(e)}, {_tested(e)}." for e in found]


def _tested(effect: Effect) -> str:
    return f"difference {sized(effect)}, adjusted {p_in_words(smaller_p(effect))}"
