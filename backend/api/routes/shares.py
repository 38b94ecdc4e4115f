"""Links: made, listed, revoked, opened."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kinscape.backend.actions import shares
from kinscape.backend.api.guard import SHARE_COOKIE
from kinscape.backend.api.parts import Opened, Paged, RowId, Transaction
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.contracts.shares import NewShare, Share, ShareCreate, ShareExtend

router = APIRouter(tags=["shares"])
door = APIRouter()
# A working day: a link that is revoked ends at once, whatever its cookie says.
COOKIE_S = 12 * 3600


@router.post("/comparisons/{comparison}/shares", status_code=201)
def create(session: Transaction, parts: Opened, comparison: RowId, wanted: ShareCreate) -> NewShare:
    """Make a link that opens one view; its address is told once."""
    return shares.create(session, comparison, wanted, public_url=parts.settings.public_url)


@router.get("/comparisons/{comparison}/shares")
def of_comparison(session: Transaction, page: Paged, comparison: RowId) -> list[Share]:
    """Links of a comparison, newest first."""
    return page.of(shares.of_comparison(session, comparison, page.window))


@router.get("/shared")
def opened(request: Request) -> Share:
    """The link that this visitor came with."""
    share: Share | None = request.state.principal.share
    if share is None:
        raise NotFound("This visitor came without a link.")
    return share.model_copy(update={"made_by": ""}) if share.masked else share


@router.post("/shares/{share}/extend")
def extend(session: Transaction, share: RowId, wanted: ShareExtend) -> Share:
    """Let a link work for so many days from now on."""
    return shares.extend(session, share, wanted.expires_in_days)


@router.post("/shares/{share}/revoke")
def revoke(session: Transaction, share: RowId) -> Share:
    """End a link for good."""
    return shares.revoke(session, share)


@door.get("/s/{token}", include_in_schema=False)
def open_link(session: Transaction, parts: Opened, token: str) -> Response:
    """Exchange a link for a short cookie and go to the shared page."""
    share = shares.open_with(session, token)
    view = f"?{share.view}" if share.view else ""
    answer = RedirectResponse(f"/shared/{share.id}{view}", 303)
    answer.set_cookie(
        f"{SHARE_COOKIE}_{share.id}",
        token,
        max_age=COOKIE_S,
        httponly=True,
        samesite="lax",
        secure=parts.settings.public_url.startswith("https:"),
    )
    return answer
