"""Links that open one view of one comparison."""

import datetime as dt
import secrets
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kinscape.backend.actions.comparisons import get as describe_comparison
from kinscape.backend.actions.masks import view_without_names
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.problems import Conflict, NotFound, Unprocessable
from kinscape.backend.contracts.shares import TABS_OF_ONE_MEASURE, NewShare, Share, ShareCreate, ShareScope
from kinscape.backend.store import comparisons, shares
from kinscape.backend.store.pages import EVERYTHING, Listed, Window
from kinscape.backend.store.tables import ShareRow

# Parts of a view that ask for other numbers than those of one matrix.
OF_OTHER_NUMBERS = ("columns", "x", "y", "find", "single", "outcome", "g", "h", "c", "d", "which", "skip")


def describe(row: ShareRow) -> Share:
    """A share as its owner sees it."""
    return Share(
        id=row.id,
        comparison=row.comparison_id,
        view=row.view,
        created=row.created,
        expires=row.expires,
        last_used=row.last_used,
        revoked=row.revoked is not None,
        may_export=row.may_export,
        masked=row.masked,
        scope=row.scope,
        made_by=row.made_by,
        results_version=row.results_version,
    )


def create(session: Session, comparison: int, wanted: ShareCreate, *, public_url: str) -> NewShare:
    """A new link; its token is told now and never again."""
    opened = comparisons.get(session, comparison)
    if wanted.masked and wanted.may_export:
        raise Unprocessable("A link that hides names has no export: files hold names. Ask for it without export.")
    view = view_without_names(wanted.view) if wanted.masked else wanted.view.lstrip("?")
    if wanted.scope is ShareScope.MATRIX:
        view = _of_one_measure(session, comparison, view)
    token = secrets.token_urlsafe(32)
    row = ShareRow(
        comparison_id=comparison,
        token_hash=shares.token_hash(token),
        view=view,
        expires=dt.datetime.now(dt.UTC) + dt.timedelta(days=wanted.expires_in_days),
        may_export=wanted.may_export,
        masked=wanted.masked,
        scope=wanted.scope,
        made_by=wanted.made_by,
        results_version=opened.version,
    )
    session.add(row)
    session.flush()
    return NewShare(**describe(row).model_dump(), url=f"{public_url}/s/{token}")


def _of_one_measure(session: Session, comparison: int, view: str) -> str:
    """The view of a link that opens one measure: it names one of pairs of the comparison, and a tab that draws it.

    Raises:
        Unprocessable: the comparison has no such measure.
    """
    named = dict(parse_qsl(view))
    asked = [m.key for m in describe_comparison(session, comparison).measures if m.arity is Arity.PAIR]
    measure = named.get("measure") or (asked[0] if asked else "")
    if measure not in asked:
        raise Unprocessable("A link to one matrix needs a view that names a measure of pairs of this comparison.")
    tab = named.get("tab", "matrix")
    # What orders by, or stands beside, would be other numbers.
    kept = {k: v for k, v in named.items() if k not in OF_OTHER_NUMBERS and not v.startswith("by:")}
    return urlencode({**kept, "tab": tab if tab in TABS_OF_ONE_MEASURE else "matrix", "measure": measure})


def open_with(session: Session, token: str) -> Share:
    """The share behind a token; wrong, expired and revoked look the same."""
    row = shares.opened_by(session, token)
    if row is None:
        raise NotFound("This link does not open anything: it is wrong, has expired, or was revoked.")
    shares.touch(session, row.id)
    return describe(row)


def is_open(session: Session, id: int) -> bool:
    """Whether a link still opens its view."""
    row = shares.get(session, id)
    return row.revoked is None and row.expires > dt.datetime.now(dt.UTC)


def of_comparison(session: Session, comparison: int, window: Window = EVERYTHING) -> Listed[Share]:
    """Links of a comparison, newest first."""
    comparisons.get(session, comparison)
    return shares.of_comparison(session, comparison, window).made(lambda rows: [describe(r) for r in rows])


def extend(session: Session, id: int, days: int) -> Share:
    """Let a link work for so many days from now; one that has expired opens again, a revoked one does not."""
    row = shares.get(session, id)
    if row.revoked is not None:
        raise Conflict("This link was revoked for good; make a new one.")
    row.expires = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    session.flush()
    return describe(row)


def revoke(session: Session, id: int) -> Share:
    """End a link for good."""
    row = shares.get(session, id)
    if row.revoked is not None:
        raise Conflict("This link is already revoked.")
    row.revoked = session.scalar(select(func.now()))
    session.flush()
    return describe(row)
