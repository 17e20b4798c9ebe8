"""What ends when: the table, and every operation that goes by it, over everything that an account can have."""

from collections.abc import Awaitable, Callable

import pytest

from idp.crypto import digest
from idp.identity.connections import UpstreamAccount
from idp.identity.endings import ENDINGS, AccountEvent, LeftOpen, What, end
from idp.identity.generation import ProvenAccount
from idp.identity.registration import NewAccount
from idp.identity.tickets import UNDO_EMAIL_CHANGE, VERIFY_EMAIL
from idp.storage.database import Database
from idp.storage.models import (
    BrowserSession,
    FederatedIdentity,
    Grant,
    Invitation,
    MailTicket,
    TotpCredential,
    TrustedDevice,
    User,
    new_id,
)
from tests.support.provider import EMAIL, PASSWORD, MakeProvider, RunningProvider

OTHER_PASSWORD = "quiet otters at noon"
ID = "the-one"
"""The id of each row of the account."""
UNDO = "undo"
"""The id of the link that takes a change of address back."""


@pytest.fixture(params=["sqlite", "postgresql"])
async def provider(
    request: pytest.FixtureRequest, make_provider: MakeProvider, new_database_url: Callable[[str], str]
) -> RunningProvider:
    url = None if request.param == "sqlite" else new_database_url(request.param)
    return await make_provider(database_url=url)


async def full_account(provider: RunningProvider) -> User:
    """An account that has everything."""
    user = await provider.create_user()
    client = (await provider.create_client()).client_id
    now = provider.clock.now()
    later = now + 10_000
    async with provider.database.unit_of_work() as uow:
        await uow.sessions.add(
            BrowserSession(
                id=ID,
                token_digest=digest("session"),
                user_id=user.id,
                auth_time=now,
                acr="acr",
                amr=[],
                created_at=now,
                last_seen_at=now,
                expires_at=later,
                ended_at=None,
            )
        )
        await uow.grants.add(
            Grant(
                id=ID,
                user_id=user.id,
                generation=0,
                client_id=client,
                session_id=ID,
                scope="openid",
                auth_time=now,
                acr="acr",
                amr=[],
                claims={},
                created_at=now,
                code_redeemed_at=None,
                expires_at=later,
                revoked_at=None,
            )
        )
        await uow.tickets.add(
            MailTicket(
                id=ID,
                purpose=VERIFY_EMAIL,
                user_id=user.id,
                email=EMAIL,
                token_digest=digest("ticket"),
                code_digest=digest("code"),
                wrong_codes=0,
                created_at=now,
                expires_at=later,
                used_at=None,
            )
        )
        await uow.tickets.add(
            MailTicket(
                id=UNDO,
                purpose=UNDO_EMAIL_CHANGE,
                user_id=user.id,
                email="former@example.com",
                token_digest=digest("undo"),
                code_digest=digest("code"),
                wrong_codes=0,
                created_at=now,
                expires_at=later,
                used_at=None,
            )
        )
        await uow.invitations.add(
            Invitation(token_digest=ID, email=user.email_key, created_at=now, expires_at=later, used_at=None)
        )
        await uow.factors.add(
            TrustedDevice(
                id=ID,
                user_id=user.id,
                token_digest=digest("device"),
                created_at=now,
                last_used_at=now,
                expires_at=later,
            )
        )
        await uow.factors.add(
            TotpCredential(
                id=ID, user_id=user.id, name="", sealed_secret="", created_at=now, last_used_at=None
            )
        )
        await uow.identities.add(
            FederatedIdentity(
                id=ID,
                user_id=user.id,
                provider="google",
                issuer="google",
                subject="ada",
                email=None,
                sealed_tokens=None,
                linked_at=now,
                last_used_at=None,
            )
        )
        await uow.consents.remember(user.id, client, ["openid"], [], now)
        return await uow.users.get(user.id) or user


async def left_of(database: Database, user: User) -> set[What]:
    """What is left of what the account had."""
    async with database.reading() as uow:
        stored = await uow.users.get(user.id)
        if stored is None:
            invitation = await uow.invitations.get(ID)
            return {What.INVITATIONS} if invitation and invitation.used_at is None else set()
        session, grant = await uow.sessions.get(ID), await uow.grants.get(ID)
        ticket, undo = await uow.session.get(MailTicket, ID), await uow.session.get(MailTicket, UNDO)
        invitation = await uow.invitations.get(ID)
        assert session
        assert grant
        assert ticket
        assert undo
        assert invitation
        found = {
            What.PROOFS: stored.generation == user.generation,
            What.SESSIONS: session.ended_at is None,
            What.GRANTS: grant.revoked_at is None,
            What.TICKETS: ticket.used_at is None,
            What.UNDO_LINKS: undo.used_at is None,
            What.INVITATIONS: invitation.used_at is None,
            What.DEVICES: await uow.session.get(TrustedDevice, ID) is not None,
            What.FACTORS: await uow.session.get(TotpCredential, ID) is not None,
            What.LINKS: await uow.session.get(FederatedIdentity, ID) is not None,
            What.CONSENTS: bool(await uow.consents.for_user(user.id)),
            What.PASSWORD: stored.password_hash == user.password_hash,
            What.PROFILE: stored.profile == user.profile,
        }
        # What goes on is in the generation of the account.
        for each, alive in ((session, What.SESSIONS), (grant, What.GRANTS)):
            assert not found[alive] or each.generation == stored.generation
    assert set(found) == set(What)
    return {what for what, there in found.items() if there}


@pytest.mark.parametrize("event", [event for event in AccountEvent if event is not AccountEvent.REMOVED])
async def test_an_event_ends_what_the_table_says_and_nothing_else(
    provider: RunningProvider, event: AccountEvent
) -> None:
    user = await full_account(provider)
    async with provider.database.unit_of_work() as uow:
        locked = await uow.users.locked(user.id)
        assert locked
        await end(uow, locked, event, provider.clock.now())
        await uow.users.save(locked)
    assert await left_of(provider.database, user) == set(What) - ENDINGS[event]


async def test_what_is_kept_goes_on_in_the_new_generation(provider: RunningProvider) -> None:
    user = await full_account(provider)
    async with provider.database.unit_of_work() as uow:
        locked = await uow.users.locked(user.id)
        assert locked
        await end(uow, locked, AccountEvent.PASSWORD_CHANGED, provider.clock.now(), LeftOpen(ID, ID))
        await uow.users.save(locked)
    left = await left_of(provider.database, user)
    assert {What.SESSIONS, What.GRANTS} <= left
    assert What.PROOFS not in left


async def test_an_account_that_was_not_locked_is_a_mistake_of_ours(provider: RunningProvider) -> None:
    user = await provider.create_user()
    with pytest.raises(RuntimeError):
        async with provider.database.unit_of_work() as uow:
            await end(uow, user, AccountEvent.DISABLED, provider.clock.now())


# Every operation -----------------------------------------------------------------------------------------


async def change_password(provider: RunningProvider, user: User) -> None:
    await provider.parts.self_service.password.change(
        ProvenAccount.of(user), PASSWORD, OTHER_PASSWORD, keep_session=None
    )


async def change_password_alone(provider: RunningProvider, user: User) -> None:
    await provider.parts.self_service.password.change(
        ProvenAccount.of(user), PASSWORD, OTHER_PASSWORD, keep_session=None, end_others=False
    )


async def reset_password(provider: RunningProvider, user: User) -> None:
    await provider.parts.recovery.ask(EMAIL)
    await provider.parts.recovery.reset(await token_of_mail(provider), OTHER_PASSWORD)


async def set_password(provider: RunningProvider, user: User) -> None:
    await provider.parts.accounts.set_password(user.id, OTHER_PASSWORD)


async def change_email(provider: RunningProvider, user: User) -> None:
    await provider.parts.email_changes.ask(ProvenAccount.of(user), "new@example.com")
    code = (await provider.mails.latest("new@example.com")).code
    await provider.parts.email_changes.confirm(ProvenAccount.of(user), code=code)


async def undo_email_change(provider: RunningProvider, user: User) -> None:
    provider.clock.advance(1)  # what the account has was set up before
    await change_email(provider, user)
    await provider.parts.email_changes.undo(await token_of_mail(provider))


async def remove_factor(provider: RunningProvider, user: User) -> None:
    draft = TotpCredential(
        id=new_id(), user_id=user.id, name="", sealed_secret="", created_at=0.0, last_used_at=None
    )
    async with provider.database.unit_of_work() as uow:
        await uow.factors.add(draft)
    await provider.parts.enrolled_factors.remove(user, "totp", draft.id)


async def remove_last_factor(provider: RunningProvider, user: User) -> None:
    await provider.parts.enrolled_factors.remove(user, "totp", ID)


async def reset_factors(provider: RunningProvider, user: User) -> None:
    at = await provider.parts.factor_resets.request(user)
    provider.clock.advance(at - provider.clock.now())
    await provider.parts.factor_resets.carry_out_due()


async def make_unverified(provider: RunningProvider, user: User) -> None:
    async with provider.database.unit_of_work() as uow:
        locked = await uow.users.locked(user.id)
        assert locked
        locked.email_verified, locked.verification_due = False, True
        await uow.users.save(locked)


async def take_over(provider: RunningProvider, user: User) -> None:
    await make_unverified(provider, user)
    async with provider.database.unit_of_work() as uow:  # with a factor it would not be taken over
        await uow.factors.delete(TotpCredential, ID, user.id)
    owner = UpstreamAccount("google", "Google", "google", "owner", email=EMAIL)
    await provider.parts.federation.connections.take_over(user.id, owner)


async def register_again(provider: RunningProvider, user: User) -> None:
    await make_unverified(provider, user)
    await provider.parts.registration.register(NewAccount(EMAIL, OTHER_PASSWORD, "Owner"))


async def reset_unverified(provider: RunningProvider, user: User) -> None:
    await make_unverified(provider, user)
    await reset_password(provider, user)


async def disable(provider: RunningProvider, user: User) -> None:
    await provider.parts.accounts.disable(user.id)


async def delete(provider: RunningProvider, user: User) -> None:
    await provider.parts.self_service.deletion.delete(ProvenAccount.of(user))


async def remove(provider: RunningProvider, user: User) -> None:
    await provider.parts.accounts.remove(user.id)


OPERATIONS: tuple[tuple[AccountEvent, Callable[[RunningProvider, User], Awaitable[None]]], ...] = (
    (AccountEvent.PASSWORD_CHANGED, change_password),
    (AccountEvent.PASSWORD_CHANGED_ALONE, change_password_alone),
    (AccountEvent.PASSWORD_RESET, reset_password),
    (AccountEvent.PASSWORD_SET, set_password),
    (AccountEvent.EMAIL_CHANGED, change_email),
    (AccountEvent.EMAIL_CHANGE_UNDONE, undo_email_change),
    (AccountEvent.FACTOR_REMOVED, remove_factor),
    (AccountEvent.LAST_FACTOR_REMOVED, remove_last_factor),
    (AccountEvent.FACTORS_RESET, reset_factors),
    (AccountEvent.EMPTIED, take_over),
    (AccountEvent.EMPTIED, register_again),
    (AccountEvent.EMPTIED, reset_unverified),
    (AccountEvent.DISABLED, disable),
    (AccountEvent.DELETED, delete),
    (AccountEvent.REMOVED, remove),
)


@pytest.mark.parametrize(("event", "operation"), OPERATIONS, ids=lambda value: getattr(value, "__name__", ""))
async def test_every_operation_ends_what_its_event_does(
    provider: RunningProvider,
    event: AccountEvent,
    operation: Callable[[RunningProvider, User], Awaitable[None]],
) -> None:
    user = await full_account(provider)
    await operation(provider, user)
    expected = set(What) - ENDINGS[event]
    if event.value.startswith("password_"):
        expected -= {What.PASSWORD}  # it is another one now
    if event is AccountEvent.REMOVED:
        expected = set()
    assert await left_of(provider.database, user) == expected


async def token_of_mail(provider: RunningProvider) -> str:
    return (await provider.mails.latest(EMAIL)).link.partition("token=")[2].partition("&")[0]
