"""A new study: who plays which role, what that costs, and what it can show."""

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from kinscape.backend.contracts import uploads
from kinscape.backend.contracts.probes import Probe, ProbeRole
from kinscape.backend.contracts.studies import Member, RoleCard, StudyPlan, TemplateCard
from kinscape.backend.contracts.words import counted
from kinscape.client import Client, ClientError, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.pages.compare import choices_of
from kinscape.frontend.wiring import on

# Names that fit two lines.
MOST_NAMED = 12
# What a study is asked with beside its roles and its name.
FIELDS = ("probe", "train", "also", "measures", "match", "level", "contrasts")


def page(client: Client, project: Project, name: str) -> Any:
    """The form of one kind of study."""
    template = next((t for t in client.study_templates() if t.name == name), None)
    probes = [p for p in project.probes() if p.state is uploads.State.READY]
    back = link("All studies", f"/projects/{project.id}/studies", className="button")
    if template is None:
        return nothing("There is no such study", "Choose one of those that there are.", back)
    if not probes:
        return nothing("No probe set yet", "A study needs a probe set: add one in the library.", back)
    return html.Div(
        [
            html.H1(template.title),
            html.P(template.question, className="lead"),
            html.P(template.method, className="quiet"),
            dcc.Store(id="study-template", data=template.name),
            html.Div(
                [
                    html.Section([html.H2("Roles"), *[_role(r) for r in template.roles]], className="column"),
                    html.Section(_on_what(template, probes, client), className="column"),
                    html.Section(_pitfalls(template), className="column"),
                ],
                className="columns study-form",
            ),
        ],
        className="new-study",
    )


def _role(role: RoleCard) -> Any:
    need = f"{role.fewest} or more" if role.fewest else "optional"
    return html.Div(
        [
            dmc.TextInput(
                id={"study-role": role.name},
                label=f"{role.title} ({need})",
                description=role.help,
                placeholder="From lineage; or a filter: group:sam",
                debounce=400,
            ),
            html.Div(id={"study-cast": role.name}, className="quiet cast"),
        ]
    )


def usual_sets(probes: list[Probe]) -> tuple[Probe, Probe | None]:
    """The held-out and the train set that a study is asked on unless others are chosen; at least one is there."""
    held_out = next((p for p in probes if p.role is ProbeRole.HELD_OUT), probes[0])
    return held_out, next((p for p in probes if p.role is ProbeRole.TRAIN), None)


def _on_what(template: TemplateCard, probes: list[Probe], client: Client) -> list[Any]:
    held_out, train = usual_sets(probes)
    slugs = [m.slug for m in template.measures]
    known = sorted({*slugs, *(c.slug for c in client.measures())})
    return [
        html.H2("Probe sets, measures, level"),
        dmc.Select(
            id="study-probe",
            label="Held-out probe set",
            data=choices_of(probes),
            value=str(held_out.id),
            allowDeselect=False,
        ),
        dmc.Select(
            id="study-train",
            label="Train probe set" + (" (needed)" if template.needs_train else ""),
            data=choices_of(probes),
            value=None if train is None else str(train.id),
            clearable=True,
        ),
        _also_on(probes),
        dmc.MultiSelect(id="study-measures", label="Measures", data=known, value=slugs, searchable=True),
        dmc.TextInput(
            id="study-match",
            label="Tag that pairs networks",
            value="seed",
            description="Where lineage does not say who belongs to whom.",
            debounce=400,
        ),
        _contrasts_field(),
        dmc.NumberInput(id="study-level", label="Level of the tests", value=0.05, min=0.0001, max=0.5, step=0.01),
        dmc.TextInput(id="study-name", label="Name", placeholder=template.title),
        html.Div(id="study-plan", className="study-plan", role="status"),
        html.Div(
            [
                dmc.Button("Run", id="study-run"),
                dmc.Button("Preregister and run", id="study-register", variant="default"),
                dmc.Button("Keep as a draft", id="study-draft", variant="default"),
            ],
            className="bar",
        ),
    ]


def _also_on(probes: list[Probe]) -> Any:
    return dmc.MultiSelect(
        id="study-also",
        label="Also on",
        description="Other probe sets, such as shifted ones: outputs and features are read there too.",
        data=choices_of(probes),
        searchable=True,
    )


def _contrasts_field() -> Any:
    return dmc.TextInput(
        id="study-contrasts",
        label="Further contrasts",
        placeholder="augmentation+sam against augmentation; …",
        description="Of two roles or conditions, beside the own ones; the first is expected to be better.",
        debounce=400,
    )


def _pitfalls(template: TemplateCard) -> list[Any]:
    return [
        html.H2("Pitfalls"),
        html.Ul([html.Li(p) for p in template.pitfalls]),
        html.P(f"Source: {template.source}.", className="quiet"),
    ]


def register(app: Dash, access: Access) -> None:
    """The plan under the form, and its buttons."""

    @on(
        app,
        Output("study-plan", "children"),
        Output({"study-cast": ALL}, "children"),
        Output("address", "href", allow_duplicate=True),
        Input("study-run", "n_clicks"),
        Input("study-register", "n_clicks"),
        Input("study-draft", "n_clicks"),
        Input({"study-role": ALL}, "value"),
        *[Input(f"study-{field}", "value") for field in FIELDS],
        State("study-name", "value"),
        State("study-template", "data"),
        State({"study-role": ALL}, "id"),
        State("address", "pathname"),
        prevent_initial_call="initial_duplicate",
    )
    def plan_or_make(
        run: int | None,
        registered: int | None,
        draft: int | None,
        filters: list[str | None],
        *rest: Any,
    ) -> tuple[Any, list[Any], Any]:
        *typed, name, template, ids, path = rest
        roles = {i["study-role"]: f for i, f in zip(ids, filters, strict=True) if f and f.strip()}
        asked = {"roles": roles, "name": name or "", **_asked(dict(zip(FIELDS, typed, strict=True)))}
        clicked = {"study-run": run, "study-register": registered, "study-draft": draft}
        button = ctx.triggered_id if isinstance(ctx.triggered_id, str) and clicked.get(ctx.triggered_id) else ""
        return _answered(access.client(path), path, template, asked, [i["study-role"] for i in ids], button)


def _asked(field: dict[str, Any]) -> dict[str, Any]:
    """What was chosen beside roles and name, as a study is asked for with."""
    level = field["level"]
    return {
        "probe": int(field["probe"]),
        "train_probe": int(field["train"]) if field["train"] else None,
        "also_on": [int(one) for one in field["also"] or ()],
        "measures": field["measures"],
        "match": field["match"] or "seed",
        "contrasts": _contrasts(field["contrasts"] or ""),
        "level": level if isinstance(level, (int, float)) else 0.05,
    }


def _contrasts(text: str) -> list[list[str]]:
    """Pairs of names from what was typed; what names no two is sent as it is, for the server to say so."""
    typed = [part.partition(" against ") for part in text.split(";") if part.strip()]
    return [[first.strip(), second.strip()] for first, _, second in typed]


def _answered(
    client: Client, path: str, template: str, asked: dict[str, Any], roles: list[str], button: str
) -> tuple[Any, list[Any], Any]:
    """The plan in words, who plays each role, and where to go."""
    try:
        project = client.project_numbered(int(path.split("/")[2]))
        if button:
            return no_update, [no_update] * len(roles), _made(project, template, asked, button)
        found = project.plan_study(template, **asked)
    except ClientError as error:
        return trouble(str(error)), [""] * len(roles), no_update
    return _planned(found), [_cast(found, role) for role in roles], no_update


def _made(project: Project, template: str, asked: dict[str, Any], button: str) -> str:
    """The address of a study that was just made."""
    study = project.study(template, **asked)
    if button == "study-register":
        study.preregister()
    if button != "study-draft":
        study.run()
    return f"/study/{study.id}"


def _planned(plan: StudyPlan) -> Any:
    seconds = f"; about {plan.seconds:.0f} s on one worker" if plan.cells_new else ""
    parts: list[Any] = [
        html.P(f"{counted(plan.cells_new, 'cells')} new, {plan.cells_known} known{seconds}."),
        html.P(plan.power.sentence),
    ]
    if plan.left_out:
        parts.append(html.P(f"Without a role: {_some(plan.left_out)}.", className="quiet"))
    return [*parts, *[trouble(w) for w in plan.warnings]]


def _cast(plan: StudyPlan, role: str) -> str:
    members: list[Member] = plan.roles.get(role, [])
    if not members:
        return plan.chosen_by.get(role, "nobody")
    return f"{len(members)}, {plan.chosen_by.get(role, '')}: {_some([m.name for m in members])}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
