"""What conditions of training change against the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinscape.backend.contracts.studies import HELD_STILL, RAW, Effect, EffectKind
from kinscape.backend.contracts.words import counted, number
from kinscape.backend.studies.conditions import SHARPNESS
from kinscape.backend.studies.goes_with import ASSOCIATIONS
from kinscape.backend.studies.headlines.reading import Reading, in_words, p_in_words, share, sized, smaller_p

SAFETY = "safety"


def _by_contrast(effects: Sequence[Effect], suite: str) -> dict[str, list[Effect]]:
    found: dict[str, list[Effect]] = {}
    for e in effects:
        if e.kind is EffectKind.CONTRAST and e.suite == suite and e.p_adjusted is not None:
            found.setdefault(e.contrast, []).append(e)
    return found


def sharp_and_safe(reading: Reading) -> list[str]:
    """Which conditions are flatter or sharper, and whether those are calibrated or robust otherwise."""
    sharpness, safety = (_by_contrast(reading.effects, suite) for suite in (SHARPNESS, SAFETY))
    tested = [e for of in (sharpness, safety) for some in of.values() for e in some]
    if not tested:
        return []
    least = min(e.smallest_p or 1.0 for e in tested)
    if least > reading.level:
        units = counted(max(e.n for e in tested), tested[0].unit)
        return [
            f"{units} cannot show that any condition differs, however much it does: no p is below {least:.3g}. "
            "Read the means, and train more seeds."
        ]
    told = []
    for name in dict.fromkeys([*sharpness, *safety]):
        parts = [
            f"{said} of {what}"
            for some, what in ((sharpness, "sharpness"), (safety, "calibration and robustness"))
            if (said := _directions(reading, some.get(name, [])))
        ]
        told.append(f"{name}: {'; '.join(parts) if parts else 'no change shown'}.")
    return [*_together(reading, sharpness, safety), *told, *_confounded(reading)]


def _together(
    reading: Reading, sharpness: Mapping[str, Sequence[Effect]], safety: Mapping[str, Sequence[Effect]]
) -> list[str]:
    """Which conditions are sharper and better in most measures of either, which flatter and better, and their loss."""
    told = []
    for word, end in (("sharper", "Flat minima are not needed for it."), ("flatter", "")):
        some = [
            name
            for name in sharpness
            if _in_most(reading, sharpness[name], word) and _in_most(reading, safety.get(name, []), "better")
        ]
        if not some:
            continue
        worse = [c for c in some if (e := reading.contrast("train-loss", c)) and reading.direction(e) == "worse"]
        loss = " They fit the train samples less: read what holds at equal train loss." if worse == some else ""
        verb = "is" if len(some) == 1 else "are"
        told.append(f"{in_words(some)} {verb} {word} and better in most measures. {end}{loss}".strip())
    if not told:
        told.append("No condition is shown to change both, sharpness and calibration or robustness, in most measures.")
    return told


def _in_most(reading: Reading, some: Sequence[Effect], word: str) -> bool:
    return 2 * sum(reading.direction(e) == word for e in some) > len(some)


def _confounded(reading: Reading) -> list[str]:
    """What becomes of the associations of sharpness and safety when train loss is held still."""
    raw, held = (
        {
            e.title: e
            for e in reading.effects
            if e.suite == ASSOCIATIONS and e.contrast == which and e.effect is not None
        }
        for which in (RAW, HELD_STILL)
    )
    if not raw or not held:
        return []
    as_they_are, at_equal_loss = ({t: e for t, e in of.items() if _is_found(e, reading.level)} for of in (raw, held))
    told = f"Of {len(raw)} associations, {_sides(as_they_are)} as they are; {_sides(at_equal_loss)} at equal train loss"
    turned = [t for t, e in as_they_are.items() if t in held and (held[t].effect or 0.0) * (e.effect or 0.0) < 0]
    if turned:
        one = max(turned, key=lambda t: abs(as_they_are[t].effect or 0.0))
        told += f" ({one}: ρ = {raw[one].effect or 0:.2f}, then {held[one].effect or 0:.2f})"
    return [f"{told}."]


def _sides(found: Mapping[str, Effect]) -> str:
    """How many say that sharper goes with better, and with worse."""
    counts = {word: sum(e.hypothesis == word for e in found.values()) for word in ("better", "worse")}
    sides = [
        f"{count} {'says' if count == 1 else 'say'} that sharper goes with {word}"
        for word, count in counts.items()
        if count
    ]
    return " and ".join(sides) if sides else "none is found"


def _is_found(effect: Effect, level: float) -> bool:
    return effect.p_adjusted is not None and effect.p_adjusted <= level


def _directions(reading: Reading, some: Sequence[Effect]) -> str:
    """In how many measures of a suite which direction was found: "flatter in 3 of 5 measures"."""
    counts: dict[str, int] = {}
    for e in some:
        if said := reading.direction(e):
            counts[said] = counts.get(said, 0) + 1
    return " and ".join(f"{said} in {count} of {len(some)} measures" for said, count in counts.items())


@dataclass(frozen=True)
class HowMuch:
    """How much can be pruned, condition by condition.

    Attributes:
        optimum, safe, pruned, whole: measures: the share at the optimum, its safe share, accuracy there and unpruned.
    """

    optimum: str
    safe: str
    pruned: str
    whole: str

    def __call__(self, reading: Reading) -> list[str]:
        """The optimum of each condition with accuracy there, then which allow more than the baseline."""
        told = [self._of(reading, name, e) for name, e in reading.means(self.optimum).items()]
        contrasts = [e for e in reading.contrasts(self.optimum) if e.effect is not None]
        for word, verb in (("higher", "More"), ("lower", "Less")):
            some = [e for e in contrasts if reading.direction(e) == word]
            if some:
                told.append(f"{verb} can be pruned: {'; '.join(self._gain(reading, e) for e in some)}.")
        open_ = [e.contrast for e in contrasts if e.p_adjusted is not None and not reading.direction(e)]
        if open_:
            told.append(f"No difference in the optimum is shown for {in_words(open_)}.")
        return told

    def _gain(self, reading: Reading, e: Effect) -> str:
        """By how much, and what became of the accuracy there."""
        size = f"{e.contrast} by {sized(e)}, adjusted {p_in_words(smaller_p(e))}"
        after = reading.contrast(self.pruned, e.contrast)
        if after is None or after.p_adjusted is None:
            return size
        return f"{size}, accuracy after pruning {reading.direction(after) or 'not told apart'}"

    def _of(self, reading: Reading, name: str, optimum: Effect) -> str:
        safe, pruned, whole = (reading.means(m).get(name) for m in (self.safe, self.pruned, self.whole))
        said = f"{name}: {share(optimum.effect)} of the weights can go at the optimum of the curve"
        if safe is not None and safe.effect is not None:
            said += f", {share(safe.effect)} by the rule for a safe share"
        if pruned is not None and pruned.effect is not None:
            unpruned = f" against {number(whole.effect)}" if whole is not None and whole.effect is not None else ""
            said += f"; accuracy there {number(pruned.effect)}{unpruned} unpruned" if unpruned else ""
        return f"{said}."
