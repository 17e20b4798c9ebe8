"""What every type of provider does, against the stand-ins."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from idp.clock import ManualClock
from idp.config import FederationSettings, UpstreamSettings
from idp.dev.upstreams import CLIENT_ID, CLIENT_SECRET
from idp.errors import ConfigurationError
from idp.federation import registry
from idp.federation.presets import PRESETS
from idp.federation.registry import build_upstream
from idp.federation.upstream import (
    Cancelled,
    PendingAuthorization,
    Preset,
    Upstream,
    UpstreamDown,
    UpstreamRefused,
    UpstreamRequest,
)
from idp.outgoing import Outgoing
from tests.support.provider import START
from tests.support.upstreams import Upstreams

REDIRECT_URI = "https://id.example/federation/mine/callback"


@pytest.fixture
def clock(upstreams: Upstreams) -> ManualClock:
    """The time on both sides."""
    clock = ManualClock(START)
    upstreams.google.now = upstreams.github.now = clock.now
    return clock


@pytest.fixture
def outgoing(upstreams: Upstreams) -> Outgoing:
    """The way to the stand-ins."""
    return Outgoing(allow_private=False, setting="A_SETTING", transport=upstreams.transport)


@pytest.fixture(params=PRESETS)
def kind(request: pytest.FixtureRequest) -> str:
    """A type of the table."""
    return str(request.param)


@pytest.fixture
def upstream(kind: str, upstreams: Upstreams, outgoing: Outgoing, clock: ManualClock) -> Upstream:
    """A provider of this type, under a name of its own."""
    settings = UpstreamSettings.model_validate(
        {
            "type": kind,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **(
                {"base_url": upstreams.github.issuer}
                if kind == "github"
                else {"issuer": upstreams.google.issuer}
            ),
        }
    )
    return build_upstream("mine", settings, outgoing, clock)


async def begin(upstream: Upstream, **asked: object) -> tuple[str, dict[str, str], PendingAuthorization]:
    """Go to the provider; return the URL, its query and what is remembered."""
    redirect = await upstream.begin(UpstreamRequest(REDIRECT_URI, "the-state", **asked))  # type: ignore[arg-type]
    query = {name: value[0] for name, value in parse_qs(urlsplit(redirect.url).query).items()}
    return redirect.url, query, redirect.memory


async def answer_of(upstreams: Upstreams, url: str, person: str) -> Mapping[str, str]:
    """Choose a person and return what comes back."""
    left = httpx.Response(303, headers={"location": url})
    callback = await upstreams.choose(left, person)
    return {name: value[0] for name, value in parse_qs(urlsplit(callback).query).items()}


async def test_it_goes_there_with_state_pkce_and_its_own_redirect_uri(upstream: Upstream) -> None:
    _, query, memory = await begin(upstream)
    assert query["client_id"] == CLIENT_ID
    assert query["state"] == "the-state"
    assert query["redirect_uri"] == REDIRECT_URI
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert memory.code_verifier not in str(query)
    _, other, again = await begin(upstream)
    assert again.code_verifier != memory.code_verifier
    assert again.nonce != memory.nonce
    assert other["code_challenge"] != query["code_challenge"]


async def test_it_says_who_came_back(upstream: Upstream, upstreams: Upstreams) -> None:
    url, _, memory = await begin(upstream)
    identity = await upstream.finish(await answer_of(upstreams, url, "vera"), memory)
    assert identity.provider == "mine"
    assert identity.issuer in {upstreams.google.issuer, upstreams.github.issuer}
    assert identity.subject == "1001"
    assert (identity.email, identity.email_verified) == ("vera@example.com", True)
    assert identity.name == "Vera Verified"
    assert identity.tokens is not None


@pytest.mark.parametrize(("person", "email"), [("uma", "uma@example.com"), ("noel", None)])
async def test_an_address_is_verified_only_if_the_provider_says_so(
    upstream: Upstream, upstreams: Upstreams, person: str, email: str | None
) -> None:
    url, _, memory = await begin(upstream)
    identity = await upstream.finish(await answer_of(upstreams, url, person), memory)
    assert (identity.email, identity.email_verified) == (email, False)


async def test_a_code_is_redeemed_once_and_only_with_its_own_verifier(
    upstream: Upstream, upstreams: Upstreams
) -> None:
    url, _, memory = await begin(upstream)
    answer = await answer_of(upstreams, url, "vera")
    _, _, other = await begin(upstream)
    with pytest.raises(UpstreamRefused):
        await upstream.finish(answer, other)
    with pytest.raises(UpstreamRefused):
        await upstream.finish(answer, memory)


async def test_cancelling_errors_and_silence_are_told_apart(upstream: Upstream, upstreams: Upstreams) -> None:
    url, _, memory = await begin(upstream)
    with pytest.raises(Cancelled):
        await upstream.finish(await answer_of(upstreams, url, ""), memory)
    with pytest.raises(UpstreamRefused):
        await upstream.finish({"error": "invalid_scope"}, memory)
    with pytest.raises(UpstreamRefused):
        await upstream.finish({}, memory)
    answer = await answer_of(upstreams, url, "vera")
    upstreams.google.mode = upstreams.github.mode = "down"
    with pytest.raises(UpstreamDown):
        await upstream.finish(answer, memory)


async def test_an_answer_of_another_issuer_is_refused_before_anything_is_sent(
    upstream: Upstream, upstreams: Upstreams
) -> None:
    url, _, memory = await begin(upstream)
    answer = {**await answer_of(upstreams, url, "vera"), "iss": "https://evil.example"}
    asked = len(upstreams.google.requests) + len(upstreams.github.requests)
    with pytest.raises(UpstreamRefused, match="did not work"):
        await upstream.finish(answer, memory)
    assert len(upstreams.google.requests) + len(upstreams.github.requests) == asked


async def test_every_error_has_a_sentence_with_the_label_and_a_detail_apart_from_it(
    upstream: Upstream,
) -> None:
    _, _, memory = await begin(upstream)
    with pytest.raises(UpstreamRefused) as refused:
        await upstream.finish({"error": "secret-reason"}, memory)
    assert upstream.label in refused.value.sentence
    assert "secret-reason" not in refused.value.sentence
    assert "secret-reason" in (refused.value.detail or "")


async def test_checking_it_finds_nothing_wrong_and_what_is_down(
    upstream: Upstream, upstreams: Upstreams, outgoing: Outgoing, clock: ManualClock
) -> None:
    assert (await upstream.check()).faults == ()
    fresh = build_upstream("mine", upstream.settings, outgoing, clock)
    upstreams.google.mode = upstreams.github.mode = "down"
    assert (await fresh.check()).faults != ()


async def test_hints_are_passed_on(upstream: Upstream) -> None:
    _, query, _ = await begin(upstream, login_hint="vera@example.com", select_account=True)
    assert "vera@example.com" in {query.get("login_hint"), query.get("login")}
    assert query["prompt"] == "select_account"


def test_what_is_missing_is_said_at_start(kind: str, outgoing: Outgoing, clock: ManualClock) -> None:
    with pytest.raises(ConfigurationError, match=r"needs|must"):
        build_upstream("mine", UpstreamSettings(type=kind), outgoing, clock)


async def test_apple_gets_a_signed_secret_and_tells_the_name_beside_the_code(
    upstreams: Upstreams, outgoing: Outgoing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    settings = {"client_id": CLIENT_ID, "private_key": text, "team_id": "TEAM", "key_id": "KEY"}
    parsed = UpstreamSettings.model_validate({**settings, "issuer": upstreams.google.issuer})
    apple = build_upstream("apple", parsed, outgoing, clock)
    sent: list[str] = []
    monkeypatch.setattr(
        upstreams.google,
        "knows_client",
        lambda _, form: sent.append(form["client_secret"]) or True,  # type: ignore[func-returns-value]
    )
    monkeypatch.setattr(upstreams.google, "profile", lambda _: {})
    url, query, memory = await begin(apple)
    assert query["response_mode"] == "form_post"
    answer = {
        **await answer_of(upstreams, url, "vera"),
        "user": '{"name": {"firstName": "Vera", "lastName": "Apfel"}}',
    }
    assert (await apple.finish(answer, memory)).name == "Vera Apfel"
    for user, name in (
        ('{"name": {"firstName": "Vera", "lastName": null}}', "Vera"),
        ('{"name": {"lastName": "Apfel"}}', "Apfel"),
        ('{"name": {"firstName": ["Vera"]}}', None),
        ('{"name": "Vera"}', None),
        ("[" * 4000, None),
    ):
        url, _, memory = await begin(apple)
        answer = {**await answer_of(upstreams, url, "vera"), "user": user}
        assert (await apple.finish(answer, memory)).name == name
    import jwt

    claims = jwt.decode(
        sent[0],
        key.public_key(),
        algorithms=["ES256"],
        audience=upstreams.google.issuer,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["iss"], claims["sub"]) == ("TEAM", CLIENT_ID)
    assert jwt.get_unverified_header(sent[0])["kid"] == "KEY"


# The table ---------------------------------------------------------------------------------------------------


async def test_a_new_preset_is_one_entry(
    monkeypatch: pytest.MonkeyPatch, upstreams: Upstreams, outgoing: Outgoing, clock: ManualClock
) -> None:
    entry = Preset("Example ID", issuer=upstreams.google.issuer, scopes=("openid", "email"), prompt="consent")
    monkeypatch.setattr(registry, "PRESETS", {**PRESETS, "example": entry})
    settings = UpstreamSettings.model_validate({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    upstream = build_upstream("example", settings, outgoing, clock)
    assert upstream.label == "Example ID"
    url, query, memory = await begin(upstream)
    assert (query["scope"], query["prompt"]) == ("openid email", "consent")
    identity = await upstream.finish(await answer_of(upstreams, url, "vera"), memory)
    assert identity.subject == "1001"


@pytest.mark.parametrize("name", ["domains", "allow_private_addresses"])
def test_a_provider_that_is_called_like_a_setting_is_told_so(name: str) -> None:
    with pytest.raises(ValidationError, match=f"no provider can be called {name}, which is a setting"):
        FederationSettings.model_validate({name: {"client_id": CLIENT_ID}})
