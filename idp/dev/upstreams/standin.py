"""What both stand-ins share: the page to choose people on, codes, tokens, and modes in which they fail."""

import hashlib
import html
import secrets
import time
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from idp.dev.upstreams.people import BY_KEY, PEOPLE, StandInPerson

CLIENT_ID, CLIENT_SECRET = "idp-dev", "idp-dev-secret"
MODES = ("normal", "down", "rate_limited", "token_error", "html")
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code."""

    person: StandInPerson
    redirect_uri: str
    challenge: str
    nonce: str
    scope: str
    auth_time: float


@dataclass
class StandIn:
    """A provider that is none."""

    issuer: str
    label: ClassVar[str] = ""
    mode: str = "normal"
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Name of the endpoint and query of each request, for tests."""
    answers: dict[str, Callable[[Request], Response]] = field(default_factory=dict)
    """What an endpoint answers instead of the truth, by its name, for tests."""
    people: dict[str, StandInPerson] = field(default_factory=lambda: dict(BY_KEY))
    now: Callable[[], float] = time.time
    codes: dict[str, Code] = field(default_factory=dict)
    access_tokens: dict[str, Code] = field(default_factory=dict)
    refresh_tokens: dict[str, Code] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        """The application, to be mounted at the path of `issuer`."""
        return Starlette(routes=self.routes())

    def routes(self) -> list[Route]:
        """Its routes; a subclass adds its endpoints."""
        return [Route("/mode", self.set_mode, methods=["POST"])]

    def endpoint(self, name: str, handler: Handler) -> Handler:
        """Return a handler that can be made to fail."""

        async def answer(request: Request) -> Response:
            self.requests.append((name, request.url.query))
            if name in self.answers:
                return self.answers[name](request)
            if self.mode == "down":
                return Response("down for the test", 503)
            if self.mode == "html":
                return HTMLResponse("<h1>This is not JSON</h1>")
            return await handler(request)

        return answer

    # The page ------------------------------------------------------------------------------------

    async def authorize(self, request: Request) -> Response:
        """Show the people, or take the choice."""
        query = dict(request.query_params)
        fault = self.fault_of(query)
        if fault is not None:
            return HTMLResponse(page(self.label, f"<h1>{html.escape(fault)}</h1>"), 400, headers=HEADERS)
        if request.method == "GET":
            return HTMLResponse(page(self.label, self._choices()), headers=HEADERS)
        form = dict(parse_qsl((await request.body()).decode()))
        person = self.people.get(form.get("person", ""))
        if person is None:
            answer = {"error": "access_denied", "error_description": "The user has denied your request."}
        else:
            answer = {"code": self.issue_code(person, query)}
        return self.answer_to(query, answer)

    def answer_to(self, query: Mapping[str, str], answer: Mapping[str, str]) -> Response:
        """Lead back to the client."""
        parameters = {**answer, **({"state": query["state"]} if "state" in query else {})}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(parameters)}", status_code=303)

    def fault_of(self, query: Mapping[str, str]) -> str | None:
        """Say what is wrong with a request, as far as the real ones say so too."""
        target = urlsplit(query.get("redirect_uri", ""))
        if query.get("client_id") != CLIENT_ID:
            return "Error 401: invalid_client"
        if target.scheme not in {"http", "https"} or not target.path.endswith("/callback"):
            return "Error 400: redirect_uri_mismatch"
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            return "Error 400: PKCE is missing"
        return None

    def issue_code(self, person: StandInPerson, query: Mapping[str, str]) -> str:
        """Return a new code for a person."""
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(
            person,
            query["redirect_uri"],
            query["code_challenge"],
            query.get("nonce", ""),
            query.get("scope", ""),
            self.now(),
        )
        return code

    def redeem(self, form: Mapping[str, str]) -> Code | None:
        """Take a code, once, if everything fits."""
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or code.redirect_uri != form.get("redirect_uri"):
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        return code if secrets.compare_digest(challenge, code.challenge) else None

    @staticmethod
    def knows_client(request: Request, form: Mapping[str, str]) -> bool:
        """Check the client's secret, in the header or the form."""
        header = request.headers.get("authorization", "")
        if header.startswith("Basic "):
            client_id, _, secret = b64decode(header.removeprefix("Basic ")).decode().partition(":")
            return (unquote(client_id), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)

    def bearer(self, request: Request) -> Code | None:
        """Return whose access token a request carries."""
        return self.access_tokens.get(request.headers.get("authorization", "").partition(" ")[2])

    async def set_mode(self, request: Request) -> Response:
        """Fail from now on, or stop it."""
        form = dict(parse_qsl((await request.body()).decode()))
        self.mode = form["mode"] if form.get("mode") in MODES else "normal"
        return HTMLResponse(page(self.label, f"<h1>Mode: {self.mode}</h1>{self._modes()}"), headers=HEADERS)

    def _choices(self) -> str:
        people = self.people.values() or PEOPLE
        buttons = "".join(
            f'<li><button name="person" value="{html.escape(p.key)}"><strong>{html.escape(p.name)}</strong> '
            f"<span>{html.escape(p.email or 'no address')}</span> <small>{html.escape(p.note)}</small></button></li>"
            for p in people
        )
        return (
            f"<h1>Choose an account at the stand-in for {self.label}</h1>"
            f'<form method="post"><ul>{buttons}</ul>'
            f'<button name="decision" value="cancel" class="quiet">Cancel</button></form>{self._modes()}'
        )

    def _modes(self) -> str:
        options = "".join(
            f"<option{' selected' if mode == self.mode else ''}>{mode}</option>" for mode in MODES
        )
        return (
            f'<details><summary>Let it fail</summary><form method="post" action="{self.issuer}/mode">'
            f'<label>Mode <select name="mode">{options}</select></label> <button>Set</button></form></details>'
        )


STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f1ea;color:#222}
main{max-width:34rem;margin:2rem auto;padding:1.5rem;background:#fff;border:2px dashed #b36b00;border-radius:12px}
.ribbon{background:#8a4b00;color:#fff;text-align:center;padding:.5rem;margin:0}
ul{list-style:none;padding:0}button{font:inherit;padding:.6rem 1rem;margin:.25rem 0;border:1px solid #767676;
border-radius:8px;background:#fff;color:#222;cursor:pointer}li button{width:100%;text-align:left}
small{color:#5a5a5a;display:block}details{margin-top:1.5rem}h1{font-size:1.3rem}
@media(prefers-color-scheme:dark){body{background:#1b1a17;color:#eee}main{background:#26241f}
button{background:#33302a;color:#eee}small{color:#c0bbb0}}
"""
_STYLE_HASH = "sha256-" + b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src '{_STYLE_HASH}'; frame-ancestors 'none'",
}


def page(label: str, content: str) -> str:
    """Return a page that says what it is."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Stand-in for {label}</title><style>{STYLE}</style></head><body>"
        f'<aside class="ribbon">This is not {label}. It is a stand-in for development, on this machine.</aside>'
        f"<main>{content}</main></body></html>"
    )
