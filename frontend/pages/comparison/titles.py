"""Names of columns as a reader says them."""

from kinscape.frontend.pages.comparison.opened import OpenedComparison


def titled(page: OpenedComparison, name: str) -> str:
    """A column's name as its reader says it."""
    key, _, layer = name.partition(" · ")
    asked = {m.key: m for m in page.comparison.details.measures}
    title = name
    if key in asked and asked[key].slug in page.cards:
        title = page.cards[asked[key].slug].title + (f" on {asked[key].probe}" if asked[key].probe else "")
    return f"{title}, {layer}" if layer else title
