"""How a browser leaves for a client after a form of ours."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from idp.oauth.clients import Client


class ToClientPages(Protocol):
    """Renders the pages that lead to a client."""

    def form_post(self, client: Client | None, action: str, fields: Sequence[tuple[str, str]]) -> Response:
        """Return the form of OAuth 2.0 Form Post Response Mode §2."""
        ...

    def hand_over(self, client: Client | None, target: str) -> Response:
        """Return the page that goes on to the client by itself."""
        ...


def hands_over(request: Request, target: str) -> bool:
    """Tell whether a page of ours has to lead to `target`, and not a redirect.

    Chromium counts every redirect after a form as part of its submission, those of the client too, and holds
    them to the `form-action` of the page with the form, which cannot know them (CSP Level 3 §6.4.1). A page in
    between is a navigation of its own. Browsers that do so say that they navigate (Fetch Metadata §2.1); other
    programs keep the redirect that they expect. A scheme of an app's own is in our `form-action`, and opening
    it needs the user's click, which the redirect carries on.
    """
    return request.headers.get("sec-fetch-dest") == "document" and urlsplit(target).scheme in {
        "http",
        "https",
    }


def leave_for(request: Request, pages: ToClientPages, client: Client | None, target: str) -> Response:
    """Send the browser to a URL of a client after a form of ours. 303: a post is not repeated there."""
    if hands_over(request, target):
        return pages.hand_over(client, target)
    return RedirectResponse(target, status_code=303)
