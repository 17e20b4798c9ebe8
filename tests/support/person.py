"""Somebody at a browser without scripts, for relying parties that only need the forms filled in."""

from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx

from tests.support.running import Account

MOST_STEPS = 20


class Person:
    """Follows redirects, signs in and allows, as a person would; keeps cookies like a browser."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.http = httpx.Client(trust_env=False, timeout=30)
        self.asked: list[str] = []
        """The forms that had to be filled in so far: login, consent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def open(self, url: str, *, until: str | None = None) -> httpx.Response:
        """Open a page and go on until no form of the provider is left, or a redirect leads to `until`.

        The answer is then that redirect: an app that does not listen is not asked for the page.
        """
        return self._walk(self.http.build_request("GET", url), until)

    def press(self, page: httpx.Response, action: str, *, until: str | None = None) -> httpx.Response:
        """Submit the form of a page that posts to `action`."""
        form = next(form for form in forms_of(page) if form.action.endswith(action))
        request = self.http.build_request("POST", urljoin(str(page.url), form.action), data=form.fields)
        return self._walk(request, until)

    def _walk(self, request: httpx.Request, until: str | None) -> httpx.Response:
        for _ in range(MOST_STEPS):
            response = self.http.send(request)
            if response.next_request is not None:
                if until is not None and response.headers["location"].startswith(until):
                    return response
                request = response.next_request
                continue
            filled = self._filled(response)
            if filled is None:
                return response
            request = filled
        raise AssertionError(f"There is no end to it; the last page was {request.url}")

    def _filled(self, page: httpx.Response) -> httpx.Request | None:
        if page.status_code != 200:
            return None
        for form in forms_of(page):
            fields = dict(form.fields)
            if form.action.endswith("/login") and "password" in fields:
                fields |= {"email": self.account.email, "password": self.account.password}
            elif form.action.endswith("/consent"):
                fields["decision"] = "allow"
            else:
                continue
            self.asked.append(form.action.rpartition("/")[2])
            url = urljoin(str(page.url), form.action)
            return self.http.build_request("POST", url, data=fields, headers={"Referer": str(page.url)})
        return None


class Form:
    """A form of a page: where it leads and its input fields."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(attributes.get("action", "")))
        elif tag == "input" and self.found and "name" in attributes and "disabled" not in attributes:
            self.found[-1].fields[attributes["name"]] = attributes.get("value", "")


def forms_of(page: httpx.Response) -> list[Form]:
    """Return the forms of an HTML page."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.found
