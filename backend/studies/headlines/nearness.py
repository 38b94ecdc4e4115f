"""How near networks of several roles are to their own reference."""

from collections.abc import Sequence
from dataclasses import dataclass

from kinscape.backend.contracts.studies import Effect
from kinscape.backend.contracts.words import number
from kinscape.backend.studies.headlines.reading import Reading, in_words, lowered, p_in_words, sized
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
        return [f"By {title} to the own {self.reference}, from near to far (an order, not a test): {sizes}."]

    def by_kind(self, reading: Reading, measure: str) -> dict[str, Effect]:
        """Means by role; of roles that hold several groups, by group."""
        groups = reading.means(measure, BY_GROUP)
        of_groups = {name.split(": ")[0] for name in groups}
        roles = {role: e for role, e in reading.means(measure, "").items() if role not in of_groups}
        return {**{name.split(": ")[1]: e for name, e in groups.items()}, **roles}

    def against_unrelated(self, reading: Reading) -> dict[str, list[str]]:
        """Measure by measure whether kinds of networks are nearer than unrelated ones, or farther."""
        found: dict[str, list[str]] = {}
        for measure in dict.fromkeys(e.measure for e in reading.effects if e.suite in ("", BY_GROUP)):
            kinds = self.by_kind(reading, measure)
            for e in reading.contrasts(measure):
                first, _, second = e.contrast.partition(" − ")
                name = first.split(": ")[-1]
                if second == self.unrelated and name in kinds and e.effect is not None:
                    found.setdefault(name, []).append(_side(e))
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
        """What is nearer than unrelated networks by the intervals of most measures, then the order."""
        sides = self.nearest.against_unrelated(reading)
        lists: dict[str, list[str]] = {NEARER: [], FARTHER: [], "": []}
        for name, of in sides.items():
            most = next((w for w in (NEARER, FARTHER) if 2 * of.count(w) > len(of)), "")
            counts = f"{of.count(most)} of {len(of)} measures"
            open_ = f"nearer in {of.count(NEARER)}, farther in {of.count(FARTHER)} of {len(of)}"
            lists[most].append(f"{name} ({counts if most else open_})")
        anew = f"networks that share nothing with the {self.nearest.reference}"
        told = []
        if lists[NEARER]:
            told.append(f"Nearer than {anew}, so they keep more of its function: {in_words(lists[NEARER])}.")
        if lists[FARTHER]:
            told.append(f"Farther than {anew}, so another function: {in_words(lists[FARTHER])}.")
        if lists[""]:
            told.append(f"Not told apart from {anew} in most measures: {in_words(lists[''])}.")
        told += self.nearest(reading)
        return told


@dataclass(frozen=True)
class Students:
    """Whether students follow their own teacher, and whether a shared start or order of data explains it.

    Attributes:
        student, mixed, noise: the roles of students, of those that saw labels too, and of those of a noise teacher.
        controls: roles that share something with the teacher, and what they share; the start first.
    """

    nearest: Nearest
    student: str
    mixed: str
    noise: str
    controls: Sequence[tuple[str, str]]

    def __call__(self, reading: Reading) -> list[str]:
        """The order, own against other teachers, then control by control."""
        measure = reading.first()
        order = self.nearest(reading)
        if not order:
            return []
        told = []
        own = reading.contrast(measure, f"{self.student}: own − other teachers")
        if own is not None and own.p_adjusted is not None:
            direction = reading.direction(own)
            answer = "nearer" if direction == own.hypothesis else "farther" if direction else "not shown to be nearer"
            told.append(f"Students are {answer} to their own teacher than to other teachers: {_tested(reading, own)}.")
        for role, shared in self.controls:
            told += self._control(reading, measure, role, shared)
        return [*told, *self._of_labels(reading, measure), *self._of_noise(reading, measure), *order]

    def _control(self, reading: Reading, measure: str, role: str, shared: str) -> list[str]:
        found = reading.contrast(measure, f"{self.student} − {role}")
        if found is None:
            return [f"Nobody shares {shared} without learning from the teacher: what that alone gives is not known."]
        if found.p_adjusted is None:
            return []
        direction = reading.direction(found)
        answer = "nearer" if direction == found.hypothesis else "farther" if direction else "not shown to be nearer"
        other_way = "; if anything they are farther" if not direction and _side(found) == FARTHER else ""
        return [f"They are {answer} than networks that only share {shared}: {_tested(reading, found)}{other_way}."]

    def _of_labels(self, reading: Reading, measure: str) -> list[str]:
        """Whether students that saw labels too learned anything of their teacher beyond its start."""
        start, shared = self.controls[0]
        found = reading.contrast(measure, f"{self.mixed} − {start}")
        if found is None or found.p_adjusted is None or reading.direction(found):
            return []
        plain = f"not told apart from networks that only share {shared}: {_tested(reading, found)}"
        return [f"Students of labels too are {plain}. They may have learned from labels alone."]

    def _of_noise(self, reading: Reading, measure: str) -> list[str]:
        """What students of noise have of their own start, and what they gain in accuracy."""
        told = []
        own = reading.contrast(measure, f"{self.noise}: own − other teachers")
        if own is not None and reading.direction(own) == own.hypothesis:
            told.append(
                "Students of noise, which had nothing to learn, are nearer to the teacher of their own start as well: "
                f"{_tested(reading, own)}."
            )
        for e in reading.contrasts("accuracy"):
            if reading.direction(e):
                told.append(f"{e.contrast}: accuracy {reading.direction(e)}, {_tested(reading, e)}.")
        return told


def _tested(reading: Reading, effect: Effect) -> str:
    # What was found the other way round has the p of that way.
    is_opposite = reading.direction(effect) not in ("", effect.hypothesis)
    p = effect.p_opposite_adjusted if is_opposite else effect.p_adjusted
    # What was found the other way round has the p of that way.
    is_opposite = reading.direction(effect) not in ("", effect.hypothesis)
    p = effect.p_opposite_adjusted if is_opposite else effect.p_adjusted
    return f"difference {sized(effect)}, adjusted {p_in_words(p)}"
