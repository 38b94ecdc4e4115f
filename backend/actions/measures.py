"""One measure of a comparison, found by its name and layer."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from kinscape.backend.contracts.cards import Card
from kinscape.backend.contracts.cell_arrays import Cells, joined
from kinscape.backend.contracts.cells import Reason, Why
from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.store import cards, checkpoints, comparisons, matrices, questions
from kinscape.backend.store.tables import ComparisonRow, QuestionRow


@dataclass(frozen=True)
class AskedQuestion:
    """One measure of a comparison at one layer or pair of layers, ready to be read.

    Attributes:
        name: of the measure in this comparison.
        ids, labels: checkpoints in the order of the comparison.
        mirror: the same question with the two layers exchanged, where they differ.
    """

    comparison: ComparisonRow
    question: QuestionRow
    name: str
    card: Card
    ids: list[int]
    labels: list[str]
    mirror: QuestionRow | None = None

    @property
    def has_one_layer(self) -> bool:
        """Whether both sides are read at the same layer, or at none."""
        return self.question.layer_a == self.question.layer_b

    def check_members(self, *ids: int) -> None:
        """Refuse checkpoints that are not part of the comparison."""
        check_members(self.comparison, *ids)


def card_of(session: Session, slug: str) -> Card:
    """The card of a measure that was asked for.

    Raises:
        NotFound: no worker offers it: none has started yet, or its file is gone.
    """
    card = cards.measure(session, slug)
    if card is None:
        raise NotFound(f"No worker offers the measure {slug!r}: none has started yet, or its file is gone.")
    return card


def find(session: Session, id: int, measure: str, *, layer: str | None, other: str | None = None) -> AskedQuestion:
    """One measure of a comparison, as it was asked for."""
    row = comparisons.get(session, id)
    asked = [(n, q) for n, q in questions.of_comparison(session, id) if measure in (n, q.slug)]
    exact = [(n, q) for n, q in asked if n == measure] or asked
    if not exact:
        has = ", ".join(m.name for m in row.specification.measures)
        raise NotFound(f"This comparison did not ask for {measure!r}; it asked for {has}.")
    layers = list(dict.fromkeys(q.layer_a for _, q in exact))
    if layer is None:
        if len(layers) > 1:
            raise Unprocessable(f"Say which layer: {', '.join(layers)}.")
        layer = layers[0]
    other = layer if other is None else other
    fitting = [(n, q) for n, q in exact if (q.layer_a or layer, q.layer_b or other) == (layer, other)]
    if not fitting:
        raise NotFound(f"This comparison did not ask for {measure!r} at layer {layer!r}; it has {', '.join(layers)}.")
    if len({n for n, _ in fitting}) > 1:
        raise Unprocessable(f"Say which one: {', '.join(n for n, _ in fitting)}.")
    name, question = fitting[0]
    swapped = (question.layer_b, question.layer_a)
    mirror = next((q for n, q in exact if n == name and layer != other and (q.layer_a, q.layer_b) == swapped), None)
    card = card_of(session, question.slug)
    names = checkpoints.names(session, row.specification.checkpoints)
    ids = [i for i in row.specification.checkpoints if i in names]
    return AskedQuestion(row, question, name, card, ids, [names[i] for i in ids], mirror)


def cells_of(session: Session, asked: AskedQuestion, *, with_replicates: bool = False) -> Cells:
    """All cells of a question; across two layers a symmetric pair is kept once, under one of both questions."""
    own = matrices.cells(session, asked.question.id, asked.ids, with_replicates=with_replicates)
    if asked.mirror is None or not asked.card.symmetric:
        return own
    swapped = matrices.cells(session, asked.mirror.id, asked.ids, with_replicates=with_replicates)
    return joined([replace(swapped, a=swapped.b, b=swapped.a), own])


def check_members(row: ComparisonRow, *ids: int) -> None:
    """What a comparison does not hold cannot be read through it, nor through a link to it."""
    for id in ids:
        if id not in row.specification.checkpoints:
            raise NotFound(f"Checkpoint {id} is not part of this comparison.")


def reason_of_nothing(state: ComparisonState) -> Reason:
    """Why a cell that was never written has no number."""
    match state:
        case ComparisonState.RUNNING:
            return Reason(why=Why.RUNNING, sentence="Being computed.")
        case ComparisonState.CANCELLED:
            return Reason(why=Why.CANCELLED, sentence="Cancelled before it was computed.")
        case ComparisonState.FAILED:
            sentence = "Not computed: its piece of work failed. The comparison's log says why; retrying computes it."
            return Reason(why=Why.NOT_COMPUTED, sentence=sentence)
        case ComparisonState.DONE:
            return Reason(why=Why.NOT_COMPUTED, sentence="Not computed.")
