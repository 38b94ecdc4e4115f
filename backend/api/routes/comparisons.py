"""Comparisons: asking, watching, reading."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from backend.actions import comparing, describing, disagreeing, exporting, grouping, reading, readings, summing
from backend.api.parts import Parts, RowId, Transaction, parts_of
from backend.contracts.associations import Agreements, Associations
from backend.contracts.comparisons import (
    Comparison,
    ComparisonCreate,
    Difference,
    Disagreements,
    Matrix,
    PairCell,
    PairDifference,
    Plan,
    Profile,
    Progress,
    Reading,
)
from backend.contracts.groups import Contrast, Groups
from backend.contracts.projects import Checkpoint, Id
from backend.store import comparisons as rows
from backend.store import projects as project_rows

router = APIRouter(tags=["comparisons"])
Measure = Annotated[str, Query(min_length=1, max_length=300)]
Layer = Annotated[str | None, Query(max_length=200)]
Group = Annotated[str, Query(max_length=100)]
Number = Annotated[int, Query(ge=1, le=2**63 - 1)]
TICK_S = 0.4
LONGEST_STREAM_S = 600


class Addition(BaseModel):
    """Checkpoints to add to a comparison."""

    checkpoints: Annotated[list[Id], Field(min_length=1, max_length=1000)]


def _trace(request: Request) -> str:
    return request.headers.get("x-request-id", "")[:64]


@router.post("/projects/{project}/comparisons/plan")
def plan(session: Transaction, project: RowId, wish: ComparisonCreate) -> Plan:
    """What a comparison would compute, without asking for it."""
    return comparing.preview(session, project, wish)


@router.post("/projects/{project}/comparisons", status_code=201)
def ask(
    session: Transaction, request: Request, response: Response, project: RowId, wish: ComparisonCreate
) -> Comparison:
    """Ask for a comparison; asked before, it is the same one (200)."""
    row, is_new = comparing.ask(session, project, wish, trace=_trace(request))
    response.status_code = 201 if is_new else 200
    return comparing.comparison(session, row.id)


@router.get("/projects/{project}/comparisons")
def of_project(session: Transaction, project: RowId) -> list[Comparison]:
    """All comparisons of a project, newest first."""
    return comparing.of_project(session, project)


@router.get("/comparisons")
def running(session: Transaction) -> list[Comparison]:
    """Comparisons that are being computed now."""
    return comparing.running(session)


@router.get("/comparisons/{comparison}")
def comparison(session: Transaction, comparison: RowId) -> Comparison:
    """One comparison with its progress."""
    return comparing.comparison(session, comparison)


@router.get("/comparisons/{comparison}/checkpoints")
def checkpoints(session: Transaction, comparison: RowId) -> list[Checkpoint]:
    """The checkpoints of a comparison in its order."""
    row = rows.comparison(session, comparison)
    found = project_rows.checkpoints_by_id(session, row.specification["checkpoints"])
    return describing.checkpoints(session, found)


@router.post("/comparisons/{comparison}/add", status_code=201)
def add(session: Transaction, request: Request, comparison: RowId, addition: Addition) -> Comparison:
    """The same comparison with more checkpoints; only what is new is computed."""
    project, wish = comparing.extended(session, comparison, addition.checkpoints)
    row, _ = comparing.ask(session, project, wish, trace=_trace(request))
    return comparing.comparison(session, row.id)


@router.post("/comparisons/{comparison}/cancel")
def cancel(session: Transaction, comparison: RowId) -> Comparison:
    """Stop a running comparison; cells that are there stay."""
    return comparing.comparison(session, comparing.cancel(session, comparison).id)


@router.post("/comparisons/{comparison}/retry")
def retry(session: Transaction, comparison: RowId) -> Comparison:
    """Compute what failed or was cancelled again."""
    return comparing.comparison(session, comparing.retry(session, comparison).id)


@router.get("/comparisons/{comparison}/progress")
def progress(session: Transaction, comparison: RowId) -> Progress:
    """How far a comparison is."""
    return comparing.progress_of(session, comparison)


def _progress(parts: Parts, id: int) -> Progress:
    with parts.database.transaction() as session:
        return comparing.progress_of(session, id)


@router.get("/comparisons/{comparison}/events")
async def events(request: Request, comparison: RowId) -> StreamingResponse:
    """Progress as server-sent events, one whenever something changed, until the end."""
    parts = parts_of(request)
    first = await asyncio.to_thread(_progress, parts, comparison)

    async def stream() -> AsyncIterator[str]:
        now, last = first, ""
        for _ in range(int(LONGEST_STREAM_S / TICK_S)):
            body = json.dumps({"comparison": comparison, **now.model_dump(mode="json")})
            if body != last:
                yield f"data: {body}\n\n"
                last = body
            if now.state != "running" or await request.is_disconnected():
                return
            await asyncio.sleep(TICK_S)
            now = await asyncio.to_thread(_progress, parts, comparison)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.get("/comparisons/{comparison}/matrix")
def matrix(
    session: Transaction, comparison: RowId, measure: Measure, layer: Layer = None, other_layer: Layer = None,
    as_read: Annotated[Reading, Query(alias="reading")] = Reading.RAW, seeds: Group | None = None,
) -> Matrix:  # fmt: skip
    """All pairs of one measure; one column for a measure of single models."""
    return readings.matrix(session, comparison, measure, layer=layer, other=other_layer, as_read=as_read, seeds=seeds)


@router.get("/comparisons/{comparison}/groups")
def groups(session: Transaction, comparison: RowId, measure: Measure, layer: Layer = None) -> Groups:
    """One measure within and between all groups, models of one lineage counted once."""
    return grouping.groups(session, comparison, measure, layer=layer)


@router.get("/comparisons/{comparison}/contrast")
def contrast(
    session: Transaction, comparison: RowId, measure: Measure, a: Group, b: Group, layer: Layer = None
) -> Contrast:
    """Within minus between two groups, with a permutation test over lineage roots."""
    return grouping.contrast(session, comparison, measure, layer=layer, a=a, b=b)


@router.get("/comparisons/{comparison}/layers")
def layers(session: Transaction, comparison: RowId, measure: Measure, a: Number, b: Number) -> Matrix:
    """Every layer of one checkpoint against every layer of another."""
    return reading.layer_matrix(session, comparison, measure, a=a, b=b)


@router.get("/comparisons/{comparison}/pair")
def pair(session: Transaction, comparison: RowId, a: Number, b: Number) -> list[PairCell]:
    """Every number of a pair with its rank."""
    return reading.pair(session, comparison, a, b)


@router.get("/comparisons/{comparison}/cell")
def cell(
    session: Transaction, comparison: RowId, measure: Measure, a: Number, b: Number, layer: Layer = None
) -> dict[str, Any]:
    """One cell whole, with its replicates."""
    return reading.estimate(session, comparison, measure, a=a, b=b, layer=layer)


@router.get("/comparisons/{comparison}/difference")
def difference(
    session: Transaction, comparison: RowId, measure: Measure, a: Number, b: Number, c: Number, d: Number,
    layer: Layer = None, second_layer: Layer = None,
) -> Difference:  # fmt: skip
    """Cell (a, b) minus cell (c, d), at one layer or at two, with its paired interval."""
    return reading.difference(
        session, comparison, measure, first=(a, b), second=(c, d), layer=layer, second_layer=second_layer
    )


@router.get("/comparisons/{comparison}/differences")
def differences(
    session: Transaction, comparison: RowId, a: Number, b: Number, c: Number, d: Number
) -> list[PairDifference]:
    """Pair (a, b) minus pair (c, d) for every measure and layer of the comparison."""
    return reading.differences(session, comparison, first=(a, b), second=(c, d))


@router.get("/comparisons/{comparison}/disagreements")
def disagreements(request: Request, session: Transaction, comparison: RowId, a: Number, b: Number) -> Disagreements:
    """Samples that two checkpoints answer differently, most confident first."""
    return disagreeing.disagreements(session, parts_of(request).files, comparison, a=a, b=b)


@router.get("/comparisons/{comparison}/associations")
def associations(session: Transaction, comparison: RowId) -> Associations:
    """Every measure of models against every outcome, raw and at equal train loss."""
    return summing.associations(session, comparison)


@router.get("/comparisons/{comparison}/agreements")
def agreements(session: Transaction, comparison: RowId) -> Agreements:
    """How far the measures of pairs tell the same (Mantel tests)."""
    return summing.agreements(session, comparison)


@router.get("/comparisons/{comparison}/profile")
def profile(session: Transaction, comparison: RowId, measure: Measure, layer: Layer = None) -> Profile:
    """One measure of every model, layer by layer."""
    return summing.profile(session, comparison, measure, layer=layer)


@router.get("/comparisons/{comparison}/export")
def export(
    session: Transaction, comparison: RowId, measure: Measure, layer: Layer = None,
    format: Annotated[str, Query(pattern="^(csv|json)$")] = "csv",
) -> Response:  # fmt: skip
    """One matrix as a file."""
    found = reading.matrix(session, comparison, measure, layer=layer)
    text = exporting.as_csv(found) if format == "csv" else exporting.as_json(found)
    kind = "text/csv" if format == "csv" else "application/json"
    name = f"comparison-{comparison}-{found.slug}.{format}"
    return Response(text, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
