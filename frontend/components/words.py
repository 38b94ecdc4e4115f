"""Small pieces of text: numbers with intervals, badges, sentences for nothing and for trouble."""

from typing import Any

import dash_mantine_components as dmc
from dash import html

from kinscape.backend.contracts.cells import Cell, Reason
from kinscape.backend.contracts.pairs import Difference
from kinscape.backend.contracts.words import number

STATE_LOOKS = {
    "ready": "good",
    "done": "good",
    "verified": "good",
    "running": "busy",
    "inspecting": "busy",
    "unconfirmed": "bad",
    "contradicted": "bad",
    "refused": "bad",
    "failed": "bad",
    "registered": "good",
}
# Differences below it are rounding, and shown as 0.
ROUNDING = 1e-12
# Letters of notes that stand in a row.
LONGEST_LINE = 120


def estimate(cell: Cell) -> Any:
    """A number with its interval in small type, or the reason why there is none."""
    if isinstance(cell, Reason):
        return html.Span(cell.sentence, className="quiet")
    parts: list[Any] = [html.Span(number(cell.value), className="number", title=repr(cell.value))]
    low, high = cell.low, cell.high
    if low is not None and high is not None:
        exact = f"95 % interval {low!r} to {high!r}; {cell.method}; N = {cell.n}"
        parts.append(html.Span(f" {number(low)} – {number(high)}", className="interval", title=exact))
    if cell.monte_carlo_error:
        error = number(cell.monte_carlo_error)
        parts.append(html.Span(f" draws ±{error}", className="interval", title="standard error over random draws"))
    if cell.warning:
        parts.append(html.Span(" !", className="warning-mark", title=cell.warning))
    return html.Span(parts)


def difference(gap: Difference) -> Any:
    """A difference with its paired interval; it stands out where the interval leaves out 0."""
    low, high = gap.low, gap.high
    value = gap.value if abs(gap.value) > ROUNDING else 0.0
    sign = "+" if value > 0 else ""
    if low is None or high is None:
        return html.Span(f"Δ {sign}{number(value)}", className="interval", title=gap.method)
    apart = low > 0 or high < 0
    return html.Span(
        f"Δ {sign}{number(value)} ({number(low)} to {number(high)})",
        className="interval differs" if apart else "interval",
        title=f"95 % interval, {gap.method}",
    )


def notes_field(id: str | dict[str, int], value: str) -> Any:
    """Where notes are written, over several lines."""
    return dmc.Textarea(id=id, label="Notes", value=value, size="xs", autosize=True, minRows=1, maxRows=8, w=320)


def first_line(notes: str) -> Any:
    """The first line of notes beside a name, all of them when pointed at; nothing where there are none."""
    line = notes.split("\n", 1)[0]
    short = line if line == notes and len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"
    return html.Span(short, className="quiet first-line", title=notes) if notes else None


def state_badge(state: str) -> Any:
    """A state as a quiet badge."""
    return html.Span(state, className=f"badge {STATE_LOOKS.get(state, 'quiet')}")


def kind_badge(kind: str) -> Any:
    """A kind as a quiet outline."""
    return html.Span(kind, className="badge outline")


def trouble(sentence: str) -> Any:
    """What went wrong and what to do, where it happened."""
    return dmc.Alert(sentence, color="orange", variant="light", radius="md", className="trouble")


def nothing(title: str, sentence: str, *more: Any, heading: Any = html.H2) -> Any:
    """A page, or a part of one, that has nothing to show yet, and what to do about it."""
    return html.Div([heading(title), html.P(sentence, className="quiet"), *more], className="empty")


def fact(name: str, value: Any) -> Any:
    """One line of a list of facts."""
    return html.Div(
        [html.Span(name, className="fact-name"), html.Span(value, className="fact-value")], className="fact"
    )
