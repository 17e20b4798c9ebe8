"""A factor is one file and one line in a table: this one is made up here, and works in the pages and the API."""

from collections.abc import Mapping
from typing import Any, Self

import pytest
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from idp.crypto import digest, equal
from idp.errors import InvalidValue
from idp.events.audit import record
from idp.events.catalogue import FactorAdded
from idp.identity.factors import registry
from idp.identity.factors.factor import ChallengeAnswer, EnrollableFactor, FactorParts
from idp.storage.models import FactorCredential, User, new_id
from idp.text import Text
from tests.support.api import Api, code_of
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RunningProvider, forms


class OwnTables(DeclarativeBase):
    """Apart from the provider's, which the tests of the migrations compare with the database."""


class StoredWord(FactorCredential, OwnTables):
    __tablename__ = "spoken_words"

    user_id: Mapped[str] = mapped_column(String(64))
    word_digest: Mapped[str] = mapped_column(String(64))


class SpokenWord(EnrollableFactor):
    """A word that the person has chosen."""

    kind = "spoken_word"
    credential = StoredWord
    page = "word"
    code_input = "text"

    choose = Text("Say your word")
    challenge = Text("Enter the word that you have chosen.")
    wrong = Text("This is not your word.")
    label = Text("Word")
    add = Text("Add a word")
    set_up = Text("Choose a word")
    set_up_lead = Text("A word is asked for after your password.")
    instead = Text("Choose a word instead")

    def __init__(self, parts: FactorParts) -> None:
        self._database, self._clock = parts.database, parts.clock

    @classmethod
    def of(cls, parts: FactorParts) -> Self:
        return cls(parts)

    async def is_available(self, user: User) -> bool:
        async with self._database.reading() as uow:
            return bool(await uow.factors.of_user(StoredWord, user.id))

    async def check(self, user: User, answer: ChallengeAnswer) -> tuple[str, ...] | None:
        async with self._database.reading() as uow:
            words = await uow.factors.of_user(StoredWord, user.id)
        right = any(equal(each.word_digest, digest(answer.code)) for each in words)
        return ("kba", "mfa") if right else None

    async def enrolment_context(self, user: User, draft: str | None = None) -> Mapping[str, Any]:
        return {}

    async def finish_enrolment(self, user: User, form: Mapping[str, str], unnamed: str) -> tuple[str, ...]:
        if len(form.get("code", "")) < 4:
            raise InvalidValue("Choose a longer word.", field="code")
        now = self._clock.now()
        word = StoredWord(
            id=new_id(),
            user_id=user.id,
            name=form.get("name") or unnamed,
            word_digest=digest(form["code"]),
            created_at=now,
            last_used_at=None,
        )
        async with self._database.unit_of_work() as uow:
            await uow.factors.add(word)
            await record(uow, FactorAdded(user_id=user.id, kind=self.kind), now)
        return ("kba", "mfa")


@pytest.fixture
async def provider(make_provider: MakeProvider, monkeypatch: pytest.MonkeyPatch) -> RunningProvider:
    monkeypatch.setattr(registry, "FACTORS", (*registry.FACTORS, SpokenWord))  # the one line
    provider = await make_provider()
    async with provider.database.unit_of_work() as uow:  # the migration
        connection = await uow.session.connection()
        await connection.run_sync(OwnTables.metadata.create_all)
    return provider


@pytest.fixture
async def browser(provider: RunningProvider, person: User) -> Browser:
    """The browser of a person who has chosen a word in it."""
    browser = await provider.browser()
    await browser.log_in()
    page = await browser.get("/account/security")
    assert "Add a word" in page.text
    page = await browser.get("/account/security/word")
    assert "A word is asked for after your password." in page.text
    page = await browser.submit(page, code="abc", name="")
    assert "Choose a longer word." in page.text
    page = await browser.submit(page, code="sesame", name="")
    assert "recovery codes" in page.text
    return browser


async def test_it_is_set_up_renamed_and_removed_on_the_security_page(browser: Browser) -> None:
    page = await browser.get("/account/security")
    form = forms(page)[0]
    assert (form.fields["kind"], form.fields["name"]) == ("spoken_word", "Word")
    await browser.post("/account/security", {**form.fields, "name": "Magic", "decision": "rename"})
    form = forms(await browser.get("/account/security"))[0]
    assert form.fields["name"] == "Magic"
    page = await browser.post("/account/security", {**form.fields, "name": "", "decision": "rename"})
    assert page.text.count("Give it a name.") == 1
    page = await browser.post("/account/security", {**form.fields, "decision": "remove"})
    assert "No second step is set up yet." in page.text
    assert (
        "Removed: Word. It was your last second step, so your recovery codes were removed too." in page.text
    )


async def test_it_is_asked_for_after_the_password(provider: RunningProvider, browser: Browser) -> None:
    elsewhere = await provider.browser()
    page = await elsewhere.log_in()
    assert page.url.path == "/mfa"
    assert "Say your word" in page.text  # after the recovery codes, which stand before it in the table
    page = await elsewhere.get(f"/mfa?tx={forms(page)[0].fields['tx']}&use=spoken_word")
    assert "Enter the word that you have chosen." in page.text
    page = await elsewhere.submit(page, code="mellon")
    assert "This is not your word." in page.text
    page = await elsewhere.submit(page, code="sesame")
    assert page.url.path == "/account"


async def test_it_is_offered_beside_the_others_where_a_factor_is_required(
    provider: RunningProvider, person: User
) -> None:
    app = await provider.relying_party(require_second_factor=True)
    browser = await provider.browser()
    page = await browser.submit(await browser.get(app.authorization_url()), email=EMAIL, password=PASSWORD)
    assert page.url.path == "/mfa/enrol"
    assert "Choose a word instead" in page.text
    form = forms(page)[0]
    page = await browser.get(f"/mfa/enrol?tx={form.fields['tx']}&use=spoken_word")
    page = await browser.submit(page, code="sesame", name="")
    assert "recovery codes" in page.text


async def test_it_is_taken_by_the_json_api(provider: RunningProvider, browser: Browser) -> None:
    api = Api(provider)
    first = await api.post("/auth/login", {"email": EMAIL, "password": PASSWORD})
    assert code_of(first) == (403, "mfa_required")
    assert "spoken_word" in first.json()["factors"]
    proof = {"mfa_token": first.json()["mfa_token"], "kind": "spoken_word"}
    assert (await api.post("/auth/mfa", {**proof, "code": "mellon"})).status_code == 401
    assert (await api.post("/auth/mfa", {**proof, "code": "sesame"})).status_code == 200
    schema = (await api.get("/openapi.json")).json()
    assert "spoken_word" in schema["components"]["schemas"]["ProveFactor"]["properties"]["kind"]["enum"]


async def test_it_goes_with_everything_else_in_an_administrators_reset(
    provider: RunningProvider, browser: Browser, person: User
) -> None:
    await provider.parts.factor_resets.request(person)
    provider.clock.advance(provider.settings.second_factor.reset_delay + 1)
    await provider.parts.factor_resets.carry_out_due()
    assert not await provider.parts.second_factors.is_enrolled(person.id)
