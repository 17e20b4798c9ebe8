"""prompt, max_age and the hints: what a client may insist on (OIDC Core §3.1.2.1)."""

import json

import httpx
import pytest

from idp.storage.models import User
from tests.support.provider import EMAIL, PASSWORD, Browser, RelyingParty, RunningProvider, callback_of, forms


def kind(page: httpx.Response) -> str:
    """Which page this is, or what the client is told."""
    if "location" in page.headers:
        return callback_of(page).get("error", "code")
    fields = {name for form in forms(page) for name in form.fields}
    buttons = {value for form in forms(page) for _, value in form.buttons}
    if "password" in fields:
        return "login"
    return "consent" if "allow" in buttons else "select_account" if "continue" in buttons else "?"


async def ask(app: RelyingParty, browser: Browser, **changes: str | None) -> str:
    return kind(await browser.get(app.authorization_url(**changes)))


@pytest.fixture
async def signed_in(relying_party: RelyingParty, browser: Browser) -> dict[str, str]:
    """Alice is signed in at `browser` and has allowed the app; the tokens she got."""
    return await relying_party.tokens(browser)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (None, "code"),
        ("none", "code"),
        ("login", "login"),
        ("consent", "consent"),
        ("select_account", "select_account"),
        ("login consent", "login"),
        ("consent login", "login"),
        ("select_account login", "select_account"),
        ("select_account consent", "select_account"),
        ("create", "code"),
        ("LOGIN", "code"),
        ("none login", "invalid_request"),
        ("none none", "invalid_request"),
    ],
)
async def test_what_a_prompt_asks_of_one_who_is_signed_in(
    relying_party: RelyingParty, browser: Browser, signed_in: object, prompt: str | None, expected: str
) -> None:
    assert await ask(relying_party, browser, prompt=prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"), [(None, "login"), ("none", "login_required"), ("select_account", "login")]
)
async def test_what_a_prompt_asks_of_one_who_is_not(
    relying_party: RelyingParty, browser: Browser, prompt: str | None, expected: str
) -> None:
    assert await ask(relying_party, browser, prompt=prompt) == expected


async def test_none_without_a_consent_is_told_so(relying_party: RelyingParty, browser: Browser) -> None:
    await browser.log_in()
    assert await ask(relying_party, browser, prompt="none") == "consent_required"


async def test_prompt_login_renews_the_time_of_the_sign_in(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser, signed_in: dict[str, str]
) -> None:
    before = await relying_party.verify(signed_in["id_token"])
    provider.clock.advance(100)
    after = await relying_party.id_claims(await relying_party.tokens(browser, prompt="login"))
    assert after["auth_time"] == before["auth_time"] + 100
    assert after["sid"] != before["sid"]


async def test_login_and_consent_together_ask_both(
    relying_party: RelyingParty, browser: Browser, signed_in: object
) -> None:
    page = await browser.get(relying_party.authorization_url(prompt="consent login"))
    assert kind(page) == "login"
    page = await browser.submit(page, email=EMAIL, password=PASSWORD)
    assert kind(page) == "consent"
    assert kind(await browser.submit(page, decision="allow")) == "code"


async def test_who_is_asked_to_choose_may_continue_without_a_password(
    relying_party: RelyingParty, browser: Browser, signed_in: object
) -> None:
    page = await browser.get(relying_party.authorization_url(prompt="select_account"))
    assert EMAIL in page.text.replace("<wbr>", "")
    assert kind(await browser.submit(page, decision="continue")) == "code"


async def test_who_is_asked_to_choose_may_switch(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser, signed_in: object
) -> None:
    bob = await provider.create_user("bob@example.com")
    page = await browser.get(relying_party.authorization_url(prompt="select_account"))
    page = await browser.submit(page, decision="switch")
    assert kind(page) == "login"
    page = await relying_party.answer(browser, page, email="bob@example.com")
    response = await relying_party.redeem(callback_of(page)["code"])
    assert (await relying_party.id_claims(response.json()))["sub"] == bob.id


async def test_continue_is_no_answer_where_a_password_is_asked_for(
    relying_party: RelyingParty, browser: Browser, signed_in: object
) -> None:
    """Keycloak CVE-2026-18963: one step's answer given to another."""
    page = await browser.get(relying_party.authorization_url(prompt="login"))
    fields = forms(page)[0].fields | {"decision": "continue"}
    assert (await browser.post("/login", fields)).status_code == 400


async def test_cancelling_is_told_to_the_client(relying_party: RelyingParty, browser: Browser) -> None:
    page = await browser.get(relying_party.authorization_url())
    answer = callback_of(await browser.submit(page, decision="cancel"))
    assert (answer["error"], answer["state"]) == ("access_denied", relying_party.state)


@pytest.mark.parametrize(
    ("max_age", "elapsed", "expected"),
    [("0", 1, "login"), ("60", 60, "code"), ("60", 61, "login"), ("9999999999", 5000, "code")],
)
async def test_max_age_asks_those_whose_sign_in_is_older(
    relying_party: RelyingParty,
    provider: RunningProvider,
    browser: Browser,
    signed_in: object,
    max_age: str,
    elapsed: int,
    expected: str,
) -> None:
    provider.clock.advance(elapsed)
    assert await ask(relying_party, browser, max_age=max_age) == expected
    silent = "login_required" if expected == "login" else "code"
    assert await ask(relying_party, browser, max_age=max_age, prompt="none") == silent


async def test_after_max_age_a_fresh_sign_in_is_enough(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser, signed_in: object
) -> None:
    provider.clock.advance(500)
    claims = await relying_party.id_claims(await relying_party.tokens(browser, max_age="0"))
    assert claims["auth_time"] == provider.clock.now()


@pytest.mark.parametrize(
    ("hint", "expected"), [("bob@example.com", "bob@example.com"), ("+49 30 1", ""), ("x@" + "y" * 900, None)]
)
async def test_a_login_hint_is_filled_in_when_it_is_an_address(
    relying_party: RelyingParty, browser: Browser, hint: str, expected: str | None
) -> None:
    page = await browser.get(relying_party.authorization_url(login_hint=hint))
    assert forms(page)[0].fields["email"] == (hint[:320] if expected is None else expected)


async def test_a_login_hint_cannot_write_into_the_page(relying_party: RelyingParty, browser: Browser) -> None:
    page = await browser.get(relying_party.authorization_url(login_hint='"@><script>x</script>'))
    assert "<script>x" not in page.text


async def test_the_right_id_token_hint_changes_nothing(
    relying_party: RelyingParty, browser: Browser, signed_in: dict[str, str]
) -> None:
    hint = signed_in["id_token"]
    assert await ask(relying_party, browser, id_token_hint=hint, prompt="none") == "code"


async def test_a_hint_that_has_expired_still_says_who_is_meant(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser, signed_in: dict[str, str]
) -> None:
    provider.clock.advance(2 * 3600)
    assert await ask(relying_party, browser, id_token_hint=signed_in["id_token"], prompt="none") == "code"


async def test_a_hint_for_somebody_else_asks_for_them_and_takes_nobody_else(
    relying_party: RelyingParty, provider: RunningProvider, other_browser: Browser, signed_in: dict[str, str]
) -> None:
    await provider.create_user("bob@example.com")
    await relying_party.sign_in(other_browser, email="bob@example.com")
    hint = {"id_token_hint": signed_in["id_token"]}
    assert await ask(relying_party, other_browser, prompt="none", **hint) == "login_required"
    page = await other_browser.get(relying_party.authorization_url(**hint))
    assert kind(page) == "login"
    assert (
        kind(await other_browser.submit(page, email="bob@example.com", password=PASSWORD)) == "login_required"
    )
    page = await other_browser.get(relying_party.authorization_url(**hint))
    assert kind(await other_browser.submit(page, email=EMAIL, password=PASSWORD)) == "code"


async def test_what_is_no_id_token_of_ours_is_no_hint(
    relying_party: RelyingParty, browser: Browser, signed_in: dict[str, str]
) -> None:
    """Authlib CVE-2026-27962, CVE-2026-28802: alg=none and other keys; an access token is no ID token."""
    head, body, signature = signed_in["id_token"].split(".")
    unsigned = f"eyJhbGciOiJub25lIn0.{body}."
    for hint in (
        "garbage",
        unsigned,
        f"{head}.{body}.",
        f"{head}.{body[:-2]}AA.{signature}",
        signed_in["access_token"],
    ):
        assert await ask(relying_party, browser, id_token_hint=hint, prompt="none") == "invalid_request"


async def test_an_essential_acr_out_of_reach_is_refused_and_a_voluntary_one_is_not(
    relying_party: RelyingParty, browser: Browser, signed_in: object
) -> None:
    for essential, expected in ((True, "unmet_authentication_requirements"), (False, "code")):
        claims = json.dumps({"id_token": {"acr": {"essential": essential, "values": ["gold"]}}})
        assert await ask(relying_party, browser, claims=claims) == expected


async def test_an_essential_acr_within_reach_is_met(
    relying_party: RelyingParty, browser: Browser, signed_in: dict[str, str]
) -> None:
    acr = (await relying_party.verify(signed_in["id_token"]))["acr"]
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": ["gold", acr]}}})
    assert await ask(relying_party, browser, claims=claims) == "code"


async def test_a_subject_asked_for_by_claim_is_like_a_hint(
    relying_party: RelyingParty, browser: Browser, signed_in: object
) -> None:
    for wanted in ({"value": "somebody-else"}, {"values": ["somebody-else", "yet-another"]}):
        claims = json.dumps({"id_token": {"sub": wanted}})
        assert await ask(relying_party, browser, claims=claims, prompt="none") == "login_required"


async def test_one_of_several_subjects_will_do_and_a_hint_must_be_among_them(
    relying_party: RelyingParty, browser: Browser, signed_in: dict[str, str], person: User
) -> None:
    """OIDC Core §5.5.1."""
    among = json.dumps({"id_token": {"sub": {"values": ["somebody-else", person.id]}}})
    assert await ask(relying_party, browser, claims=among, prompt="none") == "code"
    hint = signed_in["id_token"]
    assert await ask(relying_party, browser, claims=among, id_token_hint=hint) == "code"
    others = json.dumps({"id_token": {"sub": {"values": ["somebody-else"]}}})
    assert await ask(relying_party, browser, claims=others, id_token_hint=hint) == "invalid_request"


async def test_continue_as_counts_only_for_the_person_that_the_page_showed(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser, signed_in: dict[str, str]
) -> None:
    await provider.create_user("bob@example.com")
    shown_to_alice = await browser.get(relying_party.authorization_url(prompt="select_account"))
    await browser.submit(await browser.get("/account"), decision="yes")
    await browser.log_in("bob@example.com")
    assert (await browser.submit(shown_to_alice, decision="continue")).status_code == 400
