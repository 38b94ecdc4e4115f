"""Studies: made, preregistered, run, read."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

from kinscape.backend.actions import bundles, studies
from kinscape.backend.api.parts import Opened, Paged, RowId, Transaction
from kinscape.backend.contracts.studies import (
    LevelChoice,
    Study,
    StudyAnswer,
    StudyChange,
    StudyCreate,
    StudyPlan,
    StudyResults,
    TemplateCard,
)

router = APIRouter(tags=["studies"])
CHUNK = 1 << 20
WithFiles = Annotated[bool, Query(description="Whether checkpoints and probe sets are in it.")]


@router.get("/studies/templates")
def templates() -> list[TemplateCard]:
    """Every kind of study, with its question, roles, measures and pitfalls."""
    return studies.templates()


@router.post("/projects/{project}/studies/plan")
def plan(session: Transaction, project: RowId, wanted: StudyCreate) -> StudyPlan:
    """Who would play which role, what would be computed and what that can show; nothing is written."""
    return studies.plan(session, project, wanted)


@router.post("/projects/{project}/studies", status_code=201)
def create(session: Transaction, project: RowId, wanted: StudyCreate) -> Study:
    """Make a study; it is a draft until it is preregistered or run."""
    return studies.create(session, project, wanted)


@router.get("/projects/{project}/studies")
def of_project(session: Transaction, page: Paged, project: RowId) -> list[Study]:
    """Studies of a project, newest first."""
    return page.of(studies.of_project(session, project, page.window))


@router.get("/studies/{study}")
def get(session: Transaction, study: RowId) -> Study:
    """One study."""
    return studies.get(session, study)


@router.patch("/studies/{study}")
def change(session: Transaction, study: RowId, wanted: StudyChange) -> Study:
    """Change a study; after preregistration, changes of what it asks are listed."""
    return studies.change(session, study, wanted)


@router.delete("/studies/{study}", status_code=204)
def delete(session: Transaction, study: RowId) -> Response:
    """Delete a study that is not preregistered; its comparison stays."""
    studies.delete(session, study)
    return Response(status_code=204)


@router.post("/studies/{study}/preregister")
def preregister(session: Transaction, study: RowId, wanted: LevelChoice) -> Study:
    """Freeze what is asked, with its hash and the time, before the first number is computed."""
    return studies.preregister(session, study, wanted.level)


@router.post("/studies/{study}/run")
def run(session: Transaction, request: Request, study: RowId) -> Study:
    """Compute what the study needs."""
    return studies.run(session, study, trace=request.headers.get("x-request-id", "")[:64])


@router.get("/studies/{study}/results")
def results(session: Transaction, study: RowId) -> StudyResults:
    """What a study found, as far as its numbers are there."""
    return studies.results(session, study)


@router.get("/comparisons/{comparison}/study")
def answer(session: Transaction, comparison: RowId) -> StudyAnswer:
    """What the study of a comparison asked and found, for everybody who may see the comparison."""
    return studies.answer(session, comparison)


@router.get("/studies/{study}/bundle", response_class=StreamingResponse)
def bundle(session: Transaction, parts: Opened, study: RowId, *, files: WithFiles = True) -> StreamingResponse:
    """Everything that a study's numbers depend on, the numbers and hashes of all of it, as one zip archive."""
    file = bundles.written(session, parts.files, study, has_files=files)
    return StreamingResponse(
        iter(lambda: file.read(CHUNK), b""),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="study-{study}.zip"'},
        background=BackgroundTask(file.close),
    )
