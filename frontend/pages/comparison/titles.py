"""Names of columns as a reader says them."""

from kinscape.frontend.pages.comparison.opened import OpenedComparison


def titled(page: OpenedComparison, name: str) -> str:
    """A column's name as its reader says it."""
    key, _, layer = name.partition(" · ")
    asked = {m.key: m.slug for m in page.comparison.details.measures}
    title = page.cards[asked[key]].title if key in asked and asked[key] in page.cards else name
    return f"{title}, {layer}" if layer else title
