"""Blocks of a matrix: how alike the checkpoints of some rows and columns are, and whether that is more than chance."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from kinscape.backend.actions.groups import Lineages, contrast_of, group_mean, lineages_of
from kinscape.backend.contracts.groups import Block, BlockKind, Contrast
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.store import comparisons
from kinscape.backend.store.tables import CheckpointRow

ROWS, COLUMNS, OTHERS = "rows", "columns", "others"
# Who looks for a block finds one: the test knows nothing of the looking.
CHOSEN_BY_LOOKING = (
    "A block that was chosen because its colours stand out, or by clustering the same numbers, has a p that is too "
    "small: it says how rare such a block is among random ones of its size. A group or a tag is a fair choice."
)
SHARED = "Rows and columns share some checkpoints, so this block is neither within nor between: there is no test of it."


def block(
    session: Session,
    id: int,
    measure: str,
    *,
    layer: str | None,
    rows: Sequence[int],
    columns: Sequence[int],
) -> Block:
    """Mean over the pairs of a block, related checkpoints counted once, with a permutation test.

    A block whose rows are its columns is compared with the pairs that it has with all others; one whose rows and
    columns are apart with the pairs within either.

    Raises:
        NotFound: a number is not one of the comparison's checkpoints.
    """
    known = set(comparisons.get(session, id).specification.checkpoints)
    down, across = set(rows), set(columns)
    for number in down | across:
        if number not in known:
            raise NotFound(f"There is no checkpoint {number} in this comparison.")
    kind = _kind(down, across)

    def label(row: CheckpointRow) -> str:
        return ROWS if row.id in down else COLUMNS if row.id in across else OTHERS

    try:
        lineages = lineages_of(session, id, measure, layer, label=label)
    except Unprocessable as problem:
        # A measure of another kind is a reason to have no mean; the block is there all the same.
        return Block(measure=measure, layer=layer, kind=kind, sentence=problem.detail)
    shared = {"measure": lineages.asked.name, "layer": lineages.asked.question.layer_a or None, "kind": kind}
    if kind is BlockKind.MIXED:
        return Block(**shared, sentence=SHARED)
    if kind is BlockKind.BETWEEN:
        test, sentence = _test(lineages, ROWS, COLUMNS)
        return Block(**shared, mean=group_mean(lineages, ROWS, COLUMNS), test=test, sentence=sentence)
    test, sentence = _test(lineages, ROWS, OTHERS, of_first=True)
    others = group_mean(lineages, ROWS, OTHERS) if OTHERS in lineages.groups else None
    return Block(**shared, mean=group_mean(lineages, ROWS, ROWS), others=others, test=test, sentence=sentence)


def _kind(down: set[int], across: set[int]) -> BlockKind:
    if down == across:
        return BlockKind.WITHIN
    return BlockKind.MIXED if down & across else BlockKind.BETWEEN


def _test(lineages: Lineages, a: str, b: str, *, of_first: bool = False) -> tuple[Contrast | None, str]:
    if b not in lineages.groups:
        return None, "The block holds every checkpoint: there are no others to compare it with."
    try:
        return contrast_of(lineages, a, b, of_first=of_first), CHOSEN_BY_LOOKING
    except Unprocessable as problem:
        return None, problem.detail
