"""The lineage of a library as a tree: who was copied, taught or started from whom, and the runs they are steps of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dash import html

from kinscape.backend.contracts.words import counted
from kinscape.backend.contracts.words import listed as named
from kinscape.frontend.components.frame import link

Row = Mapping[str, Any]
# A checkpoint hangs below the first of its relatives that is here; the others are named beside it.
WORDS = {"parent": "made from it", "teacher": "learned from it", "init_of": "starts like it"}
OTHERWISE = {"parent": "made from", "teacher": "learned from", "init_of": "starts like"}
# A run names its first and last steps; of many families, children and generations the first are drawn.
MOST_STEPS, MOST_BELOW, MOST_DRAWN, DEEPEST = 8, 30, 300, 12


@dataclass
class Node:
    """A checkpoint that stands alone, or the steps of a run.

    Attributes:
        rows: one, or the steps in their order.
        by: the relation to the node above; empty for one that has none.
        of: the relative's name.
    """

    rows: list[Row]
    by: str = ""
    of: str = ""
    above: "Node | None" = None
    below: list["Node"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """How a run is called, or a checkpoint."""
        return str(self.rows[0]["run"] if len(self.rows) > 1 else self.rows[0]["name"])

    def size(self) -> int:
        """Checkpoints in and below it."""
        found, waiting = 0, [self]
        while waiting:
            node = waiting.pop()
            found += len(node.rows)
            waiting += node.below
        return found

    def is_below(self, other: "Node") -> bool:
        """Whether it came from another, over however many generations."""
        node: Node | None = self
        while node is not None and node is not other:
            node = node.above
        return node is other


def trees(rows: Sequence[Row]) -> list[Node]:
    """Everything that is related to something, each below what it came from; the largest trees first.

    Args:
        rows: checkpoints with ``name``, ``parent``, ``teacher``, ``init_of``, ``run`` and ``step``.
    """
    nodes = _nodes(rows)
    owner = {row["name"]: node for node in nodes for row in node.rows}
    for node in nodes:
        _hang(node, owner)
    roots = [node for node in nodes if not node.by]
    related = [node for node in roots if node.below or len(node.rows) > 1]
    return sorted(related, key=lambda node: (-node.size(), node.name))


def _nodes(rows: Sequence[Row]) -> list[Node]:
    """The steps of a run together, everybody else alone."""
    runs: dict[str, list[Row]] = {}
    out = []
    for row in rows:
        if not row["run"] or row["run"] not in runs:
            node = Node([row])
            out.append(node)
            if row["run"]:
                runs[row["run"]] = node.rows
        else:
            runs[row["run"]].append(row)
    for node in out:
        node.rows.sort(key=lambda row: (row["step"] is None, row["step"] or 0, row["name"]))
    return out


def _hang(node: Node, owner: Mapping[str, Node]) -> None:
    """Below the first relative that is here and does not itself stand below this one (two may teach one another)."""
    for by in WORDS:
        for row in node.rows:
            above = owner.get(row[by] or "")
            if above is None or above.is_below(node):
                continue
            node.by, node.of, node.above = by, row[by], above
            above.below.append(node)
            return


def picture(rows: Sequence[Row]) -> Any:
    """The trees, folded; nothing where nobody is related."""
    found = trees(rows)
    if not found:
        return None
    related = sum(node.size() for node in found)
    alone = len(rows) - related
    drawn, places = [], MOST_DRAWN
    for node in found:
        if places > 0:
            drawn.append(_drawn(node))
            places -= min(node.size(), MOST_BELOW)
    title = f"Lineage: {counted(related, 'checkpoints')} in {counted(len(found), 'families')}"
    more = f"{counted(len(found) - len(drawn), 'smaller families')}. " if len(drawn) < len(found) else ""
    rest = f"{counted(alone, 'checkpoints')} without relatives here." if alone else ""
    note = html.P(more + rest, className="quiet") if more + rest else None
    return html.Details([html.Summary(title), html.Ul(drawn), note], className="lineage")


def _drawn(node: Node, generation: int = 0) -> Any:
    """A node and what came from it, by kind of relation."""
    if generation == DEEPEST:
        return html.Li(html.Span(f"{counted(node.size(), 'checkpoints')} of later generations", className="quiet"))
    kinds = [(by, [n for n in node.below if n.by == by]) for by in WORDS]
    below = [_branch(by, nodes, node, generation) for by, nodes in kinds if nodes]
    return html.Li([*_head(node), *below])


def _branch(by: str, nodes: list[Node], above: Node, generation: int) -> Any:
    """All that are related to a node in one way."""
    ordered = sorted(nodes, key=lambda n: (-n.size(), n.name))
    items = [_drawn(n, generation + 1) for n in ordered[:MOST_BELOW]]
    if len(nodes) > MOST_BELOW:
        items.append(html.Li(html.Span(f"and {len(nodes) - MOST_BELOW:,} more", className="quiet")))
    steps = sorted({n.of for n in nodes}) if len(above.rows) > 1 else []
    words = WORDS[by] + (f" ({named(steps, most=3)})" if steps else "")
    return html.Div([html.Span(words, className="quiet"), html.Ul(items)], className="branch")


def _head(node: Node) -> Iterable[Any]:
    first = node.rows[0]
    if len(node.rows) == 1:
        yield _to(first, first["name"])
        if first["group"] not in ("", first["name"]):
            yield html.Span(first["group"], className="quiet")
    else:
        yield html.Strong(first["run"])
        yield html.Span(f"run of {counted(len(node.rows), 'steps')}: ", className="quiet")
        yield from _steps(node.rows)
    others = [f"{words} {name}" for by, words in OTHERWISE.items() for name in _named(node, by)]
    if others:
        yield html.Span(", ".join(others), className="quiet")


def _named(node: Node, by: str) -> list[str]:
    """Relatives of a kind, but for the one under which the node stands and the run's own steps."""
    own = {row["name"] for row in node.rows}
    names = dict.fromkeys(row[by] for row in node.rows if row[by] and row[by] not in own)
    return [name for name in names if (by, name) != (node.by, node.of)]


def _steps(rows: Sequence[Row]) -> Iterable[Any]:
    """A link for each step; of many the first and the last ones."""
    half = MOST_STEPS // 2
    shown = list(rows) if len(rows) <= MOST_STEPS else [*rows[:half], None, *rows[-half:]]
    for row in shown:
        if row is None:
            yield html.Span("…")
        else:
            yield _to(row, row["name"] if row["step"] is None else f"{row['step']:,}")


def _to(row: Row, text: str) -> Any:
    return link(text, f"/checkpoint/{row['id']}", title=str(row["name"]))
