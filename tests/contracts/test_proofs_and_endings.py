"""Races between proofs and endings: nothing that was proven before an ending is of any use after it.

In each round every kind of proof is under way for one account when something ends them. The ending waits until
each has read what it goes by: a proof that begins after it may be as good as ever. Passwords are hashed at their
real cost, since that is the time in which an ending slips in. `pytest -m races` runs these alone.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

import pytest

from idp.authentication import Authentication
from idp.crypto import digest
from idp.errors import IdpError
from idp.flow.consents import RememberedConsents
from idp.identity.connections import UpstreamAccount
from idp.identity.endings import ENDINGS, AccountEvent, What, end
from idp.identity.factors.passkeys import Passkeys
from idp.identity.factors.recovery_codes import RecoveryCodes
from idp.identity.factors.totp import Totp
from idp.identity.generation import ProvenAccount
from idp.identity.login import by_password
from idp.identity.sessions import StartedSession, Visitor
from idp.identity.tickets import CHANGE_EMAIL
from idp.oauth.authorization_request import AuthorizationRequest
from idp.oauth.codes import AuthorizationCode
from idp.oauth.http import CoreRequest
from idp.storage.models import DisabledBy, Grant, RefreshToken, TotpCredential, TrustedDevice, User, new_id
from tests.support.authenticator import Passkey, totp
from tests.support.provider import CALLBACK, MakeProvider, RunningProvider, callback_of, challenge_of

pytestmark = pytest.mark.races

ROUNDS = 50
"""For each pair of a proof and an ending, on each database."""
AT_ONCE = 5
PASSWORD, NEW_PASSWORD = "correct horse battery staple", "quiet otters at noon"
HOUR = 3600.0

_begun: ContextVar[asyncio.Event] = ContextVar("begun")
"""Set when the proof of this task has read what it goes by."""

Usable = Callable[[], Awaitable[object]]
"""Tells whether what a proof led to is good for anything."""


@dataclass
class World:
    """A provider, an app, and the hash of the password that everybody has."""

    provider: RunningProvider
    client_id: str
    password_hash: str
    new_hash: str
    numbers: "itertools.count[int]"

    async def account(self, event: AccountEvent) -> "Account":
        """Make an account that has something of everything, and to which the event is going to happen."""
        number = next(self.numbers)
        now, parts = self.provider.clock.now(), self.provider.parts
        user = User(
            id=new_id(),
            email=f"user-{number}@example.com",
            email_key=f"user-{number}@example.com",
            email_verified=True,
            password_hash=self.password_hash,
            created_at=now,
            updated_at=now,
        )
        async with self.provider.database.unit_of_work() as uow:
            await uow.users.add(user)
        sessions = [
            await parts.sessions.start(user.id, by_password(now, user.generation), Visitor())
            for _ in range(2)
        ]
        elsewhere = UpstreamAccount("google", "Google", "google", f"subject-{number}")
        await parts.federation.connections.link(ProvenAccount.of(user), elsewhere, "asked")
        passkey = Passkey()
        passkeys = parts.factors[Passkeys]
        ceremony = await passkeys.begin_registration(user)
        await passkeys.register(user, ceremony.id, passkey.create(ceremony.options), "Key")
        return Account(self, number, ENDINGS[event], user, sessions[0], sessions[1], elsewhere, passkey)

    async def token(self, **parameters: str) -> Mapping[str, str] | None:
        """Ask the token endpoint; return the body, or None when it refuses."""
        named = {"client_id": self.client_id, **parameters}
        request = CoreRequest("POST", self.provider.url("/token"), parameters=named, headers={})
        answer = await self.provider.parts.pipeline.answer(request)
        return None if answer.error is not None else answer.body


@dataclass
class Account:
    """One user, what they have, and what can be proven with it."""

    world: World
    number: int
    ends: Collection[What]
    user: User
    session: StartedSession
    weaker: StartedSession
    elsewhere: UpstreamAccount
    passkey: Passkey

    @property
    def proven(self) -> ProvenAccount:
        """The account, as a session proves it that has just been looked up."""
        return ProvenAccount.of(self.user)

    @property
    def parts(self):  # type: ignore[no-untyped-def]  # the provider's
        """The parts of the provider."""
        return self.world.provider.parts

    # Sessions ------------------------------------------------------------------------------------

    async def sign_in_with_password(self) -> Usable | None:
        address = f"2001:db8:{self.number:x}::1"
        found = await self.parts.login.authenticate(self.user.email, PASSWORD, address)
        return None if found is None else await self._start(found.user.id, found.authentication)

    async def sign_in_with_passkey(self) -> Usable | None:
        passkeys = self.parts.factors[Passkeys]
        ceremony = await passkeys.begin_sign_in()
        if What.FACTORS in self.ends:
            _begun.get().set()
        found = await passkeys.sign_in(ceremony.id, self.passkey.get(ceremony.options))
        return await self._start(found.user.id, found.authentication)

    async def sign_in_elsewhere(self) -> Usable | None:
        if What.LINKS in self.ends:
            _begun.get().set()
        user = await self.parts.federation.connections.sign_in(self.user.id, self.elsewhere)
        now = self.world.provider.clock.now()
        return await self._start(user.id, Authentication(now, "1", ("fed",), user.generation))

    async def add_a_factor_to_the_session(self) -> Usable | None:
        started = await self.parts.sessions.strengthen(
            self.user.id, self.weaker.session.authentication, Visitor(), replacing=self.weaker.token
        )
        return lambda: self.parts.sessions.current(started.token)

    async def _start(self, user_id: str, authentication: Authentication) -> Usable:
        _begun.get().set()
        started = await self.parts.sessions.start(user_id, authentication, Visitor())
        return lambda: self.parts.sessions.current(started.token)

    # Grants and tokens ---------------------------------------------------------------------------

    async def get_tokens_with_password(self) -> Usable | None:
        body = await self.world.token(grant_type="password", username=self.user.email, password=PASSWORD)
        return None if body is None else lambda: self._refreshes(body)

    async def ask_for_a_code(self) -> Usable | None:
        parameters = {
            "response_type": "code",
            "client_id": self.world.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "prompt": "none",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        answer = await self.world.provider.http(
            "GET", "/authorize", params=parameters, headers={"Cookie": f"idp_session={self.session.token}"}
        )
        code = callback_of(answer).get("code")
        return None if code is None else lambda: self._redeem(code)

    async def redeem_a_code(self) -> Usable | None:
        code = await self._code()
        body = await self._redeem(code)
        return None if body is None else lambda: self._refreshes(body)

    async def refresh(self) -> Usable | None:
        body = await self.world.token(grant_type="refresh_token", refresh_token=await self._refresh_token())
        return None if body is None else lambda: self._refreshes(body)

    async def _redeem(self, code: str) -> Mapping[str, str] | None:
        return await self.world.token(
            grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER
        )

    async def _refreshes(self, body: Mapping[str, str]) -> bool:
        access = self.parts.core.mint.read_access_token(body["access_token"])
        assert access is not None
        assert access.grant_id is not None
        if await self.parts.core.hot_path.token_user(access.grant_id, access.jti) is not None:
            return True
        return (
            await self.world.token(grant_type="refresh_token", refresh_token=body["refresh_token"])
            is not None
        )

    async def _grant(self, *, redeemed: bool) -> Grant | None:
        now = self.world.provider.clock.now()
        grant = Grant(
            id=new_id(),
            user_id=self.user.id,
            client_id=self.world.client_id,
            session_id=self.session.session.id,
            generation=self.user.generation,
            scope="openid",
            auth_time=now,
            acr="1",
            amr=["pwd"],
            claims={},
            created_at=now,
            code_redeemed_at=now if redeemed else None,
            expires_at=now + HOUR,
            revoked_at=None,
        )
        async with self.world.provider.database.unit_of_work() as uow:
            return grant if await uow.grants.add(grant) else None

    async def _code(self) -> str:
        grant = await self._grant(redeemed=False)
        if grant is None:
            return "none"
        code = AuthorizationCode(
            grant_id=grant.id,
            client_id=grant.client_id,
            redirect_uri=CALLBACK,
            code_challenge=CHALLENGE,
            nonce=None,
            scope=grant.scope,
            expires_at=grant.expires_at,
        )
        return str(await self.parts.codes.issue(code))

    async def _refresh_token(self) -> str:
        grant = await self._grant(redeemed=True)
        if grant is None:
            return "none"
        value, now = new_id(), self.world.provider.clock.now()
        async with self.world.provider.database.unit_of_work() as uow:
            await uow.refresh_tokens.add(
                RefreshToken(
                    digest=digest(value),
                    grant_id=grant.id,
                    parent_digest=None,
                    created_at=now,
                    expires_at=now + HOUR,
                    used_at=None,
                )
            )
        return value

    # What the user sets up -----------------------------------------------------------------------

    async def enrol_an_app(self) -> Usable | None:
        factor = self.parts.factors[Totp]
        draft = factor.draft(self.user)
        now = self.world.provider.clock.now()
        enrolled = await factor.enrol(self.user, draft.sealed, totp(draft.secret, now), "App")
        return lambda: self._has(TotpCredential, enrolled)

    async def enrol_a_passkey(self) -> Usable | None:
        factor, passkey = self.parts.factors[Passkeys], Passkey()
        ceremony = await factor.begin_registration(self.user)
        made = await factor.register(self.user, ceremony.id, passkey.create(ceremony.options), "Key")
        return lambda: self._has(type(made), made.id)

    async def make_recovery_codes(self) -> Usable | None:
        factor = self.parts.factors[RecoveryCodes]
        await factor.make(self.user)
        return lambda: factor.left(self.user.id)

    async def trust_the_browser(self) -> Usable | None:
        await self.parts.second_factors.trusted_browsers.trust(self.proven, "browser")

        async def is_trusted() -> bool:
            async with self.world.provider.database.reading() as uow:
                return bool(await uow.factors.of_user(TrustedDevice, self.user.id))

        return is_trusted

    async def link_an_account(self) -> Usable | None:
        another = UpstreamAccount("github", "GitHub", "github", f"subject-{self.number}")
        await self.parts.federation.connections.link(self.proven, another, "asked")
        return lambda: self.parts.federation.connections.find("github", "github", another.subject)

    async def ask_to_change_the_address(self) -> Usable | None:
        await self.parts.email_changes.ask(self.proven, f"thief-{self.number}@example.com")

        async def is_open() -> bool:
            async with self.world.provider.database.reading() as uow:
                ticket = await uow.tickets.latest(self.user.id, CHANGE_EMAIL)
                return ticket is not None and ticket.used_at is None

        return is_open

    async def consent(self) -> Usable | None:
        request = AuthorizationRequest(self.world.client_id, CALLBACK, scopes=("openid",))
        await RememberedConsents(self.world.provider.database, self.world.provider.clock).allow(
            self.proven, request
        )

        async def is_remembered() -> bool:
            async with self.world.provider.database.reading() as uow:
                return await uow.consents.get(self.user.id, self.world.client_id) is not None

        return is_remembered

    async def _has(self, model: type[object], key: str) -> bool:
        async with self.world.provider.database.reading() as uow:
            return await uow.session.get(model, key) is not None


LATE = (
    Account.sign_in_with_password,
    Account.sign_in_with_passkey,
    Account.sign_in_elsewhere,
    Account.get_tokens_with_password,
)
"""They say themselves when they have begun. The others go by a session, or by the account as it was at first."""

VERIFIER = "verifier-" * 6
CHALLENGE = challenge_of(VERIFIER)

PROOFS: tuple[tuple[What, Callable[[Account], Awaitable[Usable | None]]], ...] = (
    (What.SESSIONS, Account.sign_in_with_password),
    (What.SESSIONS, Account.sign_in_with_passkey),
    (What.SESSIONS, Account.sign_in_elsewhere),
    (What.SESSIONS, Account.add_a_factor_to_the_session),
    (What.SESSIONS, Account.ask_for_a_code),
    (What.GRANTS, Account.get_tokens_with_password),
    (What.GRANTS, Account.redeem_a_code),
    (What.GRANTS, Account.refresh),
    (What.FACTORS, Account.enrol_an_app),
    (What.FACTORS, Account.enrol_a_passkey),
    (What.FACTORS, Account.make_recovery_codes),
    (What.DEVICES, Account.trust_the_browser),
    (What.LINKS, Account.link_an_account),
    (What.TICKETS, Account.ask_to_change_the_address),
    (What.CONSENTS, Account.consent),
)
"""Each proof under what it leads to: an event that ends that ends what the proof led to."""


@pytest.fixture(params=["sqlite", "postgresql"])
async def world(
    request: pytest.FixtureRequest,
    make_provider: MakeProvider,
    new_database_url: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    provider = await make_provider(
        database_url=None if request.param == "sqlite" else new_database_url(request.param),
        passwords={"threads": 2},
        second_factor={"policy": "off", "trusted_device_ttl": 3600},
    )
    client = await provider.create_client(
        token_endpoint_auth_method="none",
        grant_types=("authorization_code", "refresh_token", "password"),
        scopes=("openid",),
        first_party=True,
    )
    hasher = provider.parts.hasher
    verify = hasher.verify

    async def begin_to_verify(hashed: str | None, password: str) -> bool:
        if _begun.get(None) is not None:
            _begun.get().set()
        return await verify(hashed, password)

    monkeypatch.setattr(hasher, "verify", begin_to_verify)
    return World(
        provider,
        client.client_id,
        await hasher.hash(PASSWORD),
        await hasher.hash(NEW_PASSWORD),
        itertools.count(),
    )


async def finish(world: World, account: Account, event: AccountEvent) -> None:
    """Let the event happen."""
    now = world.provider.clock.now()
    async with world.provider.database.unit_of_work() as uow:
        user = await uow.users.locked(account.user.id)
        assert user is not None
        await end(uow, user, event, now)
        if event in {AccountEvent.PASSWORD_RESET, AccountEvent.PASSWORD_SET, AccountEvent.EMPTIED}:
            user.password_hash = world.new_hash
        if event in {AccountEvent.DISABLED, AccountEvent.DELETED}:
            user.disable(DisabledBy.OPERATOR, now)
        await uow.users.save(user)
    # Back at once: what was proven before must not come back with the account.
    if event in {AccountEvent.DISABLED, AccountEvent.DELETED}:
        async with world.provider.database.unit_of_work() as uow:
            user = await uow.users.locked(account.user.id)
            assert user is not None
            user.enable(DisabledBy.OPERATOR)
            await uow.users.save(user)


async def attempt(
    proof: Callable[[Account], Awaitable[Usable | None]], account: Account, begun: asyncio.Event
) -> Usable | None:
    """Try a proof; None when it is refused."""
    _begun.set(begun)
    if proof not in LATE:
        begun.set()
    try:
        return await proof(account)
    except IdpError:
        return None
    finally:
        begun.set()


async def turns(most: int) -> None:
    """Let the others go on for a while."""
    for _ in range(random.randrange(most)):
        await asyncio.sleep(0)


async def a_round(world: World, event: AccountEvent, survivors: Counter[str], led: Counter[str]) -> None:
    account = await world.account(event)
    chosen = [(what, proof) for what, proof in PROOFS if what in ENDINGS[event]]
    random.shuffle(chosen)
    begun = [asyncio.Event() for _ in chosen]
    under_way = []
    for (_, proof), beginning in zip(chosen, begun, strict=True):
        under_way.append(asyncio.create_task(attempt(proof, account, beginning)))
        await turns(20)
    for beginning in begun:
        await beginning.wait()
    await turns(100)
    await finish(world, account, event)
    for (_, proof), usable in zip(chosen, await asyncio.gather(*under_way), strict=True):
        if usable is None:
            continue
        led[proof.__name__] += 1
        if await usable():
            survivors[proof.__name__] += 1


@pytest.mark.parametrize("event", [event for event in AccountEvent if What.PROOFS in ENDINGS[event]])
async def test_nothing_that_was_proven_before_is_of_use_after(world: World, event: AccountEvent) -> None:
    survivors: Counter[str] = Counter()
    led: Counter[str] = Counter()
    for _ in range(ROUNDS // AT_ONCE):
        await asyncio.gather(*(a_round(world, event, survivors, led) for _ in range(AT_ONCE)))
    assert not survivors, f"of {ROUNDS} rounds; led to something before the end: {led}"


# Secrets -------------------------------------------------------------------------------------------------


async def change_password(world: World, account: Account) -> None:
    """The old password, which somebody has stolen, is to stay: F3 of the attacks."""
    await account.parts.self_service.password.change(
        account.proven,
        PASSWORD,
        "a thief's own password",
        keep_session=None,
        address=f"2001:db8:{account.number:x}::2",
    )


@pytest.mark.parametrize(
    "event", [AccountEvent.PASSWORD_RESET, AccountEvent.PASSWORD_SET, AccountEvent.EMPTIED]
)
async def test_a_change_of_password_under_way_does_not_replace_the_new_one(
    world: World, event: AccountEvent
) -> None:
    async def race() -> str | None:
        account = await world.account(event)
        change = asyncio.create_task(change_password(world, account))
        await turns(100)
        await finish(world, account, event)
        await asyncio.gather(change, return_exceptions=True)
        async with world.provider.database.reading() as uow:
            user = await uow.users.get(account.user.id)
            assert user is not None
            return user.password_hash

    stored: list[str | None] = []
    for _ in range(ROUNDS // AT_ONCE):
        stored += await asyncio.gather(*(race() for _ in range(AT_ONCE)))
    assert stored == [world.new_hash] * ROUNDS
