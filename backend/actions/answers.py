"""What a comparison says in words: who is alike, who stands apart, who is sharper, what goes with what."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from kinscape.backend.actions import alikeness, contrasts, matrices, measures, model_tables
from kinscape.backend.actions.measures import AskedQuestion
from kinscape.backend.contracts.answers import Answer, Sentence
from kinscape.backend.contracts.cards import Arity, Card, Direction, Topic
from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.matrices import ModelTable
from kinscape.backend.store import cards, checkpoints, comparisons, questions
from kinscape.backend.store.tables import QuestionRow

# Of the measures of a question, the one that is shown first; then any other of it.
ALIKE = ("disagreement", "js-divergence", "activation-distance", "total-variation", "linear-cka")
COLUMNS: tuple[tuple[Topic, tuple[str, ...]], ...] = (
    (
        Topic.LOSS_LANDSCAPE,
        ("hessian-trace", "hessian-top-eigenvalue", "sam-sharpness", "adaptive-sharpness", "relative-flatness"),
    ),
    (Topic.CALIBRATION, ("ece-debiased", "ece", "ece-adaptive", "nll", "brier")),
    (Topic.ROBUSTNESS, ("corruption-accuracy", "noise-accuracy", "pgd-accuracy", "fgsm-accuracy")),
    (Topic.CALIBRATION, ("accuracy",)),
)
FLAT = (Direction.LOWER_IS_FLATTER,)


@dataclass(frozen=True)
class Chosen:
    """Measures of single models that answer the first questions, as names of columns; empty where none was asked."""

    sharpness: str
    calibration: str
    robustness: str
    accuracy: str

    @property
    def columns(self) -> list[str]:
        """Those that there are."""
        return [name for name in (self.sharpness, self.calibration, self.robustness, self.accuracy) if name]


def answer(session: Session, id: int) -> Answer:
    """The first answers of a comparison, as far as its numbers carry them."""
    row = comparisons.get(session, id)
    known = cards.measures(session)
    pair = _pairwise(session, id, known)
    table = model_tables.models(session, id)
    chosen = Chosen(*[_column(table, known, topic, slugs) for topic, slugs in COLUMNS])
    people = checkpoints.by_ids(session, table.ids)
    sentences: list[Sentence] = []
    untold: list[str] = []
    if pair is None:
        untold.append("Who is alike: ask for a measure of functional similarity, such as disagreement.")
    else:
        read = matrices.matrix(session, pair)
        found = alikeness.sentences(read, pair.card, people)
        sentences += found
        if not found:
            untold.append(f"Who is alike: too few pairs have a number of {pair.card.title}.")
    for column, what, view in (
        (chosen.sharpness, "Sharpness", "landscape"),
        (chosen.calibration, "Calibration", "calibration"),
    ):
        told = contrasts.between_groups(table, column, known, people, topic=what) if column else None
        if told is not None:
            sentences.append(told.model_copy(update={"view": {"tab": "models", "columns": view}}))
        elif column and row.state is ComparisonState.RUNNING:
            untold.append(f"{what} by group: its numbers are still being computed.")
        elif column:
            untold.append(f"{what} by group: at least two groups need two networks of different families each.")
        else:
            untold.append(f"{what}: this comparison asked for no measure of it.")
    went, why = contrasts.together(session, id, chosen.sharpness, chosen.calibration, known)
    sentences += went
    untold += why
    return Answer(
        measure="" if pair is None else pair.name,
        layer=None if pair is None else pair.question.layer_a or None,
        columns=chosen.columns,
        x=chosen.sharpness,
        y=chosen.calibration,
        sentences=sentences,
        untold=untold,
        version=row.version,
    )


def _pairwise(session: Session, id: int, known: dict[str, Card]) -> AskedQuestion | None:
    """The measure of pairs that answers who is alike: of functions, else of whatever was asked."""
    asked: list[tuple[str, QuestionRow]] = [
        (name, q)
        for name, q in questions.of_comparison(session, id)
        if q.arity is Arity.PAIR and q.slug in known and q.layer_a == q.layer_b and known[q.slug].symmetric
    ]
    functional = [a for a in asked if known[a[1].slug].topic is Topic.FUNCTIONAL_SIMILARITY]
    ranked = [a for slug in ALIKE for a in asked if a[1].slug == slug] + functional + asked
    if not ranked:
        return None
    name, question = ranked[0]
    return measures.find(session, id, name, layer=question.layer_a)


def _column(table: ModelTable, known: dict[str, Card], topic: Topic, slugs: tuple[str, ...]) -> str:
    """The column that answers a question: the first of these, else a flatness of the same topic."""
    there = {c.slug: f"{c.measure}@{c.layer}" if c.layer else c.measure for c in reversed(table.columns)}
    for slug in slugs:
        if slug in there:
            return there[slug]
    others = [c for c in table.columns if known[c.slug].topic is topic and known[c.slug].direction in FLAT]
    return there[others[0].slug] if others else ""
