"""Probe sets: seen, and added from what comes with the program."""

from sqlalchemy.orm import Session

from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.jobs import AddBuiltin
from kinscape.backend.contracts.probes import Probe, ProbeDescription, ProbeFacts
from kinscape.backend.contracts.problems import Conflict
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store import jobs, probes, projects
from kinscape.backend.store.pages import EVERYTHING, Listed, Window
from kinscape.backend.store.tables import ProbeRow


def of_project(
    session: Session, project: int, window: Window = EVERYTHING, *, are_deleted: bool = False
) -> Listed[Probe]:
    """Probe sets of a project, or its deleted ones, newest first."""
    projects.get(session, project)
    found = probes.of_project(session, project, window, are_deleted=are_deleted)
    return found.made(lambda rows: [described(r) for r in rows])


def get(session: Session, id: int) -> Probe:
    """One probe set."""
    return described(probes.get(session, id))


def add_digits(session: Session, project: int, description: ProbeDescription) -> Probe:
    """Scikit-learn's digits as a probe set: the training part for the role train, else the held-out part."""
    projects.get(session, project)
    if probes.named(session, project, description.name):
        raise Conflict(f"A probe set named {short(description.name)} exists already; choose another name.")
    row = ProbeRow(
        project_id=project,
        name=description.name,
        notes=description.notes,
        role=description.role,
        normalisation=description.normalisation,
        facts=ProbeFacts(),
        state=State.INSPECTING,
    )
    session.add(row)
    session.flush()
    jobs.add(session, AddBuiltin(probe=row.id))
    return described(row)


def described(row: ProbeRow) -> Probe:
    """A probe set and what was found in it."""
    facts = row.facts
    return Probe(
        id=row.id,
        name=row.name,
        notes=row.notes,
        role=row.role,
        samples=facts.samples,
        shape=facts.shape,
        classes=facts.classes,
        class_counts=facts.class_counts,
        duplicates=facts.duplicates,
        constant_features=facts.constant_features,
        content_hash=row.content_hash,
        state=row.state,
        reason=row.reason,
        created=row.created,
    )
