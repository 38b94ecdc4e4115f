"""What a kind of study is made of: each template is one file in ``templates``, found by looking."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, runtime_checkable

from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.comparisons import MeasureRequest
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.contracts.studies import Dots, Effect, Grid, Lines, RoleCard, TemplateCard
from kinscape.backend.statistics.paired import smallest_p
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import StudyData
from kinscape.backend.studies.effects import Row
from kinscape.backend.studies.headlines.reading import Reading

Pairs = set[tuple[int, int]]
PAIRS = frozenset({Arity.PAIR})
SINGLES = frozenset({Arity.MODEL})
# Whether a checkpoint seems to play a role, by what is known of it and of all others.
Suggests = Callable[[Candidate, Sequence[Candidate]], bool]
Headline = Callable[[Reading], list[str]]


@dataclass(frozen=True)
class Found:
    """What an analysis found."""

    rows: Sequence[Row] = ()
    dots: Sequence[Dots] = ()
    lines: Sequence[Lines] = ()
    grids: Sequence[Grid] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Design:
    """What the first test of a study rests on.

    Attributes:
        units: how many independent units it has; 0 where nothing is tested.
        unit: what they are, in the plural.
        smallest_p: no p of so many can be smaller.
        is_paired: whether it is a test of paired differences.
        is_two_sided: whether no direction is expected.
        note: what else is to be said of its smallest p.
    """

    units: int
    unit: str
    smallest_p: float = 1.0
    is_paired: bool = True
    is_two_sided: bool = False
    note: str = ""

    @classmethod
    def of_pairs(cls, units: int, unit: str) -> "Design":
        """So many pairs."""
        return cls(units, unit, smallest_p(units))


class Analysis(Protocol):
    """One way from numbers to effects."""

    @property
    def reads(self) -> frozenset[Arity]:
        """Which measures it reads: of pairs, of single models, or both."""

    def pairs(self, cast: Cast) -> Pairs:
        """The pairs of checkpoints whose numbers it reads."""

    def design(self, cast: Cast) -> Design:
        """What its tests rest on."""

    def find(self, data: StudyData) -> Found:
        """What the numbers say."""


@runtime_checkable
class Contrasting(Protocol):
    """An analysis that also makes the contrasts of the cast."""

    def sides(self, cast: Cast) -> list[str]:
        """What it can contrast."""


@runtime_checkable
class Cautious(Protocol):
    """An analysis that knows before it is made what a cast lacks for it."""

    def cautions(self, cast: Cast) -> list[str]:
        """Sentences; none where nothing is lacking."""


@dataclass(frozen=True)
class Role:
    """A role, and who seems to play it."""

    name: str
    title: str
    help: str
    fewest: int = 0
    suggests: Suggests | None = None

    def card(self) -> RoleCard:
        """What a reader is told of it."""
        return RoleCard(name=self.name, title=self.title, help=self.help, fewest=self.fewest)


@dataclass(frozen=True)
class Template:
    """A kind of study.

    Attributes:
        references: by measure, the roles whose checkpoints it needs beside those that are compared.
        headline: the answer in a few sentences, from the effects.
    """

    name: str
    title: str
    question: str
    method: str
    source: str
    roles: Sequence[Role]
    measures: Sequence[MeasureRequest | str]
    analyses: Sequence[Analysis]
    pitfalls: Sequence[str]
    layers: Sequence[str] = ()
    needs_train: bool = False
    references: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headline: Headline | None = None

    def card(self) -> TemplateCard:
        """What a reader is told of it."""
        return TemplateCard(
            name=self.name,
            title=self.title,
            question=self.question,
            method=self.method,
            source=self.source,
            roles=tuple(role.card() for role in self.roles),
            measures=tuple(MeasureRequest(slug=m) if isinstance(m, str) else m for m in self.measures),
            layers=tuple(self.layers),
            needs_train=self.needs_train,
            pitfalls=tuple(self.pitfalls),
        )

    def answer(self, effects: Sequence[Effect], level: float) -> list[str]:
        """The question answered in short."""
        return [] if self.headline is None else self.headline(Reading(effects, level))

    @property
    def reads(self) -> frozenset[Arity]:
        """Which measures its analyses read."""
        return frozenset().union(*(a.reads for a in self.analyses))

    def sides(self, cast: Cast) -> list[str]:
        """The roles or conditions that its analyses can contrast, in their order."""
        found = [name for a in self.analyses if isinstance(a, Contrasting) for name in a.sides(cast)]
        return list(dict.fromkeys(found))

    def cautions(self, cast: Cast) -> list[str]:
        """What its analyses lack with this cast, before anything is computed."""
        return [told for a in self.analyses if isinstance(a, Cautious) for told in a.cautions(cast)]

    def pairs(self, cast: Cast) -> Pairs:
        """The pairs of checkpoints whose numbers the study reads."""
        return {(min(p), max(p)) for analysis in self.analyses for p in analysis.pairs(cast)}


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Template]:
    """Every template by name, in the order of its files' names."""
    from kinscape.backend.studies import templates  # its files import this one

    found: dict[str, Template] = {}
    for file in sorted(pkgutil.iter_modules(templates.__path__), key=lambda m: m.name):
        template = importlib.import_module(f"{templates.__name__}.{file.name}").TEMPLATE
        found[template.name] = template
    return found


def template_named(name: str) -> Template:
    """The template of a name.

    Raises:
        NotFound: there is none; the sentence names those that there are.
    """
    found = catalogue().get(name)
    if found is None:
        raise NotFound(f"There is no study {name!r}; there are {', '.join(catalogue())}.")
    return found
