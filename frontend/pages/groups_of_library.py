"""The groups of a library as rows: how many checkpoints each has, how good they are, and a way to them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from dash import html

from kinscape.backend.contracts.words import counted, number
from kinscape.backend.contracts.words import listed as named
from kinscape.frontend.components.frame import link

# A library with fewer is read without this.
FEWEST = 2
MOST_KINDS = 3
Row = Mapping[str, Any]


def listed(rows: Sequence[Row], project: int) -> Any:
    """A row for each group, the largest first; nothing where there is only one."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    if len(groups) < FEWEST:
        return None
    head = html.Tr([html.Th(text) for text in ("Group", "Checkpoints", "Accuracy", "Architectures", "Parameters", "")])
    ordered = sorted(groups.items(), key=lambda one: (-len(one[1]), one[0]))
    table = html.Table(
        [html.Thead(head), html.Tbody([_group(name, inside, project) for name, inside in ordered])],
        className="numbers library-groups",
    )
    title = html.Summary(f"{len(groups)} groups")
    return html.Details([title, html.Div(table, className="scroll")], className="groups-of-library")


def _group(name: str, inside: Sequence[Row], project: int) -> Any:
    wanted = urlencode({"filter": f'group:"{name}"'})
    ids = urlencode({"checkpoints": ",".join(str(row["id"]) for row in inside)})
    # A filter cannot say a name with its own quotation mark.
    title = name or "no group"
    named_here = title if '"' in name else link(title, f"/projects/{project}?{wanted}", title="Show these below")
    kinds = sorted({str(row["architecture"]) for row in inside if row["architecture"]})
    return html.Tr(
        [
            html.Th(named_here),
            html.Td(f"{len(inside):,}"),
            html.Td(_spread([row["accuracy"] for row in inside])),
            html.Td(named(kinds, most=MOST_KINDS)),
            html.Td(_sizes([row["parameters"] for row in inside])),
            html.Td(link("Compare", f"/projects/{project}/compare?{ids}", title=f"Compare {_these(len(inside))}")),
        ]
    )


def _these(count: int) -> str:
    return "this checkpoint" if count == 1 else f"these {counted(count, 'checkpoints')}"


def _spread(values: Sequence[float | None]) -> str:
    """Mean of the accuracies that were given, and from where to where they reach."""
    known = [v for v in values if v is not None]
    if not known:
        return ""
    mean = number(sum(known) / len(known))
    return mean if len(known) == 1 else f"{mean} ({number(min(known))} to {number(max(known))})"


def _sizes(values: Sequence[int | None]) -> str:
    known = sorted({v for v in values if v})
    if not known:
        return ""
    return f"{known[0]:,}" if len(known) == 1 else f"{known[0]:,} to {known[-1]:,}"
