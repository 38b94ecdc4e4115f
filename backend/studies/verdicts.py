"""What a study found, in sentences: each with effect, interval and test, and none that the numbers do not carry."""

from collections.abc import Sequence

from kinscape.backend.contracts.studies import HELD_STILL, RAW, Effect, EffectKind, Power
from kinscape.backend.contracts.words import counted, number
from kinscape.backend.statistics import paired
from kinscape.backend.studies.goes_with import ASSOCIATIONS
from kinscape.backend.studies.headlines.reading import direction, p_in_words, sized
from kinscape.backend.studies.matched import BY_GROUP
from kinscape.backend.studies.over_tags import SETTINGS
from kinscape.backend.studies.template import Design

# More sentences are a table, which stands below them.
MOST = 12
MOST_NAMED = 4


def power_of(design: Design, level: float) -> Power:
    """What so many units can show at a level, with the sentence that says it."""
    units, unit, least = design.units, design.unit, design.smallest_p
    if not units:
        return Power(units=0, unit=unit, smallest_p=None, sentence="Nothing is tested: this study describes.")
    size = paired.detectable(units, level) if design.is_paired else None
    told = f"{counted(units, unit)}: the smallest {'two' if design.is_two_sided else 'one'}-sided p is {least:.3g}"
    told += f" ({design.note})" if design.note else ""
    if least > level:
        needed = next((n for n in range(units + 1, 17) if paired.smallest_p(n) <= level), None)
        told += f", above {level:g}. No difference can be found, however large"
        told += f": {needed} {unit} are needed." if design.is_paired and needed else f": more {unit} are needed."
    elif size is None:
        told += ", before adjustment for several tests."
    else:
        told += (
            f". Before adjustment for several tests, a mean difference of {size:.2g} standard deviations is found in "
            "about four studies of five; after it, only a larger one."
        )
    return Power(units=units, unit=unit, smallest_p=least, detectable=size, sentence=told)


def verdict(effects: Sequence[Effect], level: float) -> list[str]:
    """The sentences of a study: contrast by contrast what was found and what was not, then what goes with what."""
    contrasts = [e for e in effects if e.kind is EffectKind.CONTRAST]
    tested: dict[tuple[str, str], list[Effect]] = {}
    for e in contrasts:
        if e.p is not None:
            tested.setdefault((e.suite, e.contrast), []).append(e)
    told = [sentence for some in tested.values() for sentence in _of_contrast(some, level)]
    if len(told) > MOST:
        told = [*told[:MOST], f"The table has {len(told) - MOST} more results of contrasts."]
    told += _associations(effects, level)
    untested: dict[tuple[str, str], list[Effect]] = {}
    for e in contrasts:
        if e.p is None and e.effect is not None and e.suite != BY_GROUP:
            untested.setdefault((e.suite, e.contrast), []).append(e)
    told += [_untested(some) for some in untested.values()][:MOST]
    told += [_along(e) for e in effects if e.suite == SETTINGS and e.effect is not None][:MOST]
    if not contrasts and not told:
        told += [_described(e) for e in effects if e.kind is EffectKind.MEAN and e.effect is not None][:MOST]
    return told or ["Nothing that this study asks can be told from these numbers."]


def is_found(effect: Effect, level: float) -> bool:
    """Whether a difference in either direction is below the level after adjustment."""
    return direction(effect, level) != ""


def _of_contrast(some: Sequence[Effect], level: float) -> list[str]:
    """One sentence for each direction in which measures of a contrast differ, and one for those that do not."""
    by_word: dict[str, list[Effect]] = {}
    for effect in some:
        by_word.setdefault(direction(effect, level), []).append(effect)
    among = f" of {some[0].suite}" if some[0].suite else ""
    told = []
    for word, of in sorted(by_word.items(), key=lambda entry: entry[0] == ""):
        first = of[0]
        count = f"{len(of)} of {len(some)} measures{among}" if len(some) > 1 else ""
        rest = _named([e.title for e in of[1:]])
        also = f" So {'does' if len(of) == 2 else 'do'} {rest}." if rest else ""
        if word:
            against = "" if word == first.hypothesis else ", against the hypothesis"
            where = f" in {count}" if count else ""
            p = first.p_opposite_adjusted if against else first.p_adjusted
            how = f"{first.test}, adjusted {p_in_words(p)}"
            size = f"{first.title} differs by {sized(first)}" if first.effect is not None else first.title
            told.append(f"{first.contrast}: {word}{where}{against}. {size}; {how}.{also}")
            continue
        least = min((first.p_adjusted or 1.0, first.p_opposite_adjusted or 1.0))
        why = f"adjusted {p_in_words(least)}"
        if first.smallest_p is not None and first.smallest_p > level:
            why = f"so few {first.unit} cannot show one, the smallest p is {first.smallest_p:.3g}"
        where = f" in {count}" if count else ""
        ruled_out = ""
        is_apart = first.low is not None and first.high is not None and (first.low > 0 or first.high < 0)
        if first.equivalent_within and not is_apart:
            beyond = f"±{number(first.equivalent_within)}"
            ruled_out = f"; a mean difference beyond {beyond} is ruled out (two one-sided t tests at 5 %)"
        alone = " (the interval is of this measure alone, p is adjusted over all)" if is_apart else ""
        sentence = f"no difference beyond chance{where}. {first.title}: {sized(first)}, {why}{ruled_out}{alone}."
        told.append(f"{first.contrast}: {sentence}")
    return told


def _named(titles: Sequence[str]) -> str:
    """Some titles in a sentence."""
    shown = list(titles[:MOST_NAMED])
    if len(titles) > MOST_NAMED:
        return f"{', '.join(shown)} and {len(titles) - MOST_NAMED} more"
    return shown[0] if len(shown) == 1 else " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def _untested(some: Sequence[Effect]) -> str:
    """Effects of one contrast that nothing tests, and why."""
    sizes = "; ".join(f"{e.title} {sized(e)}" for e in some[:MOST_NAMED])
    more = f"; {len(some) - MOST_NAMED} more in the table" if len(some) > MOST_NAMED else ""
    return f"{some[0].contrast}: {sizes}{more}. {some[0].sentence}".strip()


def _described(effect: Effect) -> str:
    return (
        f"{effect.title}, {effect.contrast}: {sized(effect)} over {effect.n} {effect.unit}. {effect.sentence}".strip()
    )


def _along(effect: Effect) -> str:
    over = counted(effect.n, effect.unit)
    told = f"{effect.title}, {effect.contrast}: Spearman's ρ = {effect.effect or 0:.2f} over {over}."
    return f"{told} {effect.sentence}".strip()


def _associations(effects: Sequence[Effect], level: float) -> list[str]:
    """How many associations hold raw, and how many of them controlling for train loss."""
    by_title: dict[str, dict[str, Effect]] = {}
    for e in effects:
        if e.kind is EffectKind.ASSOCIATION and e.suite == ASSOCIATIONS:
            by_title.setdefault(e.title, {})[e.contrast] = e
    if not by_title:
        return []
    raw = [t for t, of in by_title.items() if _is_below(of.get(RAW), level)]
    held = [t for t, of in by_title.items() if _is_below(of.get(HELD_STILL), level)]
    if not raw and not held:
        return [f"None of {len(by_title)} associations of these measures is beyond chance (adjusted p ≥ {level:g})."]
    both = [t for t in raw if t in held]
    told = f"{len(raw)} of {len(by_title)} associations are beyond chance as they are"
    if any(HELD_STILL in of for of in by_title.values()):
        told += f", {len(held)} at equal train loss"
    else:
        told += f": {_named([f'{t} (ρ = {by_title[t][RAW].effect or 0:.2f})' for t in raw])}"
    if both:
        strongest = max(both, key=lambda t: abs(by_title[t][RAW].effect or 0))
        of = by_title[strongest]
        held_still = sized(of[HELD_STILL])
        told += f"; {strongest}: ρ = {sized(of[RAW])} raw and {held_still} controlling for train loss"
    return [f"{told}."]


def _is_below(effect: Effect | None, level: float) -> bool:
    return effect is not None and effect.p_adjusted is not None and effect.p_adjusted <= level
