"""Which language a person gets, and how sentences get into it."""

import copy
from pathlib import Path

import pytest

from idp.errors import ConfigurationError, InvalidValue
from idp.i18n import (
    Catalogue,
    Catalogues,
    accepted_languages,
    format_day,
    format_number,
    load_catalogues,
    read_catalogue,
)
from idp.identity.generation import ProvenAccount
from idp.resources import TRANSLATIONS
from idp.text import Text
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RunningProvider, callback_of
from tests.support.registering import make_account

GERMAN = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.1"}


@pytest.fixture(scope="module")
def catalogues() -> Catalogues:
    """The languages that there are."""
    return load_catalogues(TRANSLATIONS)


# Pages ----------------------------------------------------------------------------------------------------


async def test_a_page_is_in_the_language_that_the_browser_prefers(browser: Browser) -> None:
    page = await browser.get("/login", headers=GERMAN)
    assert '<html lang="de">' in page.text
    assert "Passwort vergessen?" in page.text
    assert page.headers["vary"] == "Accept-Language"
    assert '<html lang="en">' in (await browser.get("/login")).text


async def test_what_the_app_asks_for_goes_before_the_browser_and_stays_for_the_whole_flow(
    provider: RunningProvider, browser: Browser
) -> None:
    app = await provider.relying_party()
    page = await browser.get(app.authorization_url(ui_locales="fr de"), headers={"Accept-Language": "en"})
    assert '<html lang="de">' in page.text
    await provider.create_user()
    wrong = await browser.submit(page, email=EMAIL, password="wrong")
    assert "E-Mail-Adresse und Passwort passen nicht zusammen." in wrong.text
    consent = await browser.submit(wrong, email=EMAIL, password=PASSWORD)
    assert "Ihr Profil sehen" in consent.text


async def test_the_language_of_the_account_goes_before_the_browser(
    provider: RunningProvider, browser: Browser
) -> None:
    user = await provider.create_user()
    await provider.parts.self_service.profiles.update(ProvenAccount.of(user), {"locale": "de-AT"})
    assert '<html lang="de">' in (await browser.log_in()).text


async def test_an_account_takes_the_language_of_the_page_on_which_it_was_made(
    provider: RunningProvider, browser: Browser
) -> None:
    app = await provider.relying_party(first_party=True)
    answer = await make_account(browser, start=app.authorization_url(ui_locales="de"))
    tokens = (await app.redeem(callback_of(answer)["code"])).json()
    assert (await app.userinfo(tokens["access_token"])).json()["locale"] == "de"


async def test_an_account_made_by_the_api_takes_the_language_that_it_says_or_else_that_of_the_request(
    provider: RunningProvider, browser: Browser
) -> None:
    for email, said in (("a@example.com", {}), ("b@example.com", {"locale": "fr"})):
        body = {"email": email, "password": PASSWORD} | said
        await browser.client.post(provider.url("/api/v1/auth/register"), json=body, headers=GERMAN)
    async with provider.database.reading() as uow:
        made = await uow.users.page(None, 2)
    assert {user.email: user.profile["locale"] for user in made} == {
        "a@example.com": "de",
        "b@example.com": "fr",
    }


async def test_an_error_page_is_in_the_language_of_whoever_sees_it(browser: Browser) -> None:
    page = await browser.get("/nowhere", headers={**GERMAN, "Accept": "text/html"})
    assert "Unter dieser Adresse gibt es keine Seite." in page.text
    page = await browser.post("/login", {}, headers=GERMAN)
    assert "Dieses Formular stammt nicht aus diesem Browser" in page.text


async def test_an_operator_chooses_the_language_for_those_who_read_none_that_there_is(
    make_provider: MakeProvider,
) -> None:
    provider = await make_provider(locale="de")
    browser = await provider.browser()
    assert '<html lang="de">' in (await browser.get("/login", headers={"Accept-Language": "fr"})).text
    assert '<html lang="en">' in (await browser.get("/login", headers={"Accept-Language": "en"})).text


async def test_discovery_names_the_languages_that_there_are(
    provider: RunningProvider, catalogues: Catalogues
) -> None:
    document = (await provider.http("GET", "/.well-known/openid-configuration")).json()
    assert document["ui_locales_supported"] == catalogues.languages == ["de", "en"]


async def test_a_header_of_any_kind_gets_a_page(browser: Browser) -> None:
    for header in ("", ";;q=,", "de;q=x", "*", "-", "ü", "de" * 5000, ",".join(["de"] * 500)):
        page = await browser.get("/login", headers={"Accept-Language": header.encode()})
        assert page.status_code == 200


# Sentences ------------------------------------------------------------------------------------------------


def test_a_sentence_is_english_until_somebody_translates_it(catalogues: Catalogues) -> None:
    error = InvalidValue(Text("Use at least %(number)d characters.", number=12))
    assert str(error) == error.sentence == "Use at least 12 characters."
    assert catalogues.translate(error.sentence, "de") == "Verwenden Sie mindestens 12 Zeichen."
    assert (
        catalogues.translate(InvalidValue("This must be text.").sentence, "de") == "Das muss ein Text sein."
    )


def test_a_parameter_that_is_a_text_is_translated_too(catalogues: Catalogues) -> None:
    sentence = Text("Use %(kind)s too.", kind=Text("a digit"))
    assert catalogues.translate(sentence, "de") == "Verwenden Sie auch eine Ziffer."


def test_a_parameter_is_never_taken_for_a_sentence(catalogues: Catalogues) -> None:
    sentence = Text("Use %(kind)s too.", kind="a digit")
    assert catalogues.translate(sentence, "de") == "Verwenden Sie auch a digit."
    assert (
        catalogues.translate(Text("%(some)s, %(more)s", some="%(more)s", more="%s"), "de") == "%(more)s, %s"
    )


def test_a_sentence_without_a_translation_stays_english(catalogues: Catalogues) -> None:
    assert catalogues.translate("100% made up", "de") == "100% made up"
    assert catalogues.translate(Text("100% made up"), "de") == "100% made up"


def test_a_text_can_be_copied(catalogues: Catalogues) -> None:
    copied = copy.deepcopy(Text("Use at least %(number)d characters.", number=12))
    assert catalogues.translate(copied, "de") == "Verwenden Sie mindestens 12 Zeichen."


@pytest.mark.parametrize(("number", "form"), [(0, "few"), (1, "one"), (2, "two"), (3, "few")])
def test_a_sentence_that_counts_takes_the_form_of_its_language(number: int, form: str) -> None:
    slovene = Catalogue({}, {"a code": ("one", "two", "few")}, lambda n: {1: 0, 2: 1}.get(n, 2))
    assert Catalogues({"sl": slovene}).plural("a code", "codes", number, "sl") == form
    assert Catalogues({"sl": slovene}).plural("a code", "codes", number, "en") == (
        "a code" if number == 1 else "codes"
    )


@pytest.mark.parametrize(
    ("tags", "language"),
    [
        (["de"], "de"),
        (["DE_at"], "de"),
        (["de-Latn-AT-1996"], "de"),
        (["fr", "de"], "de"),
        (["den"], "en"),
        ([None, "", "-", "x" * 1000], "en"),
    ],
)
def test_a_region_falls_back_to_its_language(
    tags: list[str | None], language: str, catalogues: Catalogues
) -> None:
    assert catalogues.choose(*tags) == language


def test_accept_language_is_read_by_its_weights() -> None:
    assert accepted_languages("en;q=0.5, de, fr;q=0, it;q=0.7, x;q=2") == ["de", "it", "en"]


def test_days_and_numbers_are_written_as_the_reader_writes_them() -> None:
    assert format_day(0, "de") == "1. Januar 1970"
    assert format_number(1234.5, "de") == "1.234,5"
    assert format_number(1234.5, "en") == "1,234.5"


def test_a_default_language_that_there_is_not_is_named_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="IDP_LOCALE names fr"):
        Catalogues({}, "fr")


def test_a_catalogue_that_cannot_be_read_is_named_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "xx.po"
    path.write_text('msgid "never closed\nnonsense')
    with pytest.raises(ConfigurationError, match=r"xx\.po"):
        read_catalogue(path)
