"""What headlines read: effects after adjustment, by measure and contrast."""

from collections.abc import Sequence
from dataclasses import dataclass

from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.backend.contracts.words import interval, number

FINEST_P = 0.001
PEOPLE = (
    "Brier",
    "Cohen",
    "Fisher",
    "Hessian",
    "Jaccard",
    "Jensen",
    "Kendall",
    "Lipschitz",
    "Mantel",
    "Procrustes",
    "Rényi",
)


@dataclass(frozen=True)
class Reading:
    """The effects of a study and the level that it tests at."""

    effects: Sequence[Effect]
    level: float

    def means(self, measure: str, suite: str | None = None) -> dict[str, Effect]:
        """Means of a measure by role, condition or group, of those that have one."""
        return {
            e.contrast: e
            for e in self.effects
            if e.kind is EffectKind.MEAN and e.measure == measure and e.effect is not None and suite in (None, e.suite)
        }

    def contrast(self, measure: str, name: str) -> Effect | None:
        """A contrast of a measure, where it was made and has a number."""
        found = (e for e in self.contrasts(measure) if e.contrast == name and e.effect is not None)
        return next(found, None)

    def contrasts(self, measure: str) -> list[Effect]:
        """All contrasts of a measure."""
        return [e for e in self.effects if e.kind is EffectKind.CONTRAST and e.measure == measure]

    def first(self, suite: str = "") -> str:
        """The first measure of a suite; empty where there is none."""
        return next((e.measure for e in self.effects if e.suite == suite and e.effect is not None), "")

    def direction(self, effect: Effect) -> str:
        """What was found of a contrast (see ``direction``)."""
        return direction(effect, self.level)


def direction(effect: Effect, level: float) -> str:
    """What was found of a contrast: the word of its hypothesis, or of the opposite; empty for neither."""
    if effect.p_adjusted is not None and effect.p_adjusted <= level:
        return effect.hypothesis
    if effect.p_opposite_adjusted is not None and effect.p_opposite_adjusted <= level:
        return effect.opposite
    return ""


def p_in_words(p: float | None) -> str:
    """A p-value as it is written in papers."""
    if p is None:
        return "–"
    return "p < .001" if p < FINEST_P else "p = " + f"{p:.3f}".removeprefix("0")


def smaller_p(effect: Effect) -> float:
    """The smaller adjusted p of the two directions."""
    return min(1.0 if p is None else p for p in (effect.p_adjusted, effect.p_opposite_adjusted))


def sized(effect: Effect) -> str:
    """A number with its interval."""
    value = "–" if effect.effect is None else number(effect.effect)
    if effect.low is None or effect.high is None:
        return value
    return f"{value} (95 % {interval(effect.low, effect.high)})"


def lowered(title: str) -> str:
    """A title inside a sentence; what is written in capitals stays, and so do names of people."""
    return title if title[:2].isupper() or title.startswith(PEOPLE) else title[:1].lower() + title[1:]


def in_words(names: Sequence[str]) -> str:
    """All of some names: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def capital(sentence: str) -> str:
    """The same with its first letter as sentences begin."""
    return sentence[:1].upper() + sentence[1:]


def share(value: float | None) -> str:
    """A share in per cent."""
    return "–" if value is None else f"{100 * value:.0f} %"
