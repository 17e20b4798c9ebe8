"""Turns a template and a context into a response that carries its own security headers.

The only place that knows Jinja2. What a client registered about itself (name, logo, links) is hostile input
and is cleaned here, once, before a template can see it.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Final, Literal, Protocol
from urllib.parse import SplitResult, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from idp.i18n import SOURCE, Catalogues, format_day, format_moment, format_number
from idp.pages.brand import brand_css
from idp.pages.qr_code import qr_code
from idp.pages.static import load_assets
from idp.text import Text

__all__ = ["BrandOfPages", "ClientView", "Message", "Renderer", "brand_css", "form_action_source", "web_url"]

_SCRIPT_SCHEMES: Final = frozenset({"javascript", "data", "vbscript", "blob", "file", "about", "filesystem"})
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_CSP_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")

_locale: ContextVar[str] = ContextVar("idp_page_locale", default=SOURCE)
"""The language of the page that is being rendered. Macros see this, and no page context."""


class BrandOfPages(Protocol):
    """How the operator wants the pages to look."""

    @property
    def name(self) -> str: ...
    @property
    def logo_url(self) -> str | None: ...
    @property
    def color(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence at the top of the page. An error interrupts a screen reader; the other kinds wait."""

    kind: Literal["error", "notice", "success"]
    text: str


@dataclass(frozen=True, slots=True)
class ClientView:
    """What a page may show of a client. Links that `web_url` does not accept become None."""

    name: str
    logo_uri: str | None = None
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None

    def __post_init__(self) -> None:
        for field in ("logo_uri", "client_uri", "policy_uri", "tos_uri"):
            object.__setattr__(self, field, web_url(getattr(self, field)))


@dataclass(frozen=True, slots=True)
class View:
    """The variables of one template, as the fields of a dataclass: `class LoginView(View, template="login.html")`."""

    template: ClassVar[str]

    def __init_subclass__(cls, *, template: str | None = None) -> None:
        """Note the template. Called twice for a dataclass with slots, the second time without it."""
        if template is not None:
            cls.template = template

    @property
    def context(self) -> dict[str, object]:
        """The variables by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Renderer:
    """Renders templates. What a page needs is in its context; nothing is looked up here."""

    def __init__(
        self,
        *,
        templates_dir: Path,
        brand: BrandOfPages,
        base_path: str,
        dev: bool,
        catalogues: Catalogues | None = None,
    ) -> None:
        """`base_path` is the path of the issuer, "" or "/" at the root of a host.

        Without catalogues there is English only.
        Raise `ValueError` for a brand colour that is not hex and for a static file of an unknown type.
        """
        self._base_path = base_path.rstrip("/")
        self._catalogues = catalogues or Catalogues({})
        self.assets = load_assets(templates_dir / "static", {"brand.css": brand_css(brand.color)})
        self._environment = Environment(
            loader=FileSystemLoader(templates_dir),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=dev,
            finalize=self._shown,
        )
        self._catalogues.install(self._environment, _locale.get)
        self._environment.globals.update(brand=brand, dev=dev, url=self.url, static=self.static)
        self._environment.filters["destination"] = destination
        self._environment.filters["day"] = lambda at: format_day(at, _locale.get())
        self._environment.filters["moment"] = lambda at, zone=None: format_moment(at, _locale.get(), zone)
        self._environment.filters["qr_code"] = qr_code
        self._environment.filters["number"] = lambda number: format_number(number, _locale.get())

    def say(self, text: str) -> str:
        """Return a sentence in the language of the request at hand, for an answer that is not a page."""
        return self._catalogues.translate(text, self._catalogues.for_request())

    def _shown(self, value: object) -> object:
        """Translate a value that a template shows, before it is escaped."""
        return self._catalogues.translate(value, _locale.get()) if isinstance(value, Text) else value

    def url(self, path: str) -> str:
        """Return a path of ours as a browser asks for it; raise `ValueError` for what is none."""
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError(f"{path!r} is not a path of this server")
        return self._base_path + path

    def static(self, name: str) -> str:
        """Return the URL of a static file, which changes with its content; raise `KeyError` for an unknown file."""
        return f"{self._base_path}/static/{name}?v={self.assets[name].version}"

    def page(
        self,
        template: str | View,
        /,
        *,
        status: int = 200,
        client: ClientView | None = None,
        csrf: str = "",
        tx: str | None = None,
        message: Message | None = None,
        locale: str | None = None,
        headers: Mapping[str, str] | None = None,
        form_action: Iterable[str] = (),
        connects: bool = False,
        opener: bool = False,
        **context: object,
    ) -> HTMLResponse:
        """Render `template`; `context` is what the template names beyond the parameters here.

        `form_action`: where a post from this page may lead in the end, as redirect URIs, origins or
        schemes; Chromium holds the redirects that answer a form to the page's form-action as well.
        `connects`: whether a script of the page asks this server something.
        `opener`: whether an app that opened the page in a window of its own may reach that window. It always
        may while it waits for an answer, which is when the page names a client.
        `locale`: the page's language, if it is not to be the one that the request asks for.
        """
        language = self._catalogues.choose(locale) if locale else self._catalogues.for_request()
        if isinstance(template, View):
            context = {**template.context, **context}
            template = template.template
        common: dict[str, object] = {
            "client": client,
            "csrf": csrf,
            "tx": tx,
            "message": message,
            "locale": language,
            "display": "page",
            "form_error": None,
            "errors": {},
        }
        token = _locale.set(language)
        try:
            html = self._environment.get_template(template).render({**common, **context})
        finally:
            _locale.reset(token)
        response = HTMLResponse(html, status_code=status, headers=dict(headers or {}))
        response.headers.update(
            {
                "Cache-Control": "no-store",
                "Vary": "Accept-Language",
                "Content-Security-Policy": _policy(client, form_action, connects=connects),
                "Referrer-Policy": "no-referrer",
                "X-Frame-Options": "DENY",
                "X-Content-Type-Options": "nosniff",
            }
        )
        if client is None and not opener:
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response


def web_url(url: str | None) -> str | None:
    """Return the URL if a page may link to it or show it as an image (https, or http on loopback), else None."""
    parts = _split(url)
    if url is None or parts is None or not parts.hostname or "@" in parts.netloc:
        return None
    allowed = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
    return url if allowed else None


def destination(url: str) -> str:
    """Return a URL that the server itself vouches for, such as a registered redirect URI: a template filter.

    Custom schemes of native apps pass. Raise `ValueError` for a scheme that could run script: that such a
    URL got here at all is a defect, and the page must not be sent.
    """
    parts = _split(url)
    if parts is None or parts.scheme in _SCRIPT_SCHEMES or (not parts.scheme and not _is_path(url)):
        raise ValueError("a page was asked to link to a URL that is not a web, app or local address")
    return url


def form_action_source(uri: str) -> str | None:
    """Return the CSP source that admits `uri`: its origin, or its scheme for a native app. None if it is unsafe.

    CSP has no syntax for IPv6 literals, so a redirect to `[::1]` opens the scheme instead.
    """
    parts = _split(uri)
    if parts is None or parts.scheme in _SCRIPT_SCHEMES or not _SCHEME.fullmatch(parts.scheme):
        return None
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}:"
    try:
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port
    except ValueError:
        return None
    if not _CSP_HOST.fullmatch(host):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def _policy(client: ClientView | None, form_action: Iterable[str], *, connects: bool) -> str:
    actions = dict.fromkeys(filter(None, map(form_action_source, form_action)))
    # A logo on loopback can only be seen on the developer's own machine; https covers all the others.
    logo = client.logo_uri if client else None
    images = form_action_source(logo) if logo and logo.startswith("http:") else None
    directives = (
        "default-src 'none'",
        "style-src 'self'",
        " ".join(filter(None, ("img-src 'self' https: data:", images))),
        "script-src 'self'",
        *(("connect-src 'self'",) if connects else ()),
        " ".join(("form-action 'self'", *actions)),
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    return "; ".join(directives)


def _split(url: str | None) -> SplitResult | None:
    """Return the parts, or None for what browsers and Python read differently: controls, backslashes, bad hosts."""
    if not url or _UNPRINTABLE.search(url):
        return None
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _is_path(url: str) -> bool:
    return url.startswith("/") and not url.startswith("//")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
