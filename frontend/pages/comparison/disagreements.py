"""Where two checkpoints disagree: who is right, which classes they give, and the samples themselves."""

from typing import Any

from dash import html

from kinscape.backend.contracts.pairs import MOST_SAMPLES, DisagreeingSample, Disagreements, Outcomes, Which
from kinscape.backend.contracts.words import number
from kinscape.client import ClientError
from kinscape.frontend.components.frame import link
from kinscape.frontend.figures.samples import picture
from kinscape.frontend.pages.comparison.opened import OpenedComparison

# Wider tables are read class by class below them.
MOST_COLUMNS = 15
LONGEST_NAME, SHOWN_VALUES = 18, 6


def disagreements(page: OpenedComparison, names: dict[int, str]) -> Any:
    """How often and where the selected two give different classes."""
    a, b, which = page.view.a, page.view.b, page.view.which
    chosen = {"classes": which} if which[:1].isdigit() else {"which": which or None}
    try:
        found = page.comparison.disagreements(a, b, **chosen, offset=page.view.skip)
        if page.view.skip >= found.total > 0:
            # An address from when more samples differed, or written by hand: the first ones.
            page.view = page.view.but(skip=0)
            found = page.comparison.disagreements(a, b, **chosen)
    except ClientError as error:
        return html.P(str(error), className="quiet")
    if not found.different and not which:
        return html.Div([_who_is_right(found, names[a], names[b]), _same(found)])
    parts = [
        html.P(f"They predict different classes for {found.different:,} of {found.of:,}."),
        _who_is_right(found, names[a], names[b]),
        _confusion(page, found, names[a], names[b]),
        _choices(page, found, names[a], names[b]),
        _samples(page, found, names[a], names[b]),
    ]
    return html.Div(parts)


def _same(found: Disagreements) -> Any:
    return html.P(f"They predict the same class for all {found.of:,}.", className="quiet")


def _who_is_right(found: Disagreements, a: str, b: str) -> Any:
    """The two by two table of right and wrong, and whether the accuracies differ."""
    told = found.outcomes
    if told is None:
        return None
    head = html.Tr([html.Td(""), html.Th(f"{b} right"), html.Th(f"{b} wrong")])
    both_wrong = f"{told.both_wrong:,} ({told.wrong_alike:,} with the same class)"
    rows = [
        html.Tr([html.Th(f"{a} right"), html.Td(f"{told.both_right:,}"), html.Td(f"{told.only_a:,}")]),
        html.Tr([html.Th(f"{a} wrong"), html.Td(f"{told.only_b:,}"), html.Td(both_wrong)]),
    ]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="numbers outcomes")
    return html.Div([html.Div(table, className="scroll"), html.P(_sentence(told, a, b), title=told.method)])


def _sentence(told: Outcomes, a: str, b: str) -> str:
    """Who is right more often, by how much, and whether these samples tell it."""
    p = f"p = {number(told.p)}, exact McNemar"
    if told.only_a == told.only_b:
        return f"{a} and {b} are right equally often (95 % interval {_span(told.low, told.high)}; {p})."
    # Said of the better one, the difference and its interval are positive.
    more, less, low, high = (a, b, told.low, told.high) if told.difference > 0 else (b, a, -told.high, -told.low)
    known = "" if low > 0 else " These samples do not tell the two apart."
    by = f"by {_percent(abs(told.difference))} of the samples (95 % interval {_span(low, high)}; {p})"
    return f"{more} is right more often than {less}, {by}.{known}"


def _span(low: float, high: float) -> str:
    return f"{_percent(low)} to {_percent(high)}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _confusion(page: OpenedComparison, found: Disagreements, a: str, b: str) -> Any:
    """Which classes the second gives where the first gives a row's; a number leads to its samples."""
    classes = len(found.confusion)
    if not 0 < classes <= MOST_COLUMNS:
        pairs = [
            link(f"{p.a} → {p.b}: {p.samples:,}", _to(page, f"{p.a}-{p.b}"), className=_chip(page, f"{p.a}-{p.b}"))
            for p in found.class_pairs
        ]
        title = html.P("Most frequent classes, of the first → of the second:", className="quiet")
        return html.Div([title, html.Div(pairs, className="chips")]) if pairs else None
    largest = max((n for i, row in enumerate(found.confusion) for j, n in enumerate(row) if i != j), default=0)
    head = html.Tr([html.Th(f"{a[:LONGEST_NAME]} ↓ {b[:LONGEST_NAME]} →"), *[html.Th(str(j)) for j in range(classes)]])
    rows = [
        html.Tr([html.Th(str(i)), *[_cell(page, i, j, n, largest) for j, n in enumerate(row)]])
        for i, row in enumerate(found.confusion)
    ]
    note = "Classes that the first (rows) and the second (columns) predict; choose a number to see its samples."
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="numbers confusion")
    return html.Div([html.P(note, className="quiet"), html.Div(table, className="scroll")])


def _cell(page: OpenedComparison, i: int, j: int, count: int, largest: int) -> Any:
    if i == j or not count:
        return html.Td(f"{count:,}" if count else "·", className="quiet")
    depth = f"color-mix(in srgb, var(--accent) {round(8 + 26 * count / max(largest, 1))}%, transparent)"
    target = f"{i}-{j}"
    name = f"{count:,} samples: class {i} by the first, class {j} by the second"
    here = "here" if page.view.which == target else ""
    return html.Td(link(f"{count:,}", _to(page, target), title=name, className=here), style={"background": depth})


def _choices(page: OpenedComparison, found: Disagreements, a: str, b: str) -> Any:
    """Which samples are listed below."""
    chips = [("", f"all that differ ({found.different:,})")]
    if found.outcomes is not None:
        told = found.outcomes
        chips += [
            (Which.ONLY_A, f"only {a[:LONGEST_NAME]} right ({told.only_a:,})"),
            (Which.ONLY_B, f"only {b[:LONGEST_NAME]} right ({told.only_b:,})"),
            (Which.BOTH_WRONG, f"both wrong ({told.both_wrong:,})"),
        ]
    which = page.view.which
    if which[:1].isdigit():
        chips.append((which, f"class {which.replace('-', ' against ')} ({found.total:,})"))
    return html.Div([link(text, _to(page, key), className=_chip(page, key)) for key, text in chips], className="chips")


def _chip(page: OpenedComparison, key: str) -> str:
    return "chip here" if page.view.which == key else "chip"


def _to(page: OpenedComparison, which: str) -> str:
    return page.href(page.view.but(which=str(which), skip=0))


def _samples(page: OpenedComparison, found: Disagreements, a: str, b: str) -> Any:
    if not found.total:
        return html.P("There is no such sample.", className="quiet")
    if not found.samples:
        return html.P(f"These are {found.total:,} positions, which are not listed.", className="quiet")
    first = page.view.skip
    after = first + len(found.samples)
    shown = f"{first + 1:,} to {after:,} of {found.total:,}, " if len(found.samples) < found.total else ""
    ways = [html.Span(f"{shown}those on which both are most confident first.", className="quiet")]
    if first:
        ways.append(link("← Before", page.href(page.view.but(skip=max(0, first - MOST_SAMPLES))), className="chip"))
    if after < found.total:
        ways.append(link("Next →", page.href(page.view.but(skip=after)), className="chip"))
    return html.Div(
        [html.Div(ways, className="bar"), html.Div([_tile(s, a, b) for s in found.samples], className="samples")]
    )


def _tile(sample: DisagreeingSample, a: str, b: str) -> Any:
    image = picture(sample.values, sample.shape)
    shown: Any = html.Img(src=image, alt=f"sample {sample.sample}") if image else _row(sample)
    says = [
        html.Span(f"{name[:LONGEST_NAME]}: {said.predicted} ({said.confidence:.2f})")
        for name, said in ((a, sample.a), (b, sample.b))
    ]
    label = f"#{sample.sample}" if sample.label is None else f"label {sample.label}"
    return html.Figure([shown, html.Figcaption([html.Strong(label), *says])], className="sample")


def _row(sample: DisagreeingSample) -> Any:
    """The first values of a sample that is no image."""
    values = ", ".join(number(v) for v in sample.values[:SHOWN_VALUES])
    more = " …" if len(sample.values) > SHOWN_VALUES else ""
    return html.Code(f"{values}{more}" or f"#{sample.sample}", className="values")
