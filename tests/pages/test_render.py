import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from starlette.applications import Starlette

from idp.identity.password_strength import Strength
from idp.pages.account.profile import ADDRESS, CLAIMS
from idp.pages.account.sessions import AppSignInView, SessionRow
from idp.pages.brand import DARK_SURFACES, LIGHT_SURFACES, contrast, parse_color
from idp.pages.offers import Button
from idp.pages.render import (
    ClientView,
    Message,
    Renderer,
    View,
    brand_css,
    destination,
    form_action_source,
    web_url,
)
from idp.pages.scopes import ScopeView
from idp.pages.static import Asset, StaticPages
from idp.pages.strength import StrengthView
from idp.pages.views import (
    ConsentView,
    ErrorView,
    FormPostView,
    HandOverView,
    LoginView,
    MailLinkView,
    RecoverView,
    RegisterView,
    ResetView,
    SelectAccountView,
    SignedOutView,
    SignOutView,
    VerifyEmailView,
)
from idp.text import Text

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>%(x)s{{ 7*7 }}"""


@dataclass(frozen=True)
class Brand:
    name: str = "Harbour ID"
    logo_url: str | None = None
    color: str = "#2f5bea"


@dataclass(frozen=True)
class Account:
    name: str | None = "Ada Lovelace"
    email: str = "ada@example.com"
    email_verified: bool = True


@dataclass(frozen=True)
class Mail:
    to: str = "ada@example.com"
    subject: str = "Confirm your address"
    text: str = "Open https://id.example/verify?token=x"
    html: str | None = "<p>Open</p>"
    created_at: str = "2026-01-02T03:04:05Z"


CLIENT = ClientView(
    "Photo Album",
    "https://photos.example/logo.png",
    "https://photos.example/",
    "https://photos.example/privacy",
    "https://photos.example/terms",
)

RULE = "At least 10 characters."
NOTHING = {"email": "", "name": ""}
UNJUDGED = StrengthView("judge", None)
JUDGED = StrengthView("judge", Strength(1, Text("weak"), (Text("Add another word."),)))
SCRIPTS = {
    "form_post.html": ["form_post.js"],
    "login.html": ["password.js", "passkey.js"],
    "register.html": ["password.js"],
    "reset.html": ["password.js"],
    "verify_email.html": ["wait.js"],
    "account/password.html": ["password.js"],
}


def _of(*views: View) -> dict[str, dict[str, Any]]:
    """The variables of views, by their templates."""
    return {view.template: dict(view.context) for view in views}


NOBODY: Any = Account(name="")
SOMEBODY: Any = Account()
BUTTONS = [
    Button("google", "Google", "/federation/google/start", "favicon.svg"),
    Button("corp", "Corp", "/federation/corp/start"),
]
SCOPES = [
    ScopeView("email", "See your email address", "ada@example.com"),
    ScopeView("openid", "Recognise you", ""),
]

MINIMAL: dict[str, dict[str, Any]] = {
    **_of(
        LoginView(),
        SelectAccountView(NOBODY),
        ConsentView(NOBODY, []),
        SignedOutView(),
        SignOutView(NOBODY, "opaque"),
        ErrorView("Not found", "There is no such page.", "e1"),
        FormPostView("https://photos.example/cb", []),
        HandOverView("https://photos.example/cb"),
        RegisterView(NOTHING, RULE, UNJUDGED, "/login"),
        VerifyEmailView("ada@example.com", "/verify-email/state"),
        MailLinkView("Confirm this address?", "Only if that was you."),
        RecoverView(NOTHING, "/recover", "/login"),
        ResetView("t", "ada@example.com", RULE, UNJUDGED),
    ),
    "dev_mail.html": {"mails": []},
}
CONSOLE: dict[str, Any] = {
    "navigation": [("/account", "Overview"), ("/account/profile", "Profile")],
    "here": "/account",
    "form_error": None,
    "errors": {},
}
LONELY = {**CONSOLE, "account": Account(name=None, email_verified=False)}
FAULTY = {**CONSOLE, "account": Account(), "form_error": "Too many tries."}
MINIMAL |= {
    "account/home.html": {**LONELY, "sign_out_csrf": "the-token", "suggest_factor": False},
    "account/profile.html": {**LONELY, "claims": CLAIMS, "address": ADDRESS, "zones": ["UTC"], "values": {}},
    "account/email.html": {**LONELY, "values": NOTHING},
    "account/code.html": {**LONELY, "title": "Confirm", "sentence": "Look.", "action": "/x", "again": None},
    "account/password.html": {
        **LONELY,
        "has_password": False,
        "rule": RULE,
        "strength": UNJUDGED,
        "end_others": False,
    },
    "account/sessions.html": {**LONELY, "sessions": [], "sign_ins": [], "zone": None, "more": False},
    "account/apps.html": {**LONELY, "apps": []},
    "account/connections.html": {**LONELY, "links": [], "others": []},
    "account/data.html": LONELY,
    "account/delete.html": {**LONELY, "gone_at": None, "values": {"confirmation": ""}},
    "account/deleted.html": {"gone_at": None},
}
WRONG: Any = {"form_error": "Too many tries."}
FULL: dict[str, dict[str, Any]] = {
    **_of(
        LoginView("ada@example.com", "/register", "/recover", BUTTONS, organisations=True, passkeys=True),
        SelectAccountView(SOMEBODY),
        ConsentView(SOMEBODY, SCOPES, "photos.example"),
        SignedOutView(),
        SignOutView(SOMEBODY, "opaque"),
        ErrorView(
            "Not found",
            "There is no such page.",
            "e1",
            ("/account", Text("To your account")),
            [("redirect_uri", "https://x.example/")],
        ),
        FormPostView("https://photos.example/cb", [("code", "c"), ("state", "s")]),
        HandOverView("https://photos.example/cb?code=c&state=s"),
        RegisterView({"email": "ada@example.com", "name": "Ada"}, RULE, JUDGED, "/login", providers=BUTTONS),
        VerifyEmailView("ada@example.com", "/verify-email/state", "/register"),
        MailLinkView(
            "Confirm this address?",
            "Only if that was you.",
            "ada@example.com",
            "Confirm",
            "/verify-email/link",
            "t",
            "/account",
            "Sign in",
        ),
        RecoverView(NOTHING, "/recover", "/login"),
        ResetView("t", "ada@example.com", RULE, JUDGED),
    ),
    "dev_mail.html": {"mails": [Mail(), Mail(html=None)]},
}
for template, errors in {
    "login.html": {},
    "register.html": {"password": "Use at least 10 characters.", "email": "No address.", "name": "No name."},
    "verify_email.html": {"code": "This code is wrong."},
    "recover.html": {"email": "No address."},
    "reset.html": {"password": "Too short."},
}.items():
    FULL[template] |= {**WRONG, "errors": errors}

FULL |= {
    "account/home.html": {**FAULTY, "sign_out_csrf": "the-token", "suggest_factor": True},
    "account/profile.html": {
        **MINIMAL["account/profile.html"],
        **FAULTY,
        "values": {"name": "Ada", "zoneinfo": "Europe/Atlantis", "address.country": "UK"},
        "errors": {"zoneinfo": "No such zone.", "name": "No name.", "address": "No address."},
    },
    "account/email.html": {**FAULTY, "values": {"email": "ada@example.org"}, "errors": {"email": "Taken."}},
    "account/code.html": {
        **MINIMAL["account/code.html"],
        **FAULTY,
        "again": "Send the mail",
        "errors": {"code": "Wrong."},
    },
    "account/password.html": {
        **MINIMAL["account/password.html"],
        **FAULTY,
        "has_password": True,
        "end_others": True,
        "strength": JUDGED,
        "errors": {"password": "Too short.", "current_password": "Wrong."},
    },
    "account/sessions.html": {
        "sign_ins": [
            AppSignInView("g1", "Photos", "curl", "192.0.2.1", 0.0, 9.0),
            AppSignInView("g2", "Mail", "Firefox on Linux", "", 0.0, 9.0),
        ],
        **FAULTY,
        "sessions": [
            SessionRow("1", "Firefox on Linux", "192.0.2.1", 0.0, 9.0, current=True),
            SessionRow("2", "curl", "", 0.0, 9.0, current=False),
        ],
        "zone": "Europe/Berlin",
        "more": True,
    },
    "account/apps.html": {
        **FAULTY,
        "apps": [{"client_id": "app", "name": "Photos", "since": 0.0, "scopes": ["See your profile"]}],
    },
    "account/connections.html": {
        **FAULTY,
        "links": [
            {"id": "1", "label": "Google", "email": "ada@example.com", "linked_at": 0.0, "works": True},
            {"id": "2", "label": "old-corp", "email": None, "linked_at": 0.0, "works": False},
        ],
        "others": [{"id": "github", "label": "GitHub"}],
    },
    "account/data.html": FAULTY,
    "account/delete.html": {
        **FAULTY,
        "gone_at": 1e9,
        "values": {"confirmation": "ada"},
        "errors": {"confirmation": "Not it."},
    },
    "account/deleted.html": {"gone_at": 1e9},
}


class Tags(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.found if name == tag]


@cache
def renderer(*, dev: bool = False, base_path: str = "", brand: Brand | None = None) -> Renderer:
    return Renderer(templates_dir=TEMPLATES, brand=brand or Brand(), base_path=base_path, dev=dev)


def text(response: object) -> str:
    body = getattr(response, "body", b"")
    assert isinstance(body, bytes)
    return body.decode()


def every_page() -> Iterator[str]:
    plain, dev = renderer(), renderer(dev=True, base_path="/idp", brand=Brand(logo_url="/logo.png"))
    for template, least in MINIMAL.items():
        yield text(plain.page(template, **least))
        for kind in ("error", "notice", "success"):
            yield text(
                dev.page(
                    template,
                    client=CLIENT,
                    csrf="token",
                    tx="tx1",
                    message=Message(kind, "A message"),
                    **FULL[template],
                )
            )


def test_the_tests_know_every_page() -> None:
    files = [*TEMPLATES.glob("*.html"), *TEMPLATES.glob("account/*.html")]
    assert set(MINIMAL) <= {str(path.relative_to(TEMPLATES)) for path in files}
    assert {f"account/{path.name}" for path in TEMPLATES.glob("account/*.html")} - set(MINIMAL) == {
        "account/layout.html"
    }


def test_every_page_renders_with_the_least_and_with_everything() -> None:
    for html in every_page():
        assert html.lstrip().startswith("<!doctype html>")
        tags = Tags(html)
        assert tags.named("html") == [{"lang": "en"}]
        assert len(tags.named("h1")) == 1
        assert len(tags.named("main")) == 1


def test_no_page_holds_inline_style_or_script() -> None:
    for html in every_page():
        tags = Tags(html)
        assert not tags.named("style")
        assert all("src" in script for script in tags.named("script"))
        for _, attributes in tags.found:
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert not re.search(r"<script[^>]*>(?!</script>)", html)


def test_the_few_scripts_are_our_own() -> None:
    for template in MINIMAL:
        scripts = Tags(text(renderer().page(template, **FULL[template]))).named("script")
        expected = [f"/static/{name}" for name in SCRIPTS.get(template, [])]
        assert [script["src"].partition("?")[0] for script in scripts] == expected


def test_a_page_may_ask_this_server_only_when_its_script_has_to() -> None:
    policies = [
        renderer()
        .page("recover.html", connects=connects, **FULL["recover.html"])
        .headers["content-security-policy"]
        for connects in (False, True)
    ]
    assert ["connect-src 'self'" in policy for policy in policies] == [False, True]


def test_every_field_has_a_label_and_every_id_is_unique() -> None:
    for html in every_page():
        tags = Tags(html)
        ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
        assert len(ids) == len(set(ids))
        labelled = {label["for"] for label in tags.named("label")}
        for field in tags.named("input"):
            assert field["type"] == "hidden" or field["id"] in labelled
            assert set(field.get("aria-describedby", "").split()) <= set(ids)


def test_every_form_to_this_server_carries_its_token_and_transaction() -> None:
    for template in MINIMAL:
        tags = Tags(text(renderer().page(template, csrf="the-token", tx="tx1", **FULL[template])))
        for form in tags.named("form"):
            if form["action"].startswith("/"):
                assert form["method"] == "post"
                fields = [(i["name"], i.get("value")) for i in tags.named("input") if i["type"] == "hidden"]
                assert ("csrf_token", "the-token") in fields
                assert ("tx", "tx1") in fields


def test_form_post_sends_the_app_nothing_but_the_response() -> None:
    tags = Tags(text(renderer().page("form_post.html", csrf="secret", tx="tx1", **FULL["form_post.html"])))
    sent = {field["name"]: field["value"] for field in tags.named("input")}
    assert sent == {"code": "c", "state": "s"}
    assert all("name" not in button for button in tags.named("button"))


def test_a_hostile_client_name_stays_text() -> None:
    client = ClientView(HOSTILE, client_uri="https://a.example/")
    account = Account(name=HOSTILE, email=HOSTILE)
    for template in MINIMAL:
        context = {**FULL[template]}
        if "account" in context:
            context["account"] = account
        html = text(renderer().page(template, client=client, message=Message("error", HOSTILE), **context))
        tags = Tags(html)
        assert "<script>alert" not in html
        assert not [a for _, a in tags.found if "onerror" in a]
        assert "{{ 7*7 }}" in html


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "http://photos.example/",
        "//photos.example/",
        "/relative",
        "https:/\\evil.example",
        "https://good.example@evil.example/",
        "https://",
        "http://localhost.evil.example/",
        "ftp://photos.example/",
        "https://[bad/",
        "",
    ],
)
def test_unsafe_client_links_and_logos_are_dropped(link: str) -> None:
    client = ClientView("App", link, link, link, link)
    assert (client.logo_uri, client.client_uri, client.policy_uri, client.tos_uri) == (None,) * 4
    html = text(renderer().page("consent.html", client=client, **FULL["consent.html"]))
    assert not Tags(html).named("a")


@pytest.mark.parametrize(
    "link",
    ["https://a.example/x?y#z", "http://localhost:3000/", "http://127.0.0.1/", "http://[::1]:8080/l.png"],
)
def test_https_and_loopback_client_links_are_kept(link: str) -> None:
    assert web_url(link) == link


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "x", "\tjavascript:x"]
)
def test_a_page_is_not_sent_with_a_script_as_destination(link: str) -> None:
    with pytest.raises(ValueError, match="link to a URL"):
        renderer().page(HandOverView(link))
    with pytest.raises(ValueError, match="link to a URL"):
        renderer().page(FormPostView(link, []))


def test_destinations_may_be_apps_and_local_paths() -> None:
    for link in ("com.example.app:/cb", "/login?tx=1", "https://a.example/", "http://127.0.0.1:9/cb"):
        assert destination(link) == link


def test_every_page_has_its_security_headers_and_no_unsafe_policy() -> None:
    for template, least in MINIMAL.items():
        headers = renderer().page(template, headers={"X-Extra": "1"}, **least).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; ")
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-extra"] == "1"


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://photos.example/cb?x=1", "https://photos.example"),
        ("https://Photos.Example:8443", "https://photos.example:8443"),
        ("http://127.0.0.1:53122/cb", "http://127.0.0.1:53122"),
        ("http://[::1]:53122/cb", "http:"),
        ("https://bücher.example/", "https://xn--bcher-kva.example"),
        ("com.example.app:/cb", "com.example.app:"),
        ("com.example.app:", "com.example.app:"),
        ("https://a.example;script-src/", "https:"),
        ("https://*.example/", "https:"),
        ("javascript:alert(1)", None),
        ("data:x", None),
        ("https://a.example/ 'unsafe-inline'", None),
        ("https://a.example:99999/", None),
        ("'none'", None),
        ("*", None),
        ("/cb", None),
        ("", None),
    ],
)
def test_form_action_admits_the_origin_or_scheme_of_a_redirect_uri(uri: str, source: str | None) -> None:
    assert form_action_source(uri) == source


def test_only_a_page_that_an_app_waits_for_may_be_reached_from_the_window_that_opened_it() -> None:
    """An app that opens the sign-in in a window of its own needs it back; nothing needs the account's."""
    header = "cross-origin-opener-policy"
    assert renderer().page("account/deleted.html", gone_at=None).headers[header] == "same-origin"
    assert header not in renderer().page(LoginView(), client=ClientView("Photos")).headers


def test_form_action_is_self_and_what_was_given() -> None:
    policy = (
        renderer()
        .page(LoginView(), form_action=["https://a.example/cb", "app:/x", "data:y"])
        .headers["content-security-policy"]
    )
    assert "; form-action 'self' https://a.example app:; " in policy


@given(st.lists(st.text(), max_size=3))
def test_no_redirect_uri_can_add_a_directive_or_header(uris: list[str]) -> None:
    page = renderer().page(LoginView(), form_action=uris)
    policy = page.headers["content-security-policy"]
    assert policy.isascii()
    assert policy.count(";") == 6
    assert "\n" not in policy


def test_a_loopback_logo_may_be_shown_while_developing() -> None:
    page = renderer().page(LoginView(), client=ClientView("App", logo_uri="http://localhost:3000/logo.png"))
    assert "img-src 'self' https: data: http://localhost:3000;" in page.headers["content-security-policy"]


def test_a_missing_context_name_is_an_error_not_an_empty_page() -> None:
    with pytest.raises(UndefinedError):
        renderer().page("error.html", title="x")


def test_the_developers_reason_is_shown_only_in_development() -> None:
    assert "https://x.example/" in text(renderer(dev=True).page("error.html", **FULL["error.html"]))
    assert "https://x.example/" not in text(renderer().page("error.html", **FULL["error.html"]))


def test_paths_follow_the_issuer() -> None:
    under = renderer(base_path="/idp/")
    assert under.url("/login") == "/idp/login"
    assert under.static("style.css").startswith("/idp/static/style.css?v=")
    for path in ("login", "//evil.example"):
        with pytest.raises(ValueError, match="not a path"):
            under.url(path)


def test_passkeys_change_the_autocomplete_of_the_email_field() -> None:
    for passkeys, expected in ((False, "username"), (True, "username webauthn")):
        html = text(renderer().page(LoginView(passkeys=passkeys)))
        (field,) = (f for f in Tags(html).named("input") if f["name"] == "email")
        assert field["autocomplete"] == expected


def test_enter_signs_in_and_does_not_cancel() -> None:
    html = text(renderer().page(LoginView(), client=CLIENT, tx="tx1"))
    first, second = [button for button in Tags(html).named("button") if button["type"] == "submit"]
    assert "name" not in first
    assert (second["name"], second["value"], "formnovalidate" in second) == ("decision", "cancel", True)


colors = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(colors)
def test_text_is_legible_with_any_brand_colour(color: str) -> None:
    light_css, dark_css = brand_css(color).split("@media")
    light = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", light_css))
    dark = light | dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", dark_css))
    assert light["--brand"] == color
    for scheme, surfaces in ((light, LIGHT_SURFACES), (dark, DARK_SURFACES)):
        shade = {name: parse_color(value) for name, value in scheme.items()}
        assert contrast(shade["--on-brand"], shade["--brand"]) >= 4.5
        assert contrast(shade["--on-brand"], shade["--brand-hover"]) >= 4.5
        for surface in map(parse_color, surfaces):
            assert contrast(shade["--brand-ink"], surface) >= 4.5
            assert contrast(shade["--brand-edge"], surface) >= 3


@pytest.mark.parametrize("color", ["red", "#12", "#1234567", "#fff; } body { display: none", "#ggg", ""])
def test_a_brand_colour_that_is_not_hex_is_refused(color: str) -> None:
    with pytest.raises(ValueError, match="not a colour"):
        brand_css(color)


def test_the_stylesheet_itself_is_legible_in_both_schemes() -> None:
    css = (TEMPLATES / "static" / "style.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    light, dark = (dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    assert (light["--page"], light["--surface"], light["--raised"]) == LIGHT_SURFACES
    assert (dark["--page"], dark["--surface"], dark["--raised"]) == DARK_SURFACES
    for scheme in (light, dark):
        shade = {name: parse_color(value) for name, value in scheme.items()}
        for ink in ("--text", "--muted"):
            for ground in ("--page", "--surface", "--raised"):
                assert contrast(shade[ink], shade[ground]) >= 4.5
        for kind in ("error", "success", "notice", "warn"):
            assert contrast(shade[f"--{kind}-text"], shade[f"--{kind}-surface"]) >= 4.5
        assert contrast(shade["--error-text"], shade["--surface"]) >= 4.5
        assert contrast(shade["--field-line"], shade["--surface"]) >= 3
        assert contrast(shade["--text"], shade["--field"]) >= 4.5


async def test_static_files_are_kept_for_a_year_only_under_their_own_version() -> None:
    pages = renderer()
    app = httpx.ASGITransport(Starlette(routes=StaticPages(pages.assets).routes))
    async with httpx.AsyncClient(transport=app, base_url="https://id.example") as browser:
        for name in pages.assets:
            response = await browser.get(pages.static(name))
            assert response.status_code == 200
            assert "immutable" in response.headers["cache-control"]
            assert response.headers["x-content-type-options"] == "nosniff"
        stale = await browser.get("/static/style.css?v=older")
        assert stale.status_code == 200
        assert stale.headers["cache-control"] == "public, no-cache"
        assert stale.headers["content-type"] == "text/css; charset=utf-8"
        again = await browser.get("/static/style.css", headers={"If-None-Match": stale.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for missing in ("/static/base.html", "/static/..%2fbase.html", "/static/", "/static/x.css"):
            assert (await browser.get(missing)).status_code == 404


def test_the_version_changes_with_the_content() -> None:
    assert Asset.of("a.css", b"a").version != Asset.of("a.css", b"b").version
    with pytest.raises(ValueError, match="not served"):
        Asset.of("notes.txt", b"")
