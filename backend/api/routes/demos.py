"""Studies tried on networks that the server trains."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from kinscape.backend.api.parts import Opened, Transaction, WebParts
from kinscape.backend.contracts.demos import Demo, project_name
from kinscape.backend.contracts.problems import NotAllowed
from kinscape.backend.store import projects, studies
from kinscape.backend.studies.template import catalogue, template_named

router = APIRouter(tags=["studies"])


@router.get("/demos")
def demos(session: Transaction, parts: Opened) -> list[Demo]:
    """Studies that can be tried on networks of this server, and how far these are; none where that is switched off."""
    return [_described(session, parts, name) for name in catalogue()] if parts.settings.demos else []


@router.post("/demos/{template}", status_code=202)
def train(session: Transaction, parts: Opened, template: str) -> Demo:
    """Train the networks of a demo study and run it, in a project of its own; what is there already is kept."""
    name = template_named(template).name
    if not parts.settings.demos:
        raise NotAllowed("Demo networks are switched off on this server (KINSCAPE_DEMOS).")
    parts.demos.start(name, url=parts.settings.own_url, token=parts.settings.given_token)
    return _described(session, parts, name)


def _described(session: Session, parts: WebParts, template: str) -> Demo:
    progress = parts.demos.progress(template)
    project = projects.named(session, project_name(template))
    return Demo(
        template=template,
        project=None if project is None else project.id,
        study=None if project is None else studies.newest_run(session, project.id, template),
        state=progress.state,
        trained=progress.trained,
        networks=progress.networks,
        reason=progress.reason,
    )
