"""Studies: made, preregistered, run, read."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kinscape.backend.actions import comparisons, plans, probe_roles, study_roles
from kinscape.backend.actions.study_data import study_data
from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.comparisons import ComparisonCreate, ComparisonState, MeasureRequest
from kinscape.backend.contracts.problems import Conflict, NotFound, Unprocessable
from kinscape.backend.contracts.studies import (
    Change,
    Registration,
    Study,
    StudyAnswer,
    StudyChange,
    StudyCreate,
    StudyPlan,
    StudyResults,
    StudySpecification,
    StudyState,
    TemplateCard,
)
from kinscape.backend.store import cards, probes, projects, studies
from kinscape.backend.store.pages import EVERYTHING, Listed, Window
from kinscape.backend.store.tables import ComparisonRow, ProbeRow, StudyRow
from kinscape.backend.studies.cast import Cast
from kinscape.backend.studies.effects import adjusted
from kinscape.backend.studies.template import Design, Template, catalogue, template_named
from kinscape.backend.studies.verdicts import power_of, verdict

# As many as a measure takes.
MOST_REFERENCES = 100
INCOMPLETE = {
    ComparisonState.RUNNING: "Numbers are still being computed: this is what is there so far.",
    ComparisonState.CANCELLED: "This study was cancelled: this is what was there by then.",
    ComparisonState.FAILED: "Some numbers could not be computed, and are missing here; its comparison says why.",
}
STATES = {
    ComparisonState.RUNNING: StudyState.RUNNING,
    ComparisonState.DONE: StudyState.DONE,
    ComparisonState.FAILED: StudyState.FAILED,
    ComparisonState.CANCELLED: StudyState.CANCELLED,
}


def templates() -> list[TemplateCard]:
    """Every kind of study."""
    return [template.card() for template in catalogue().values()]


def plan(session: Session, project: int, wanted: StudyCreate) -> StudyPlan:
    """Who would play which role, what would be computed, and what so many networks can show; nothing is written."""
    template = template_named(wanted.template)
    specification, cast, left_out = _specified(session, project, wanted)
    checked = plans.check(session, project, _request(session, specification, cast, name=""))
    work = plans.plan(session, checked)
    power = power_of(_design(template, cast), specification.level)
    return StudyPlan(
        roles=study_roles.members(cast, _reference(template)),
        chosen_by=specification.chosen_by,
        left_out=left_out,
        power=power,
        cells_new=work.new,
        cells_known=work.reused,
        seconds=work.seconds,
        warnings=_warnings(session, specification, template, cast),
    )


def create(session: Session, project: int, wanted: StudyCreate) -> Study:
    """A study as a draft."""
    specification, _, _ = _specified(session, project, wanted)
    name = wanted.name or template_named(wanted.template).title
    row = StudyRow(project_id=project, name=name, specification=specification, changes=[])
    session.add(row)
    session.flush()
    return get(session, row.id)


def get(session: Session, id: int) -> Study:
    """One study."""
    return _described(session, studies.get(session, id))


def of_project(session: Session, project: int, window: Window = EVERYTHING) -> Listed[Study]:
    """Studies of a project, newest first."""
    projects.get(session, project)
    return studies.of_project(session, project, window).made(lambda rows: [_described(session, r) for r in rows])


def change(session: Session, id: int, wanted: StudyChange) -> Study:
    """Another name, other notes, roles or level; after preregistration each change of what is asked is listed."""
    row = studies.locked(session, id)
    if wanted.name is not None:
        row.name = wanted.name or template_named(row.specification.template).title
    if wanted.notes is not None:
        row.notes = wanted.notes
    before = row.specification
    update: dict[str, Any] = {}
    if wanted.level is not None and wanted.level != before.level:
        update["level"] = wanted.level
        _list_change(session, row, f"level {before.level:g} → {wanted.level:g}")
    if wanted.roles is not None:
        if row.comparison_id is not None:
            raise Conflict("This study has run; make a new one to ask it with other networks.")
        template = template_named(before.template)
        cast, how, _ = study_roles.chosen(session, row.project_id, template, wanted.roles, match=before.match)
        roles = {role: [c.id for c in some] for role, some in cast.roles.items()}
        if roles != before.roles:
            update.update(roles=roles, chosen_by=how, cast=[])
            _list_change(session, row, f"roles chosen anew: {', '.join(f'{k} ({len(v)})' for k, v in roles.items())}")
    if update:
        changed = before.model_copy(update=update)
        is_frozen = row.registration is not None and wanted.roles is not None
        row.specification = study_roles.frozen(session, changed) if is_frozen else changed
    session.flush()
    return _described(session, row)


def preregister(session: Session, id: int, level: float | None) -> Study:
    """Freeze what is asked, with its hash and the time, before the first number is computed.

    Raises:
        Conflict: it is frozen already, or has run.
    """
    row = studies.locked(session, id)
    if row.registration is not None:
        raise Conflict("This study is preregistered; what is changed from now on is listed.")
    if row.comparison_id is not None:
        raise Conflict("This study has run: what was seen cannot be registered before it was seen.")
    if level is not None:
        row.specification = row.specification.model_copy(update={"level": level})
    template = template_named(row.specification.template)
    row.specification = study_roles.frozen(session, row.specification)
    cast = _cast(session, row)
    study_roles.check_fewest(template, cast, row.specification.chosen_by)
    request = _request(session, row.specification, cast, name="")
    work = plans.plan(session, plans.check(session, row.project_id, request))
    row.registration = Registration(
        time=_now(session),
        hash=row.specification.digest(),
        specification=row.specification,
        power=power_of(_design(template, cast), row.specification.level),
        cells_known=work.reused,
    )
    session.flush()
    return _described(session, row)


def run(session: Session, id: int, *, trace: str = "") -> Study:
    """Compute what the study needs; asked again, what failed or was cancelled is computed again."""
    row = studies.locked(session, id)
    if row.registration is None and row.comparison_id is None:
        row.specification = study_roles.frozen(session, row.specification)
    cast = _cast(session, row)
    study_roles.check_fewest(template_named(row.specification.template), cast, row.specification.chosen_by)
    request = _request(session, row.specification, cast, name=f"Study: {row.name}"[:200])
    comparison, _ = comparisons.ask(session, row.project_id, request, trace=trace)
    row.comparison_id = comparison.id
    session.flush()
    return _described(session, row)


def delete(session: Session, id: int) -> None:
    """Delete a study; its comparison stays.

    Raises:
        Conflict: it is preregistered.
    """
    row = studies.locked(session, id)
    if row.registration is not None:
        raise Conflict("A preregistered study stays, whatever it found.")
    session.delete(row)
    session.flush()


def results(session: Session, id: int) -> StudyResults:
    """What a study found, as far as its numbers are there.

    Raises:
        Conflict: it was never run, or its comparison was deleted.
    """
    row = studies.get(session, id)
    comparison = _comparison(session, row)
    if comparison is None and row.comparison_id is not None:
        raise Conflict("The comparison of this study was deleted: restore it, or run the study again.")
    if comparison is None:
        raise Conflict("This study has not been run yet.")
    template = template_named(row.specification.template)
    cast = _cast(session, row)
    data = study_data(session, comparison.id, cast)
    found = [analysis.find(data) for analysis in template.analyses]
    effects = adjusted([row for f in found for row in f.rows])
    warnings = _warnings(session, row.specification, template, cast)
    warnings += study_roles.drift(session, row.specification)
    if comparison.state is not ComparisonState.DONE:
        warnings.insert(0, INCOMPLETE[comparison.state])
    headline = template.answer(effects, row.specification.level)
    return StudyResults(
        study=row.id,
        verdict=[*headline, *verdict(effects, row.specification.level)],
        headline=headline,
        effects=effects,
        dots=[d for f in found for d in f.dots],
        lines=[line for f in found for line in f.lines],
        grids=[g for f in found for g in f.grids],
        warnings=warnings + [w for f in found for w in f.warnings if w not in warnings],
        version=comparison.version,
    )


def answer(session: Session, comparison: int) -> StudyAnswer:
    """What the newest study of a comparison asked and found, for everybody who may see the comparison.

    Raises:
        NotFound: it answers no study.
    """
    id = studies.newest_of(session, {comparisons.get(session, comparison).id}).get(comparison)
    if id is None:
        raise NotFound("This comparison answers no study.")
    study = get(session, id)
    return StudyAnswer(
        template=study.template,
        state=study.state,
        level=study.level,
        power=study.power,
        counts={role: len(some) for role, some in study.roles.items()},
        registered=None if study.registration is None else study.registration.time,
        hash=study.hash,
        changes=len(study.changes),
        results=results(session, id),
    )


def _specified(session: Session, project: int, wanted: StudyCreate) -> tuple[StudySpecification, Cast, list[str]]:
    projects.get(session, project)
    template = template_named(wanted.template)
    cast, how, left_out = study_roles.chosen(session, project, template, wanted.roles, match=wanted.match)
    cast = replace(cast, contrasts=tuple(wanted.contrasts))
    study_roles.check_contrasts(template, cast)
    train = None if wanted.train_probe is None else _probe(session, project, wanted.train_probe)
    if template.needs_train and train is None:
        raise Unprocessable(f"The study {template.name} needs a probe set of train samples: name it as train_probe.")
    asked = [MeasureRequest(slug=m) if isinstance(m, str) else m for m in (wanted.measures or template.measures)]
    _check_measures(session, template, asked)
    specification = StudySpecification(
        template=template.name,
        question=template.question,
        method=template.method,
        roles={role: [c.id for c in some] for role, some in cast.roles.items()},
        chosen_by=how,
        probe=_probe(session, project, wanted.probe).id,
        train_probe=None if train is None else train.id,
        also_on=list(dict.fromkeys(_probe(session, project, which).id for which in wanted.also_on)),
        measures=asked,
        layers=list(template.layers),
        contrasts=wanted.contrasts,
        match=wanted.match,
        level=wanted.level,
    )
    return specification, cast, left_out


def _check_measures(session: Session, template: Template, asked: Sequence[MeasureRequest]) -> None:
    """Refuse measures that no analysis of a study reads."""
    known = cards.measures(session)
    for measure in asked:
        card = known.get(measure.slug)
        if card is not None and card.arity not in template.reads:
            what = "pairs of networks" if card.arity is Arity.PAIR else "single networks"
            raise Unprocessable(f"{card.title} is about {what}, which the study {template.name} does not read.")
        if measure.probe is not None:
            raise Unprocessable("A study names other probe sets as also_on, for all its measures at once.")


def _probe(session: Session, project: int, which: int | str) -> ProbeRow:
    row = probes.named(session, project, which) if isinstance(which, str) else probes.get(session, which)
    if row is None or row.project_id != project:
        raise NotFound(f"There is no probe set {short(str(which))} in this project.")
    return row


def _cast(session: Session, row: StudyRow) -> Cast:
    return study_roles.cast_of(session, row.specification)


def _request(session: Session, asked: StudySpecification, cast: Cast, *, name: str) -> ComparisonCreate:
    """The comparison that answers a study: its pairs only, and references where a measure needs them."""
    template = template_named(asked.template)
    pairs = sorted(template.pairs(cast))
    known = cards.measures(session)
    wanted: list[MeasureRequest | str] = []
    for measure in asked.measures:
        card = known.get(measure.slug)
        if card is not None and card.arity is Arity.PAIR and not pairs:
            continue
        roles = template.references.get(measure.slug, ())
        if roles and not measure.references:
            references = [c.id for role in roles for c in cast[role]][:MOST_REFERENCES]
            if not references:
                continue
            measure = measure.model_copy(update={"references": references})
        wanted.append(measure)
    if not wanted:
        raise Unprocessable("None of the measures can be computed with these roles: fill more of them.")
    return ComparisonCreate(
        name=name,
        checkpoints=[c.id for c in cast.everyone],
        probe=asked.probe,
        train_probe=asked.train_probe,
        also_on=asked.also_on,
        measures=wanted,
        layers=asked.layers,
        pairs=pairs,
    )


def _design(template: Template, cast: Cast) -> Design:
    return template.analyses[0].design(cast)


def _reference(template: Template) -> str:
    """The role that others belong to, where there is one."""
    return str(getattr(template.analyses[0], "reference", ""))


def _warnings(session: Session, asked: StudySpecification, template: Template, cast: Cast) -> list[str]:
    told = []
    pairs = template.pairs(cast)
    known = cards.measures(session)
    for measure in asked.measures:
        card = known.get(measure.slug)
        roles = template.references.get(measure.slug, ())
        if card is not None and card.arity is Arity.PAIR and not pairs:
            told.append(f"{card.title} is left out: no two of these networks belong together.")
        elif card is not None and roles and not measure.references and not any(cast[role] for role in roles):
            titles = [r.title.lower() for r in template.roles if r.name in roles]
            told.append(f"{card.title} is left out: it needs controls ({', '.join(titles)}).")
    return told + template.cautions(cast) + probe_roles.warnings(session, asked.probe, asked.train_probe)


def _comparison(session: Session, row: StudyRow) -> ComparisonRow | None:
    found = None if row.comparison_id is None else session.get(ComparisonRow, row.comparison_id)
    return None if found is None or found.deleted is not None else found


def _now(session: Session) -> dt.datetime:
    now: dt.datetime | None = session.scalar(select(func.now()))
    if now is None:
        raise RuntimeError("The database did not say what time it is.")
    return now


def _list_change(session: Session, row: StudyRow, what: str) -> None:
    """Note a change of a preregistered study."""
    if row.registration is not None:
        row.changes = [*row.changes, Change(time=_now(session), what=what)]


def _described(session: Session, row: StudyRow) -> Study:
    asked = row.specification
    template = template_named(asked.template)
    cast = _cast(session, row)
    comparison = _comparison(session, row)
    state = StudyState.DRAFT if row.registration is None else StudyState.REGISTERED
    sets = probes.names(session, asked.probes)
    return Study(
        id=row.id,
        project=row.project_id,
        project_name=projects.get(session, row.project_id).name,
        name=row.name,
        template=template.card(),
        state=state if comparison is None else STATES[comparison.state],
        roles=study_roles.members(cast, _reference(template)),
        chosen_by=asked.chosen_by,
        probe=sets.get(asked.probe, ""),
        train_probe=None if asked.train_probe is None else sets.get(asked.train_probe),
        also_on=[sets.get(i, "") for i in asked.also_on],
        contrasts=asked.contrasts,
        measures=[m.slug for m in asked.measures],
        level=asked.level,
        match=asked.match,
        power=power_of(_design(template, cast), asked.level),
        comparison=None if comparison is None else comparison.id,
        registration=row.registration,
        changes=row.changes,
        drift=study_roles.drift(session, asked),
        hash=asked.digest(),
        notes=row.notes,
        created=row.created,
    )
