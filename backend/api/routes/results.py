"""Results of a comparison: matrices, pairs, groups, associations, files."""

import enum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

from kinscape.backend.actions import (
    answers,
    archives,
    blocks,
    exports,
    matrices,
    measures,
    pairs,
    samples,
    trajectories,
)
from kinscape.backend.actions import associations as summaries
from kinscape.backend.actions import groups as grouped
from kinscape.backend.actions.provenance import provenance
from kinscape.backend.api.parts import Opened, RowId, Transaction
from kinscape.backend.contracts.answers import Answer
from kinscape.backend.contracts.associations import Agreements, Associations
from kinscape.backend.contracts.cells import Cell
from kinscape.backend.contracts.groups import Block, Contrast, Groups
from kinscape.backend.contracts.matrices import MatrixLists, ModelTable, Profile, Reading
from kinscape.backend.contracts.pairs import Difference, Disagreements, PairCell, PairDifference, Which
from kinscape.backend.contracts.trajectories import Trajectories

router = APIRouter(tags=["comparisons"])
Measure = Annotated[str, Query(min_length=1, max_length=300)]
Layer = Annotated[str | None, Query(max_length=200)]
Group = Annotated[str, Query(max_length=100)]
Number = Annotated[int, Query(ge=1, le=2**63 - 1)]
# Numbers of checkpoints with commas: of five hundred some three thousand letters.
Several = Annotated[str, Query(max_length=20_000, pattern=r"^[1-9]\d{0,17}(,[1-9]\d{0,17})*$")]
# Two classes, such as 3-5.
ClassPair = Annotated[str | None, Query(max_length=20, pattern=r"^\d{1,9}-\d{1,9}$")]
Limit = Annotated[float | None, Query(allow_inf_nan=False)]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1)]
ARRAYS = "application/octet-stream"


class MatrixFormat(enum.StrEnum):
    """How a matrix is sent."""

    JSON = "json"
    NPZ = "npz"
    FLOAT32 = "float32"


class FileFormat(enum.StrEnum):
    """How a matrix is saved."""

    CSV = "csv"
    JSON = "json"
    NPZ = "npz"


def _arrays(body: bytes) -> Response:
    # Compressing noise takes a hundred times as long as sending it: said to be encoded, it is left alone.
    return Response(body, media_type=ARRAYS, headers={"Content-Encoding": "identity"})


@router.get(
    "/comparisons/{comparison}/matrix",
    response_model=MatrixLists,
    responses={200: {"content": {ARRAYS: {}}, "description": "The matrix as JSON, or as a numpy archive."}},
)
def matrix(
    session: Transaction,
    parts: Opened,
    request: Request,
    comparison: RowId,
    measure: Measure,
    layer: Layer = None,
    other_layer: Layer = None,
    reading: Reading = Reading.RAW,
    seeds: Group | None = None,
    format: MatrixFormat = MatrixFormat.JSON,
) -> MatrixLists | Response:
    """All pairs of one measure; one column for a measure of single models.

    With ``format=npz``, or where ``application/octet-stream`` is accepted, a numpy archive of ``values``, ``low``,
    ``high``, ``reasons`` and ``header``. ``format=float32`` is what a browser draws: smaller, kept ready, and 304
    while nothing of it has changed.
    """
    asked = measures.find(session, comparison, measure, layer=layer, other=other_layer)
    if format is MatrixFormat.FLOAT32:
        tag = parts.drawn.tag(session, asked, reading)
        if tag and request.headers.get("if-none-match") == f'"{tag}"':
            return Response(status_code=304)
        answer = _arrays(parts.drawn.read(session, asked, reading, seeds, tag))
        if tag:
            answer.headers.update({"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"})
        return answer
    if format is MatrixFormat.NPZ or ARRAYS in request.headers.get("accept", ""):
        return _arrays(parts.drawn.read_npz(session, asked, reading, seeds))
    return matrices.matrix(session, asked, reading=reading, seeds=seeds).document()


@router.get("/comparisons/{comparison}/models", response_model=ModelTable)
def models(session: Transaction, parts: Opened, comparison: RowId) -> Response:
    """Every measure of single models, as one table."""
    return Response(parts.drawn.models(session, comparison), media_type="application/json")


@router.get("/comparisons/{comparison}/answer")
def answer(session: Transaction, comparison: RowId) -> Answer:
    """What is asked first, in sentences made from the numbers, each with its interval or test."""
    return answers.answer(session, comparison)


@router.get("/comparisons/{comparison}/groups")
def groups(session: Transaction, comparison: RowId, measure: Measure, layer: Layer = None) -> Groups:
    """One measure within and between all groups, models of one lineage counted once."""
    return grouped.groups(session, comparison, measure, layer=layer)


@router.get("/comparisons/{comparison}/contrast")
def contrast(
    session: Transaction, comparison: RowId, measure: Measure, a: Group, b: Group, layer: Layer = None
) -> Contrast:
    """Within minus between two groups, with a permutation test over families."""
    return grouped.contrast(session, comparison, measure, layer=layer, a=a, b=b)


@router.get("/comparisons/{comparison}/block")
def block(
    session: Transaction, comparison: RowId, measure: Measure, rows: Several, columns: Several, layer: Layer = None
) -> Block:
    """The pairs between some checkpoints and some others, or among some, with a permutation test over families."""
    return blocks.block(session, comparison, measure, layer=layer, rows=_numbers(rows), columns=_numbers(columns))


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


@router.get("/comparisons/{comparison}/layers")
def layers(session: Transaction, comparison: RowId, measure: Measure, a: Number, b: Number) -> MatrixLists:
    """Every layer of one checkpoint against every layer of another."""
    return matrices.layer_matrix(session, comparison, measure, a=a, b=b)


@router.get("/comparisons/{comparison}/pair")
def pair(session: Transaction, comparison: RowId, a: Number, b: Number) -> list[PairCell]:
    """Every number of a pair with its rank."""
    return pairs.pair(session, comparison, a, b)


@router.get("/comparisons/{comparison}/cell")
def cell(session: Transaction, comparison: RowId, measure: Measure, a: Number, b: Number, layer: Layer = None) -> Cell:
    """One cell whole, with its replicates."""
    return pairs.cell(session, comparison, measure, a=a, b=b, layer=layer)


@router.get("/comparisons/{comparison}/difference")
def difference(
    session: Transaction,
    comparison: RowId,
    measure: Measure,
    a: Number,
    b: Number,
    c: Number,
    d: Number,
    layer: Layer = None,
    second_layer: Layer = None,
) -> Difference:
    """Cell (a, b) minus cell (c, d), at one layer or at two, with its paired interval."""
    return pairs.difference(session, comparison, measure, first=(a, b), second=(c, d), layers=(layer, second_layer))


@router.get("/comparisons/{comparison}/differences")
def differences(
    session: Transaction, comparison: RowId, a: Number, b: Number, c: Number, d: Number
) -> list[PairDifference]:
    """Pair (a, b) minus pair (c, d) for every measure and layer of the comparison."""
    return pairs.differences(session, comparison, first=(a, b), second=(c, d))


@router.get("/comparisons/{comparison}/disagreements")
def disagreements(
    session: Transaction,
    parts: Opened,
    comparison: RowId,
    a: Number,
    b: Number,
    which: Which = Which.DIFFERENT,
    classes: ClassPair = None,
    offset: Offset = 0,
) -> Disagreements:
    """How two checkpoints' predictions differ, and a page of samples, most confident first.

    ``which`` chooses the samples: those predicted differently, those on which one alone is right, or neither.
    ``classes=3-5`` chooses those to which the first gives class 3 and the second class 5.
    """
    both = None if classes is None else [int(one) for one in classes.split("-")]
    listing = samples.Listing(which, None if both is None else (both[0], both[1]), offset)
    return samples.disagreements(session, parts.files, comparison, (a, b), listing)


@router.get("/comparisons/{comparison}/associations")
def associations(session: Transaction, comparison: RowId) -> Associations:
    """Every measure of models against every outcome, raw and controlling for train loss."""
    return summaries.associations(session, comparison)


@router.get("/comparisons/{comparison}/agreements")
def agreements(session: Transaction, comparison: RowId) -> Agreements:
    """How far the measures of pairs tell the same (Mantel tests)."""
    return summaries.agreements(session, comparison)


@router.get("/comparisons/{comparison}/trajectories")
def along_training(
    session: Transaction,
    comparison: RowId,
    measure: Measure,
    layer: Layer = None,
    reaches: Limit = None,
    *,
    falling: bool = False,
) -> Trajectories:
    """One measure along the steps of every training run, held against its end, its start, and other runs.

    With ``reaches``, the first step of every run at which the number is at least that much (``falling``: at most).
    """
    return trajectories.trajectories(session, comparison, measure, layer=layer, reaches=reaches, falling=falling)


@router.get("/comparisons/{comparison}/profile")
def profile(session: Transaction, comparison: RowId, measure: Measure, layer: Layer = None) -> Profile:
    """One measure of every model, layer by layer."""
    return summaries.profile(session, comparison, measure, layer=layer)


@router.get("/comparisons/{comparison}/export/archive", response_class=StreamingResponse)
def archive(session: Transaction, comparison: RowId) -> StreamingResponse:
    """Everything as one zip archive: matrices, the table of models, checkpoints, cards, and a manifest with hashes."""
    file = archives.written(session, comparison)
    name = f'attachment; filename="comparison-{comparison}.zip"'
    headers = {"Content-Disposition": name, "Content-Encoding": "identity"}
    return StreamingResponse(file, media_type="application/zip", headers=headers, background=BackgroundTask(file.close))


@router.get("/comparisons/{comparison}/export")
def export(
    session: Transaction,
    comparison: RowId,
    measure: Measure,
    layer: Layer = None,
    format: FileFormat = FileFormat.CSV,
) -> Response:
    """One matrix as a file."""
    asked = measures.find(session, comparison, measure, layer=layer)
    arrays, about = matrices.matrix(session, asked), provenance(session, asked)
    name = f"comparison-{comparison}-{arrays.header.slug}.{format}"
    match format:
        case FileFormat.CSV:
            answer = Response(exports.as_csv(arrays, about), media_type="text/csv")
        case FileFormat.JSON:
            answer = Response(exports.as_json(arrays, about), media_type="application/json")
        case FileFormat.NPZ:
            answer = _arrays(exports.as_npz(arrays, about))
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
