"""Answers that are not what they should be: a sentence for the person, a reason in the log, no account, no 500.

Keycloak CVE-2026-7507 and Authlib CVE-2025-68158 (state and browser), authentik CVE-2024-23647 and
CVE-2023-48228 (PKCE), OAuth mix-up (RFC 9207), Authlib's JWS findings (`none`, HMAC, `jwk`, `crit`, at_hash).
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from idp.dev.upstreams.google import GoogleStandIn, StandInKey
from idp.keys.signing import signer, write_compact
from idp.outgoing import Limits
from tests.support.provider import Browser, RunningProvider
from tests.support.upstreams import MakeFederated, SignInElsewhere, Upstreams, link_to, path_of

Forge = Callable[[GoogleStandIn, dict[str, Any]], str]


def b64(value: object) -> str:
    """Return JSON as a segment of a JWS."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(_google: GoogleStandIn, claims: dict[str, Any]) -> str:
    return f"{b64({'alg': 'none'})}.{b64(claims)}."


def signed_with_the_client_secret(_google: GoogleStandIn, claims: dict[str, Any]) -> str:
    text = f"{b64({'alg': 'HS256'})}.{b64(claims)}"
    mac = hmac.new(b"idp-dev-secret", text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def signed_with_the_public_key_as_secret(google: GoogleStandIn, claims: dict[str, Any]) -> str:
    text = f"{b64({'alg': 'HS256', 'kid': google.signing_key().kid})}.{b64(claims)}"
    mac = hmac.new(google.signing_key().jwk["n"].encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def with_a_key_of_its_own(google: GoogleStandIn, claims: dict[str, Any], **header: Any) -> str:
    key = StandInKey()
    head = {"alg": "RS256", "kid": google.signing_key().kid, "jwk": key.jwk, **header}
    text = f"{b64(head)}.{b64(claims)}"
    signature = base64.urlsafe_b64encode(signer(key.private)(text.encode())).rstrip(b"=").decode()
    return f"{text}.{signature}"


def with_crit(google: GoogleStandIn, claims: dict[str, Any]) -> str:
    head = {"alg": "RS256", "kid": google.signing_key().kid, "crit": ["exp"], "exp": 1}
    text = f"{b64(head)}.{b64(claims)}"
    signature = signer(google.signing_key().private)(text.encode())
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def of_another_type(google: GoogleStandIn, claims: dict[str, Any]) -> str:
    key = google.signing_key()
    return write_compact(signer(key.private), alg="RS256", kid=key.kid, typ="at+jwt", claims=claims)


def altered(google: GoogleStandIn, claims: dict[str, Any]) -> str:
    head, _, signature = google.sign(claims).split(".")
    return f"{head}.{b64({**claims, 'sub': '1'})}.{signature}"


FORGERIES: tuple[Forge, ...] = (
    unsigned,
    signed_with_the_client_secret,
    signed_with_the_public_key_as_secret,
    with_a_key_of_its_own,
    with_crit,
    of_another_type,
    altered,
    lambda _google, _claims: "not.a.token",
    lambda _google, _claims: "a" * 100_000,
    lambda _google, _claims: f"{b64(['a list'])}.{b64({})}.x",
)

CLAIMS: tuple[dict[str, Any], ...] = (
    {"iss": "https://accounts.evil.example"},
    {"iss": None},
    {"aud": "another-client"},
    {"aud": None},
    {"aud": ["idp-dev", "another-client"], "azp": None},
    {"azp": "another-client"},
    {"exp": 1},
    {"exp": None},
    {"exp": "tomorrow"},
    {"iat": 99_999_999_999},
    {"iat": None},
    {"nbf": 99_999_999_999},
    {"nonce": "another"},
    {"nonce": None},
    {"sub": None},
    {"sub": ""},
    {"sub": "x" * 256},
    {"sub": 1001},
    {"at_hash": "of-another-token"},
)


async def refused(provider: RunningProvider, browser: Browser, page: Any) -> str:
    """Check that nobody got in, and return the reason in the audit trail."""
    assert page.status_code == 200, page.text
    assert path_of(page) == "/login"
    assert 'role="alert"' in page.text
    assert "idp_session" not in browser.cookies
    async with provider.database.reading() as uow:
        assert await uow.users.page(None, 1) == []
        (event,) = [each for each in await uow.audit.page(None, 50) if each.name == "federation.failed"]
    return str(event.detail["reason"])


@pytest.mark.parametrize("claims", CLAIMS, ids=str)
async def test_an_id_token_with_a_wrong_claim_is_refused(
    federated: RunningProvider, upstreams: Upstreams, elsewhere: SignInElsewhere, claims: dict[str, Any]
) -> None:
    upstreams.google.extra_claims = claims
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "vera")
    assert "ID token" in await refused(federated, browser, page)


@pytest.mark.parametrize("forge", FORGERIES)
async def test_a_forged_id_token_is_refused(
    federated: RunningProvider,
    upstreams: Upstreams,
    elsewhere: SignInElsewhere,
    monkeypatch: pytest.MonkeyPatch,
    forge: Forge,
) -> None:
    genuine = upstreams.google.sign

    def sign(claims: dict[str, Any]) -> str:
        monkeypatch.setattr(upstreams.google, "sign", genuine)
        return forge(upstreams.google, claims)

    monkeypatch.setattr(upstreams.google, "sign", sign)
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "vera")
    assert "ID token" in await refused(federated, browser, page)


async def test_a_rotated_key_is_found_and_made_up_ones_do_not_make_us_flood(
    federated: RunningProvider, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    assert path_of(await elsewhere(await federated.browser(), "google", "vera")) == "/account"
    upstreams.google.rotate()
    assert path_of(await elsewhere(await federated.browser(), "google", "vera")) == "/account"
    published = list(upstreams.google.keys)
    upstreams.google.answers["jwks"] = lambda _: JSONResponse({"keys": [key.jwk for key in published]})
    for _ in range(12):
        upstreams.google.rotate()
        assert path_of(await elsewhere(await federated.browser(), "google", "vera")) == "/login"
    fetched = [name for name, _ in upstreams.google.requests if name == "jwks"]
    assert len(fetched) == 1 + 3


async def test_a_key_that_is_replaced_under_its_name_or_without_one_is_found(
    federated: RunningProvider, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    for kid in ("the-key", None):
        for _ in range(2):  # the second is in place of the first
            upstreams.google.rotate()
            key = upstreams.google.signing_key()
            jwk = {name: value for name, value in {**key.jwk, "kid": kid}.items() if value is not None}

            def answer(_request: Request, jwk: dict[str, Any] = jwk) -> Response:
                return JSONResponse({"keys": [jwk]})

            def sign(claims: dict[str, Any], key: StandInKey = key, kid: str | None = kid) -> str:
                head = {"alg": "RS256"} | ({"kid": kid} if kid else {})
                text = f"{b64(head)}.{b64(claims)}"
                signature = base64.urlsafe_b64encode(signer(key.private)(text.encode())).rstrip(b"=")
                return f"{text}.{signature.decode()}"

            upstreams.google.answers["jwks"] = answer
            upstreams.google.sign = sign  # type: ignore[method-assign]
            assert path_of(await elsewhere(await federated.browser(), "google", "vera")) == "/account"
        federated.clock.advance(61)


# What the provider's servers may answer -----------------------------------------------------------------


ANSWERS: dict[str, Callable[[Request], Response]] = {
    "html": lambda _: HTMLResponse("<h1>Sign in to the hotel network</h1>"),
    "nothing": lambda _: Response(b""),
    "a list": lambda _: JSONResponse([]),
    "text": lambda _: JSONResponse("text"),
    "nested": lambda _: Response(b"[" * 200_000, media_type="application/json"),
    "huge": lambda _: Response(b" " * 2_000_000 + b"{}", media_type="application/json"),
    "compressed": lambda _: Response(b"\x1f\x8b", headers={"content-encoding": "gzip"}),
    "to loopback": lambda _: RedirectResponse("http://127.0.0.1:8000/health", 302),
    "to the cloud's metadata": lambda _: RedirectResponse("http://169.254.169.254/latest/meta-data", 307),
    "500": lambda _: Response("oops", 500),
    "404": lambda _: JSONResponse({"message": "Not Found"}, 404),
    "429": lambda _: JSONResponse({"message": "Too many"}, 429),
    "not utf-8": lambda _: Response(b'{"a": "\xff"}', media_type="application/json"),
    "nulls": lambda _: JSONResponse(
        dict.fromkeys(("access_token", "id_token", "issuer", "keys", "id", "sub", "email"))
    ),
    "wrong types": lambda _: JSONResponse(
        {key: [{}] for key in ("access_token", "id_token", "issuer", "keys", "id", "sub", "email")}
    ),
}
PLACES = [
    *(("google", place) for place in ("discovery", "token", "jwks", "userinfo")),
    *(("github", place) for place in ("token", "user")),
]


@pytest.mark.parametrize(("name", "place"), PLACES)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_server_that_answers_nonsense_is_a_sentence(
    federated: RunningProvider, upstreams: Upstreams, name: str, place: str, answer: str
) -> None:
    upstreams.named(name).answers[place] = ANSWERS[answer]
    browser = await federated.browser()
    page = await browser.get(link_to(await browser.get("/login"), name))
    if "location" in page.headers:
        page = await browser.get(await upstreams.choose(page, "vera"))
    await refused(federated, browser, page)


async def test_a_slow_provider_is_not_waited_for(
    federated: RunningProvider,
    upstreams: Upstreams,
    elsewhere: SignInElsewhere,
) -> None:
    never = asyncio.Event()

    class Silent(Response):
        async def __call__(self, *_: object) -> None:
            await never.wait()

    federated.parts.federation.providers.outgoing.limits = Limits(total=0.05)
    upstreams.google.answers["token"] = lambda _: Silent()
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "vera")
    assert "cannot be reached at the moment" in page.text
    assert "no answer in time" in await refused(federated, browser, page)


async def test_userinfo_of_somebody_else_is_refused(
    federated: RunningProvider, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    upstreams.google.answers["userinfo"] = lambda _: JSONResponse({"sub": "9", "email": "x@example.com"})
    browser = await federated.browser()
    page = await elsewhere(browser, "google", "vera")
    assert "somebody else" in await refused(federated, browser, page)


@pytest.mark.parametrize("error", ["server_error", "invalid_scope", "<script>", "x" * 5000])
async def test_errors_of_a_provider_become_sentences_of_ours(
    federated: RunningProvider, upstreams: Upstreams, error: str
) -> None:
    browser = await federated.browser()
    left = await browser.get(link_to(await browser.get("/login"), "google"))
    state = parse_qs(urlsplit(left.headers["location"]).query)["state"][0]
    query = urlencode({"state": state, "error": error, "error_description": "<b>Call 555-EVIL</b>"})
    page = await browser.get(f"/federation/google/callback?{query}")
    assert "555-EVIL" not in page.text
    assert "555-EVIL" in await refused(federated, browser, page)


# State, browser, mix-up ---------------------------------------------------------------------------------


async def callback_for(browser: Browser, upstreams: Upstreams, name: str = "google") -> str:
    """Go as far as the callback."""
    left = await browser.get(link_to(await browser.get("/login"), name))
    return await upstreams.choose(left, "vera")


async def test_a_state_is_used_once(federated: RunningProvider, upstreams: Upstreams) -> None:
    browser = await federated.browser()
    callback = await callback_for(browser, upstreams)
    assert path_of(await browser.get(callback)) == "/account"
    page = await browser.get(callback)
    assert page.status_code == 400
    assert "expired or was finished already" in page.text


async def test_a_callback_in_another_browser_signs_nobody_in_and_spends_nothing(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    browser, other = await federated.browser(), await federated.browser()
    await other.get("/login")
    callback = await callback_for(browser, upstreams)
    for stranger in (other, await federated.browser()):
        page = await stranger.get(callback)
        assert page.status_code == 400
        assert "idp_session" not in stranger.cookies
    assert path_of(await browser.get(callback)) == "/account"


async def test_a_state_of_one_provider_is_none_of_another(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    browser = await federated.browser()
    callback = await callback_for(browser, upstreams)
    page = await browser.get(callback.replace("/federation/google/", "/federation/github/"))
    assert page.status_code == 400
    assert "idp_session" not in browser.cookies


@pytest.mark.parametrize("name", ["google", "github"])
async def test_an_answer_that_names_another_issuer_is_a_mix_up(
    federated: RunningProvider, upstreams: Upstreams, name: str
) -> None:
    browser = await federated.browser()
    callback = await callback_for(browser, upstreams, name)
    page = await browser.get(f"{callback}&iss=https%3A%2F%2Fevil.example")
    assert "mix-up" in await refused(federated, browser, page)


async def test_an_issuer_that_is_announced_must_be_there(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    announced = {**upstreams.google.metadata(), "authorization_response_iss_parameter_supported": True}
    upstreams.google.answers["discovery"] = lambda _: JSONResponse(announced)
    browser = await federated.browser()
    page = await browser.get(await callback_for(browser, upstreams))
    assert "no iss" in await refused(federated, browser, page)
    callback = await callback_for(browser, upstreams)
    page = await browser.get(f"{callback}&{urlencode({'iss': upstreams.google.issuer})}")
    assert path_of(page) == "/account"


async def test_a_code_of_somebody_elses_sign_in_does_not_pass(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    """PKCE and nonce bind the code to the browser's own sign-in (code injection, RFC 9700 §4.5)."""
    attacker, victim = await federated.browser(), await federated.browser()
    stolen = parse_qs(urlsplit(await callback_for(victim, upstreams)).query)["code"][0]
    own = urlsplit(await callback_for(attacker, upstreams))
    state = parse_qs(own.query)["state"][0]
    page = await attacker.get(f"{own.path}?{urlencode({'state': state, 'code': stolen})}")
    await refused(federated, attacker, page)


@pytest.mark.parametrize("name", ["google", "github"])
async def test_pkce_and_state_go_with_every_request(
    federated: RunningProvider, upstreams: Upstreams, name: str
) -> None:
    browser = await federated.browser()
    asked = []
    for _ in range(2):
        left = await browser.get(link_to(await browser.get("/login"), name))
        asked.append(
            {key: value[0] for key, value in parse_qs(urlsplit(left.headers["location"]).query).items()}
        )
    first, second = asked
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == federated.url(f"/federation/{name}/callback")
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


async def test_a_repeated_parameter_is_refused(federated: RunningProvider, upstreams: Upstreams) -> None:
    browser = await federated.browser()
    page = await browser.get(f"{await callback_for(browser, upstreams)}&code=another")
    assert page.status_code == 400


async def test_a_posted_answer_comes_back_as_get_in_the_same_browser(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    """A cross-site post comes without cookies (Apple's form_post)."""
    browser = await federated.browser()
    callback = urlsplit(await callback_for(browser, upstreams))
    form = {key: value[0] for key, value in parse_qs(callback.query).items()}
    posted = await federated.http("POST", callback.path, data=form)
    assert posted.status_code == 303
    again = await federated.http("GET", posted.headers["location"])
    assert again.status_code == 400
    posted = await federated.http("POST", callback.path, data=form)
    assert path_of(await browser.get(posted.headers["location"])) == "/account"
    unknown = await federated.http("POST", callback.path, data={"state": "made-up"})
    assert unknown.status_code == 400


async def test_of_posted_answers_one_is_kept_for_a_state_with_what_an_answer_has(
    federated: RunningProvider, upstreams: Upstreams
) -> None:
    """Anybody may post there: with one state, any number of large rows could be stored."""
    browser = await federated.browser()
    callback = urlsplit(await callback_for(browser, upstreams))
    state = parse_qs(callback.query)["state"][0]
    form = {"state": state, "code": "c" * 20_000, "x": "y" * 20_000}
    names = set()
    for _ in range(3):
        posted = await federated.http("POST", callback.path, data=form)
        names.add(posted.headers["location"])
    assert len(names) == 1
    kept = await federated.parts.federation.departures.take_posted(state)
    assert {name: len(value) for name, value in kept.items()} == {"state": len(state), "code": 4096}
    elsewhere = await federated.http("POST", "/federation/github/callback", data={"state": state})
    assert elsewhere.status_code == 400


async def test_only_people_of_the_hosted_domain_come_in(
    make_federated: MakeFederated, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    provider = await make_federated(google={"hosted_domains": ["example.com"]})
    browser = await provider.browser()
    page = await elsewhere(browser, "google", "dana")
    assert "certain organisations" in page.text
    assert "hd" in await refused(provider, browser, page)
    assert path_of(await elsewhere(await provider.browser(), "google", "vera")) == "/account"
    assert any("hd=example.com" in query for name, query in upstreams.google.requests if name == "authorize")


@pytest.mark.parametrize("rule", [{"organizations": ["acme"]}, {"teams": ["acme/platform"]}], ids=str)
async def test_only_members_of_the_organisation_or_team_come_in(
    make_federated: MakeFederated, elsewhere: SignInElsewhere, rule: dict[str, Any]
) -> None:
    provider = await make_federated(github=rule)
    browser = await provider.browser()
    page = await elsewhere(browser, "github", "dana")
    assert "is in none of" in await refused(provider, browser, page)
    assert path_of(await elsewhere(await provider.browser(), "github", "vera")) == "/account"


async def test_githubs_rate_limit_is_told(
    federated: RunningProvider, upstreams: Upstreams, elsewhere: SignInElsewhere
) -> None:
    upstreams.github.mode = "rate_limited"
    browser = await federated.browser()
    page = await elsewhere(browser, "github", "vera")
    assert "cannot be reached at the moment" in page.text
    assert "rate limit" in await refused(federated, browser, page)
