"""A comparison's page: the rooms that the browser fills, and the pictures that are drawn here."""

import json
import logging
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update

from kinscape.backend.contracts.shares import TABS_OF_ONE_MEASURE, ShareScope
from kinscape.client import Client, ClientError
from kinscape.frontend.access import Access
from kinscape.frontend.components.words import trouble
from kinscape.frontend.pages.comparison import first_passage
from kinscape.frontend.pages.comparison.follow_ups import register_more
from kinscape.frontend.pages.comparison.opened import OpenedComparison, comparison_of
from kinscape.frontend.pages.comparison.tab import tabs
from kinscape.frontend.wiring import on

log = logging.getLogger("kinscape.frontend")


def shell(client: Client, path: str) -> Any:
    """The rooms of the page; ``frontend/browser`` fills all but the pictures that need the server.

    Whether there is such a comparison, the browser learns when it asks for it.

    Raises:
        ClientError: the visitor came with no link that opens this.
    """
    is_shared = path.startswith("/shared/")
    share = client.opened_share() if is_shared else None
    is_one = share is not None and share.scope is ShareScope.MATRIX
    place = {
        "comparison": comparison_of(client, path) if share is None else share.comparison,
        "path": path,
        "isShared": is_shared,
        "mayExport": share is None or share.may_export,
        "isOneMatrix": is_one,
        "madeBy": share.made_by if share is not None and not share.masked else "",
        "tabs": [tab.told() for tab in tabs().values() if not is_one or tab.key in TABS_OF_ONE_MEASURE],
    }
    middle = html.Section(
        [html.Div(**_room("picture")), html.Div(id="picture"), dcc.Store(id="served-view")], className="middle"
    )
    return html.Div(
        [
            html.Div(className="comparison-head", **_room("head")),
            html.Nav(id="tabs", className="picture-links", **{"aria-label": "Pictures"}, **_room("tabs")),
            html.Div(
                [
                    html.Aside(className="side left", **{"aria-label": "What to look at"}, **_room("left")),
                    middle,
                    html.Aside(
                        id="selected", className="side right", **{"aria-label": "What is selected"}, **_room("right")
                    ),
                ],
                className="three",
            ),
        ],
        id="comparison",
        className="comparison",
        **{"data-place": json.dumps(place)},
    )


def glance(comparison: int) -> Any:
    """The first matrices of a comparison, small; drawn in the browser."""
    place = {
        "comparison": comparison,
        "path": f"/comparison/{comparison}",
        "isShared": False,
        "mayExport": False,
        "tabs": [tab.told() for tab in tabs().values()],
    }
    return html.Div(id="glance", **{"data-place": json.dumps(place)})


def _room(name: str) -> dict[str, str]:
    return {"data-room": name}


def picture(page: OpenedComparison, scheme: str) -> Any:
    """The picture of the chosen tab; nothing where the browser draws it."""
    draw = tabs()[page.view.tab].draw
    if draw is None:
        return None
    try:
        return draw(page, scheme)
    except ClientError:
        raise
    except Exception:
        # The head, the other tabs and what is selected stay; the log says where it broke.
        log.exception("A picture could not be drawn", extra={"tab": page.view.tab, "comparison": page.comparison.id})
        return trouble("This picture could not be drawn from these numbers. The other tabs, and the export, hold them.")


def register(app: Dash, access: Access) -> None:
    """Drawing what the browser does not, and asking for more."""
    register_more(app, access)
    first_passage.register(app, access)

    @on(
        app,
        Output("picture", "children"),
        Input("served-view", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def draw(wanted: dict[str, Any] | None, path: str) -> Any:
        if not path.startswith(("/comparison/", "/shared/")):
            return no_update
        if not isinstance(wanted, dict):
            return None
        scheme = "dark" if wanted.get("scheme") == "dark" else "light"
        try:
            page = OpenedComparison.of(access, path, str(wanted.get("query", "")))
            return picture(page, scheme)
        except ClientError as error:
            return trouble(str(error))
