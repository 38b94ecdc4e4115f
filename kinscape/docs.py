"""The page of measures, made from the cards: ``python -m kinscape.docs`` writes it."""

from pathlib import Path

from kinscape.backend.contracts.cards import Card, Change, Topic
from kinscape.library import measures
from kinscape.methods import methods_table
from kinscape.peers import PEERS
from kinscape.situations import SITUATIONS

HEAD = """# Measures

{count} measures, made from the cards by `python -m kinscape.docs`; a test keeps the page current.
Intervals are 95 % and come from leaving out one of 20 fixed groups of samples at a time, so that two
cells of one probe set share their groups and their difference has a paired interval.

What a layer returns becomes features by a reduction: `mean` over positions (unless said), `flatten`, `cls`,
`last-token`, or `positions`, where every position of a map or of a sequence counts. Samples then leave with all
their positions, and unbiased linear CKA leaves out pairs of positions of one sample, which are alike in every
network. A card that takes positions says so; the other measures, such as those of neighbours, refuse.
"""


def measures_page() -> str:
    """All cards as Markdown, by topic."""
    parts = [HEAD.format(count=len(measures()))]
    for topic in Topic:
        mine = [c for c in measures().values() if c.topic is topic]
        if mine:
            parts.append(f"\n## {topic.value}\n")
            parts.extend(_section(c) for c in mine)
    return "".join([*parts, methods_table(), SITUATIONS, PEERS])


def _section(card: Card) -> str:
    low = "−∞" if card.low is None else f"{card.low:.4g}"
    high = "∞" if card.high is None else f"{card.high:.4g}"
    ignores = _said(card.ignores)
    second = "" if card.ignores_of_second is None else f"; of the second side: {_said(card.ignores_of_second)}"
    lines = [
        f"\n### {card.title} (`{card.slug}`, version {card.version})\n",
        f"{card.summary}\n",
        f"$${card.formula}$$\n",
        f"- Range {low} to {high}; {card.direction.value}"
        + ("" if card.identical is None else f"; a model with itself scores {card.identical:g}"),
        f"- Reads {card.input.value} on {card.role.value} samples; symmetric: {'yes' if card.symmetric else 'no'}",
        f"- Ignores: {ignores}{second}",
        f"- Interval: {card.uncertainty.value}; reliable from {card.reliable_from}",
        *(["- Every position of a feature map may count as a sample (reduction `positions`)"] * card.takes_positions),
        f"- {card.pitfalls}",
        f"- Source: {card.source}",
    ]
    for p in card.parameters:
        lines.append(f"- `{p.name}` = {p.default}: {p.help}")
    return "\n".join(lines) + "\n"


def _said(changes: frozenset[Change]) -> str:
    return ", ".join(sorted(c.value for c in changes)) or "none of the changes that are tested"


if __name__ == "__main__":
    Path("docs/measures.md").write_text(measures_page())
