"""Consent: asked for once, remembered, asked again for more, and never taken for granted."""

from tests.support.provider import (
    EMAIL,
    PASSWORD,
    Browser,
    RelyingParty,
    RunningProvider,
    callback_of,
    onward_of,
    the_form,
)


def asks_for_consent(page: object) -> bool:
    return 'value="allow"' in getattr(page, "text", "")


async def test_a_consent_is_remembered(relying_party: RelyingParty, browser: Browser) -> None:
    await relying_party.sign_in(browser)
    assert "code" in callback_of(await browser.get(relying_party.authorization_url()))
    assert "code" in callback_of(await browser.get(relying_party.authorization_url(scope="openid")))


async def test_a_new_scope_is_asked_for_and_then_all_are_remembered(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await relying_party.sign_in(browser, scope="openid email")
    page = await browser.get(relying_party.authorization_url(scope="openid profile"))
    assert asks_for_consent(page)
    await browser.submit(page, decision="allow")
    assert "code" in callback_of(
        await browser.get(relying_party.authorization_url(scope="openid email profile"))
    )


async def test_a_single_claim_is_asked_for_like_a_scope(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await relying_party.sign_in(browser, scope="openid")
    url = relying_party.authorization_url(scope="openid", claims='{"userinfo": {"email": null}}')
    page = await browser.get(url)
    assert asks_for_consent(page)
    assert "See your email address" in page.text
    await browser.submit(page, decision="allow")
    assert "code" in callback_of(await browser.get(url))


async def test_another_app_and_another_person_are_asked_for_themselves(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    await relying_party.sign_in(browser)
    other_app = await provider.relying_party(client_name="Other app")
    assert asks_for_consent(await browser.get(other_app.authorization_url()))
    await provider.create_user("bob@example.com")
    page = await other_browser.get(relying_party.authorization_url())
    assert asks_for_consent(await other_browser.submit(page, email="bob@example.com", password=PASSWORD))


async def test_the_page_names_the_app_the_person_and_what_is_asked(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await browser.log_in()
    page = await browser.get(relying_party.authorization_url(scope="openid email offline_access"))
    for text in (
        "Example app",
        "Alice Example",
        "app.example",
        "See your email",
        "Keep access while you are away",
    ):
        assert text in page.text
    assert "See your profile" not in page.text


async def test_denying_is_told_to_the_client_and_not_remembered(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await browser.log_in()
    answer = callback_of(
        await browser.submit(await browser.get(relying_party.authorization_url()), decision="deny")
    )
    assert (answer["error"], answer["state"]) == ("access_denied", relying_party.state)
    assert asks_for_consent(await browser.get(relying_party.authorization_url()))


async def test_denying_more_does_not_take_back_what_was_allowed_before(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await relying_party.sign_in(browser, scope="openid")
    page = await browser.get(relying_party.authorization_url(scope="openid email"))
    await browser.submit(page, decision="deny")
    assert "code" in callback_of(await browser.get(relying_party.authorization_url(scope="openid")))


async def test_a_first_party_app_asks_for_none_unless_it_wants_to(
    provider: RunningProvider, person: object, browser: Browser
) -> None:
    app = await provider.relying_party(first_party=True)
    await browser.log_in()
    assert "code" in callback_of(await browser.get(app.authorization_url()))
    assert asks_for_consent(await browser.get(app.authorization_url(prompt="consent")))


async def test_switching_account_on_the_consent_page_leads_to_a_sign_in_even_after_one(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser
) -> None:
    bob = await provider.create_user("bob@example.com")
    page = await browser.get(relying_party.authorization_url())
    page = await browser.submit(page, email=EMAIL, password=PASSWORD)
    page = await browser.submit(page, decision="switch")
    assert the_form(page).fields["email"] == ""
    page = await relying_party.answer(browser, page, email="bob@example.com")
    response = await relying_party.redeem(callback_of(page)["code"])
    assert (await relying_party.id_claims(response.json()))["sub"] == bob.id


async def test_a_consent_that_was_shown_to_another_person_decides_nothing(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser
) -> None:
    await provider.create_user("bob@example.com")
    await browser.log_in()
    shown_to_ada = await browser.get(relying_party.authorization_url())
    assert asks_for_consent(shown_to_ada)
    other_tab = await browser.get("/account")
    await browser.submit(other_tab, decision="yes")
    await browser.log_in("bob@example.com")
    refused = await browser.submit(shown_to_ada, decision="allow")
    assert refused.status_code == 400
    shown_to_bob = await browser.get(str(shown_to_ada.url))
    assert asks_for_consent(shown_to_bob)
    assert "bob" in shown_to_bob.text


async def test_a_consent_posted_before_the_sign_in_proves_nothing(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser
) -> None:
    """Keycloak CVE-2026-18963: a step posted out of order."""
    page = await browser.get(relying_party.authorization_url())
    tx = the_form(page).fields["tx"]
    token = provider.parts.edge.forms.token(browser.cookies["idp_browser"], "consent", tx)
    posted = await browser.post("/consent", {"tx": tx, "csrf_token": token, "decision": "allow"})
    assert posted.status_code == 400
    page = await browser.submit(page, email=EMAIL, password=PASSWORD)
    assert asks_for_consent(page)


async def test_an_empty_or_half_empty_post_decides_nothing(
    relying_party: RelyingParty, browser: Browser
) -> None:
    """authentik CVE-2026-49443: an empty post skipped a stage."""
    await browser.log_in()
    page = await browser.get(relying_party.authorization_url())
    form = the_form(page).fields
    for fields in (
        {},
        {"decision": "allow"},
        {"tx": form["tx"], "decision": "allow"},
        form,
        form | {"decision": "x"},
    ):
        assert (await browser.post("/consent", fields)).status_code == 400
    assert asks_for_consent(await browser.get(relying_party.authorization_url()))


async def test_a_post_without_a_decision_leads_back_to_the_question(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await browser.log_in()
    form = the_form(await browser.get(relying_party.authorization_url())).fields
    refused = await browser.post("/consent", form)
    assert (refused.status_code, "Choose Allow or Deny." in refused.text) == (400, True)
    assert asks_for_consent(await browser.get(onward_of(refused)))


async def test_allowing_twice_goes_on_and_gives_one_code(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await browser.log_in()
    page = await browser.get(relying_party.authorization_url())
    first = await browser.submit(page, decision="allow", follow=False)
    second = await browser.submit(page, decision="allow", follow=False)
    assert (first.status_code, second.status_code) == (303, 303)
    assert "code" in callback_of(await browser.get(first.headers["location"]))
    assert (await browser.get(second.headers["location"])).status_code == 400


async def test_the_consent_of_one_who_was_signed_out_meanwhile_counts_for_nobody(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await browser.log_in()
    page = await browser.get(relying_party.authorization_url())
    del browser.client.cookies["idp_session"]
    assert (await browser.submit(page, decision="allow")).status_code == 400
