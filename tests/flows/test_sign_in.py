"""Signing in: from an app's redirect to its tokens, and everything that can be tried at the form."""

from tests.support.provider import Browser, RelyingParty


async def test_a_person_signs_in_consents_and_the_app_gets_verifiable_tokens(
    relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser)
    claims = await relying_party.id_claims(tokens)
    userinfo = (await relying_party.userinfo(tokens["access_token"])).json()
    assert claims["sub"] == userinfo["sub"]
    assert userinfo["email"] == "alice@example.com"
