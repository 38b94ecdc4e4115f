"""Whether a number of a layer's weights tells what the network loses without that layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.studies import Dots, Effect, EffectKind
from kinscape.backend.contracts.words import counted
from kinscape.backend.statistics.ranks import kendall
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import SingleColumn, StudyData
from kinscape.backend.studies.effects import Hypothesis, Row, contrast, mean_effect
from kinscape.backend.studies.template import PAIRS, SINGLES, Design, Found, Pairs

# Two layers have one order or the other: a coefficient of them is always 1 or -1.
FEWEST_LAYERS = 3
TO_START = "reset to the start"
TO_RANDOM = "reset to random weights"
Layers = Mapping[str, float]
BY_LAYER = "change layer by layer"
# More layers than that are a table, not a picture.
MOST_DRAWN = 40


@dataclass(frozen=True)
class Layerwise:
    """Kendall's τ over layers between a metric and the change of outputs when the layer is reset, network by network.

    Attributes:
        networks: the role of the trained networks.
        start: the role of the networks as they were before training.
        reset, random: measures with one number per layer: the change after a reset to the start, and to random weights.
    """

    networks: str
    start: str
    reset: str
    random: str

    def pairs(self, cast: Cast) -> Pairs:
        """Each network with its own start."""
        return {(one.id, start.id) for one, start in self._starts(cast).items()}

    @property
    def reads(self) -> frozenset[Arity]:
        """Resets are measures of pairs, metrics of single models."""
        return PAIRS | SINGLES

    def design(self, cast: Cast) -> Design:
        """Networks of different families."""
        return Design.of_pairs(len({cast.families[one.id] for one in cast[self.networks]}), "networks")

    def cautions(self, cast: Cast) -> list[str]:
        """How many networks have a start."""
        networks, starts = cast[self.networks], self._starts(cast)
        if not networks or len(starts) == len(networks):
            return []
        has = f"{len(starts)} of {counted(len(networks), 'networks')} have a start"
        return [f"{has} (init_of, a step 0 of the run, or the matching tag): the reset to it is read for these alone."]

    def find(self, data: StudyData) -> Found:
        """For each metric: τ with either change, and whether one is larger than the other."""
        networks, families = data.cast[self.networks], data.cast.families
        changes = {TO_START: self._after_reset(data), TO_RANDOM: _by_name(networks, data.single(self.random))}
        rows, dots = [], []
        for what, change in changes.items():
            if change:
                rows += _changes(what, change)
                dots += _changes_drawn(what, change)
        for column in data.singles:
            if column.card.slug == self.random or not column.layers:
                continue
            metric = _by_name(networks, column)
            taus = {what: _taus(metric, change) for what, change in changes.items()}
            for what, of in taus.items():
                rows += self._against_none(column, what, of)
            if len(taus) == len(changes) and all(taus.values()):
                blank = _blank(column, f"τ with {TO_START} − τ with {TO_RANDOM}")
                rows.append(contrast(blank, taus[TO_START], taus[TO_RANDOM], Hypothesis(1, "higher", "lower")))
            dots.append(_dots(column, {what: of for what, of in taus.items() if of}))
        missing = [what for what, of in changes.items() if not of]
        warnings = [f"No network has numbers by layer for: {what}." for what in missing]
        related = len(networks) - len({families[one.id] for one in networks})
        if related:
            warnings.append(f"{counted(related, 'networks')} related to others counted as independent: p is too small.")
        return Found(rows=rows, dots=dots, warnings=warnings)

    def _against_none(self, column: SingleColumn, what: str, taus: Mapping[str, float]) -> list[Row]:
        """The mean coefficient, and whether it differs from none."""
        if not taus:
            return []
        blank = _blank(column, f"τ with {what}")
        mean = mean_effect(blank, taus)
        none = dict.fromkeys(taus, 0.0)
        tested = contrast(blank, taus, none, Hypothesis(1, "positive", "negative"))
        return [Row(mean.effect.model_copy(update={"contrast": what})), tested]

    def _starts(self, cast: Cast) -> dict[Candidate, Candidate]:
        starts = cast[self.start]
        found = {}
        for one in cast[self.networks]:
            owner = _start_of(one, starts, cast)
            if owner is not None:
                found[one] = owner
        return found

    def _after_reset(self, data: StudyData) -> dict[str, Layers]:
        column = next((c for c in data.pairs if c.card.slug == self.reset), None)
        if column is None:
            return {}
        found: dict[str, Layers] = {}
        for one, start in self._starts(data.cast).items():
            series = column.series(one.id, start.id)
            layers = zip(series.get("layer", ()), series.get("value", ()), strict=False)
            table = {str(layer): float(v) for layer, v in layers if isinstance(v, (int, float))}
            if table:
                found[one.name] = table
        return found


def _start_of(one: Candidate, starts: Sequence[Candidate], cast: Cast) -> Candidate | None:
    """The network as it was before training: the one it is said to start from, or that starts from it, or its tag."""
    for start in starts:
        if one.init_of_id == start.id or start.init_of_id == one.id:
            return start
        if one.run and one.run == start.run:
            return start
    return cast.owner_of(one, starts)


def _by_name(networks: Sequence[Candidate], column: SingleColumn | None) -> dict[str, Layers]:
    """Numbers by layer of these networks: their starts have such numbers too, and are none of them."""
    names = {c.id: c.name for c in networks}
    return {} if column is None else {names[i]: of for i, of in column.layers.items() if of and i in names}


def _taus(metric: Mapping[str, Layers], change: Mapping[str, Layers]) -> dict[str, float]:
    """Kendall's τ over the layers that have both numbers, for each network with enough of them."""
    found = {}
    for name, of in metric.items():
        layers = [x for x in of if x in change.get(name, {})]
        if len(layers) < FEWEST_LAYERS:
            continue
        tau = float(kendall(np.array([of[x] for x in layers]), np.array([change[name][x] for x in layers])))
        if np.isfinite(tau):
            found[name] = tau
    return found


def _blank(column: SingleColumn, contrast: str) -> Effect:
    return Effect(
        measure=column.key,
        title=column.title,
        contrast=contrast,
        kind=EffectKind.MEAN,
        effect=None,
        unit="networks",
    )


def _layers(change: Mapping[str, Layers]) -> dict[str, dict[str, float]]:
    """Changes by layer and network, in the order of the layers."""
    found: dict[str, dict[str, float]] = {}
    for name, of in change.items():
        for layer, value in of.items():
            if np.isfinite(value):
                found.setdefault(layer, {})[name] = value
    return found


def _changes(what: str, change: Mapping[str, Layers]) -> list[Row]:
    """How much outputs change without each layer: the mean over networks with its interval."""
    blank = Effect(
        suite=BY_LAYER,
        measure=what,
        title=f"Change of outputs, {what}",
        contrast="",
        kind=EffectKind.MEAN,
        effect=None,
        unit="networks",
    )
    return [mean_effect(blank.model_copy(update={"contrast": layer}), of) for layer, of in _layers(change).items()]


def _changes_drawn(what: str, change: Mapping[str, Layers]) -> list[Dots]:
    layers = _layers(change)
    if len(layers) > MOST_DRAWN:
        return []
    units = sorted(change)
    table = [[of.get(unit) for unit in units] for of in layers.values()]
    title = f"Change of outputs, {what}"
    return [Dots(title=title, measure=what, unit="networks", roles=list(layers), units=units, values=table)]


def _dots(column: SingleColumn, taus: Mapping[str, Mapping[str, float]]) -> Dots:
    units = sorted({unit for of in taus.values() for unit in of})
    table = [[of.get(unit) for unit in units] for of in taus.values()]
    title = f"{column.title}: Kendall's τ over layers"
    return Dots(title=title, measure=column.key, unit="networks", roles=list(taus), units=units, values=table)
