"""What conditions of training change against the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from kinscape.backend.contracts.studies import HELD_STILL, RAW, Effect, EffectKind
from kinscape.backend.contracts.words import counted, number
from kinscape.backend.studies.goes_with import ASSOCIATIONS
from kinscape.backend.studies.headlines.reading import Reading, in_words, p_in_words, share, sized, smaller_p

SHARPNESS, SAFETY = "sharpness", "safety"


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
    changed = {c: said for c, some in sharpness.items() if (said := _directions(reading, some))}
    told = [f"{contrast}: {said} of sharpness." for contrast, said in changed.items()]
    if not changed:
        told = ["No condition is shown to change sharpness."]
    safe = {c: said for c, some in safety.items() if (said := _directions(reading, some))}
    told += [f"{contrast}: {said} of calibration and robustness." for contrast, said in safe.items()]
    if not safe:
        told.append("None is shown to change calibration or robustness.")
    against = [c for c in changed if "sharper" in changed[c] and "better" in safe.get(c, "")]
    if against:
        told.append(f"{in_words(against)}: sharper and yet better. Flat minima are not needed for it.")
    return told + _confounded(reading)


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
    found = {title: e for title, e in raw.items() if _is_found(e, reading.level)}
    if not found or not held:
        return []
    lasting = {t: held[t] for t in found if t in held and _is_found(held[t], reading.level)}
    turned = [t for t, e in lasting.items() if (e.effect or 0.0) * (found[t].effect or 0.0) < 0]
    counts = f"{len(lasting) - len(turned)} keep their sign, {len(turned)} turn it, {len(found) - len(lasting)} vanish"
    told = f"{len(found)} of {len(raw)} associations of sharpness with safety are found; at equal train loss {counts}"
    if turned:
        one = max(turned, key=lambda t: abs(found[t].effect or 0.0))
        told += f" ({one}: ρ = {found[one].effect or 0:.2f}, then {held[one].effect or 0:.2f})"
    return [f"{told}."]


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
                sizes = "; ".join(f"{e.contrast}: {sized(e)}, adjusted {p_in_words(smaller_p(e))}" for e in some)
                told.append(f"{verb} can be pruned: {sizes}.")
        open_ = [e.contrast for e in contrasts if e.p_adjusted is not None and not reading.direction(e)]
        if open_:
            told.append(f"No difference in the optimum is shown for {in_words(open_)}.")
        return told

    def _of(self, reading: Reading, name: str, optimum: Effect) -> str:
        safe, pruned, whole = (reading.means(m).get(name) for m in (self.safe, self.pruned, self.whole))
        said = f"{name}: {share(optimum.effect)} of the weights at the optimum"
        if safe is not None and safe.effect is not None:
            said += f", {share(safe.effect)} safely"
        if pruned is not None and pruned.effect is not None:
            unpruned = f" against {number(whole.effect)}" if whole is not None and whole.effect is not None else ""
            said += f"; accuracy there {number(pruned.effect)}{unpruned} unpruned" if unpruned else ""
        return f"{said}."
