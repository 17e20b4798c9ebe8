"""The repositories' contract, on both databases."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from idp.errors import Conflict
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import (
    AuditEvent,
    BrowserSession,
    ClientRecord,
    DisabledBy,
    Grant,
    OutboxMail,
    RefreshToken,
    SigningKeyRecord,
    User,
    new_id,
)

NOW = 1_800_000_000.0
HOUR = 3600.0


def person(email: str = "ada@example.com", **fields: object) -> User:
    return User(email=email, email_key=email, created_at=NOW, updated_at=NOW, **fields)


def client(client_id: str = "app", **fields: object) -> ClientRecord:
    fields = {"client_name": "App", "token_endpoint_auth_method": "none", **fields}
    return ClientRecord(client_id=client_id, created_at=NOW, updated_at=NOW, **fields)


def browser_session(user: User, token_digest: str = "cookie", **fields: object) -> BrowserSession:
    times = {"auth_time": NOW, "created_at": NOW, "last_seen_at": NOW, "expires_at": NOW + HOUR}
    return BrowserSession(
        user_id=user.id, token_digest=token_digest, **{**times, "acr": "1", "amr": ["pwd"], **fields}
    )


def grant(user: User, **fields: object) -> Grant:
    times = {"auth_time": NOW, "created_at": NOW, "expires_at": NOW + HOUR}
    return Grant(
        id=new_id(),
        user_id=user.id,
        generation=0,
        claims=fields.pop("claims", {}),
        **{**times, "client_id": "app", "scope": "openid", "acr": "1", "amr": ["pwd"], **fields},
    )


def refresh_token(of: Grant, digest: str, parent: str | None = None) -> RefreshToken:
    return RefreshToken(
        digest=digest, grant_id=of.id, parent_digest=parent, created_at=NOW, expires_at=NOW + HOUR
    )


def key(kid: str, generation: int = 1, alg: str = "RS256") -> SigningKeyRecord:
    return SigningKeyRecord(
        kid=kid,
        alg=alg,
        generation=generation,
        public_jwk={"kty": "RSA"},
        sealed_private_key="sealed",
        created_at=NOW,
        activates_at=NOW,
    )


def mail(recipient: str, **fields: object) -> OutboxMail:
    times = {"created_at": NOW, "next_try_at": NOW}
    return OutboxMail(recipient=recipient, subject="s", text="t", html="h", **{**times, **fields})


@pytest.fixture
def database(each_database: Database) -> Database:
    return each_database


@pytest.fixture
async def ada(database: Database) -> User:
    user = person()
    async with database.unit_of_work() as uow:
        await uow.users.add(user)
        await uow.clients.add(client())
    return user


@pytest.fixture
async def her_grant(database: Database, ada: User) -> Grant:
    made = grant(ada)
    async with database.unit_of_work() as uow:
        await uow.grants.add(made)
    return made


async def at_once(
    database: Database, times: int, action: Callable[[UnitOfWork, int], Awaitable[object]]
) -> list[object]:
    """Run `action` in many units of work at once."""

    async def one(number: int) -> object:
        async with database.unit_of_work() as uow:
            return await action(uow, number)

    return list(await asyncio.gather(*(one(number) for number in range(times))))


class TestUsers:
    async def test_an_account_is_found_by_id_and_by_address(self, database: Database, ada: User) -> None:
        async with database.reading() as uow:
            by_id, by_key = await uow.users.get(ada.id), await uow.users.by_email_key("ada@example.com")
            assert by_id is by_key is not None
            assert await uow.users.get("nobody") is None
            assert await uow.users.by_email_key("nobody@example.com") is None

    async def test_a_taken_address_is_a_conflict_that_leaves_the_unit_of_work_usable(
        self, database: Database, ada: User
    ) -> None:
        async with database.unit_of_work() as uow:
            await uow.users.add(person("grace@example.com"))
            with pytest.raises(Conflict):
                await uow.users.add(person())
            await uow.users.add(person("joan@example.com"))
        async with database.reading() as uow:
            emails = {user.email for user in await uow.users.page(None, 10)}
        assert emails == {"ada@example.com", "grace@example.com", "joan@example.com"}

    async def test_pages_follow_one_another_without_gap(self, database: Database) -> None:
        async with database.unit_of_work() as uow:
            for number in range(5):
                await uow.users.add(person(f"{number}@example.com"))
        async with database.reading() as uow:
            everyone = [user.id for user in await uow.users.page(None, 10)]
            first = await uow.users.page(None, 3)
            second = await uow.users.page(first[-1].id, 3)
        assert [user.id for user in (*first, *second)] == everyone == sorted(everyone)

    async def test_an_account_read_in_one_unit_of_work_is_saved_in_another(
        self, database: Database, ada: User
    ) -> None:
        async with database.reading() as uow:
            user = await uow.users.get(ada.id)
        assert user is not None
        user.profile = {"name": "Ada"}
        user.roles = ["admin"]
        async with database.unit_of_work() as uow:
            await uow.users.save(user)
        async with database.reading() as uow:
            saved = await uow.users.get(ada.id)
        assert saved is not None
        assert (saved.profile, saved.roles) == ({"name": "Ada"}, ["admin"])

    async def test_a_taken_address_cannot_be_saved(self, database: Database, ada: User) -> None:
        async with database.unit_of_work() as uow:
            await uow.users.add(person("grace@example.com"))
            user = await uow.users.get(ada.id)
            assert user is not None
            user.email_key = "grace@example.com"
            with pytest.raises(Conflict):
                await uow.users.save(user)
            assert user.email_key == "ada@example.com"
            user.email_verified = True
            await uow.users.save(user)
        async with database.reading() as uow:
            saved = await uow.users.by_email_key("ada@example.com")
        assert saved is not None
        assert saved.email_verified

    async def test_deleting_an_account_takes_along_what_hangs_from_it(
        self, database: Database, ada: User, her_grant: Grant
    ) -> None:
        async with database.unit_of_work() as uow:
            await uow.sessions.add(browser_session(ada))
            await uow.refresh_tokens.add(refresh_token(her_grant, "r"))
            await uow.consents.remember(ada.id, "app", ["openid"], [], NOW)
        async with database.unit_of_work() as uow:
            assert await uow.users.delete(ada.id)
            assert not await uow.users.delete(ada.id)
        async with database.reading() as uow:
            assert await uow.users.get(ada.id) is None
            assert await uow.grants.get(her_grant.id) is None
            assert await uow.sessions.by_token_digest("cookie") is None
            assert await uow.refresh_tokens.find("r") is None
            assert await uow.consents.get(ada.id, "app") is None


class TestBrowserSessions:
    async def test_a_cookie_leads_to_the_session_and_its_person(self, database: Database, ada: User) -> None:
        made = browser_session(ada)
        async with database.unit_of_work() as uow:
            await uow.sessions.add(made)
        async with database.reading() as uow:
            found = await uow.sessions.with_user("cookie")
            assert found is not None
            assert (found[0].id, found[1].id) == (made.id, ada.id)
            assert await uow.sessions.with_user("another") is None
            assert await uow.sessions.by_token_digest("cookie") is await uow.sessions.get(made.id)

    async def test_the_sessions_unused_for_the_longest_end_when_there_are_too_many(
        self, database: Database, ada: User
    ) -> None:
        made = [browser_session(ada, f"{n}", last_seen_at=NOW + n) for n in range(5)]
        async with database.unit_of_work() as uow:
            for session in made:
                await uow.sessions.add(session)
        async with database.unit_of_work() as uow:
            assert await uow.sessions.end_surplus(ada.id, 3, NOW, kept_id=made[0].id) == 2
        async with database.reading() as uow:
            live = await uow.sessions.live_for_user(ada.id, NOW, HOUR)
        assert [session.id for session in live] == [made[4].id, made[3].id, made[0].id]

    async def test_a_session_ends_once(self, database: Database, ada: User) -> None:
        made = browser_session(ada)
        async with database.unit_of_work() as uow:
            await uow.sessions.add(made)
        async with database.unit_of_work() as uow:
            assert await uow.sessions.end(made.id, NOW + 1)
            assert not await uow.sessions.end(made.id, NOW + 2)
        async with database.reading() as uow:
            ended = await uow.sessions.get(made.id)
        assert ended is not None
        assert ended.ended_at == NOW + 1

    async def test_all_sessions_but_this_one_are_ended(self, database: Database, ada: User) -> None:
        made = [browser_session(ada, digest) for digest in "abc"]
        async with database.unit_of_work() as uow:
            for each in made:
                await uow.sessions.add(each)
        async with database.unit_of_work() as uow:
            assert await uow.sessions.end_all_for_user(ada.id, NOW, except_id=made[1].id) == 2
        async with database.reading() as uow:
            live = await uow.sessions.live_for_user(ada.id, NOW, idle_ttl=HOUR)
        assert [each.id for each in live] == [made[1].id]

    async def test_live_sessions_are_neither_ended_nor_expired_nor_idle(
        self, database: Database, ada: User
    ) -> None:
        async with database.unit_of_work() as uow:
            await uow.sessions.add(browser_session(ada, "live"))
            await uow.sessions.add(browser_session(ada, "later", last_seen_at=NOW + 1))
            await uow.sessions.add(browser_session(ada, "ended", ended_at=NOW))
            await uow.sessions.add(browser_session(ada, "expired", expires_at=NOW))
            await uow.sessions.add(idle := browser_session(ada, "idle", last_seen_at=NOW - 600))
        async with database.reading() as uow:
            live = await uow.sessions.live_for_user(ada.id, NOW, idle_ttl=600)
        assert [each.token_digest for each in live] == ["later", "live"]
        async with database.unit_of_work() as uow:
            await uow.sessions.touch(idle.id, NOW)
        async with database.reading() as uow:
            assert len(await uow.sessions.live_for_user(ada.id, NOW, idle_ttl=600)) == 3


class TestClients:
    async def test_a_taken_id_is_a_conflict_that_leaves_the_unit_of_work_usable(
        self, database: Database, ada: User
    ) -> None:
        async with database.unit_of_work() as uow:
            with pytest.raises(Conflict):
                await uow.clients.add(client())
            await uow.clients.add(client("other"))
        async with database.reading() as uow:
            assert [each.client_id for each in await uow.clients.page(None, 10)] == ["app", "other"]
            assert [each.client_id for each in await uow.clients.page("app", 10)] == ["other"]

    async def test_of_many_that_add_one_client_at_once_one_succeeds(self, database: Database) -> None:
        async def add(uow: UnitOfWork, _number: int) -> bool:
            try:
                await uow.clients.add(client())
            except Conflict:
                return False
            return True

        assert sorted(await at_once(database, 10, add)) == [False] * 9 + [True]

    async def test_origins_are_told_of_enabled_clients(self, database: Database) -> None:
        metadata = {"allowed_origins": ["https://app.example"]}
        async with database.unit_of_work() as uow:
            await uow.clients.add(client("on", redirect_uris=["https://app.example/cb"], metadata_=metadata))
            await uow.clients.add(client("off", disabled_at=NOW))
        async with database.reading() as uow:
            told = await uow.clients.all_redirect_and_origin_metadata()
        assert list(told) == [(["https://app.example/cb"], [], metadata)]

    async def test_a_client_is_saved_and_deleted(self, database: Database) -> None:
        async with database.unit_of_work() as uow:
            await uow.clients.add(client())
        async with database.unit_of_work() as uow:
            found = await uow.clients.get("app")
            assert found is not None
            found.client_name = "Renamed"
            await uow.clients.save(found)
        async with database.unit_of_work() as uow:
            found = await uow.clients.get("app")
            assert found is not None
            assert found.client_name == "Renamed"
            assert await uow.clients.delete("app")
            assert not await uow.clients.delete("app")


class TestConsents:
    async def test_what_is_allowed_adds_up(self, database: Database, ada: User) -> None:
        async with database.unit_of_work() as uow:
            await uow.consents.remember(ada.id, "app", ["openid", "email"], [], NOW)
            first = await uow.consents.get(ada.id, "app")
            assert first is not None
            assert (first.scopes, first.claims) == (["email", "openid"], [])
            await uow.consents.remember(ada.id, "app", ["openid", "profile"], ["phone_number"], NOW + 1)
            second = await uow.consents.get(ada.id, "app")
            assert second is not None
            assert (second.scopes, second.claims) == (["email", "openid", "profile"], ["phone_number"])
            assert second.granted_at == NOW + 1
            assert len(await uow.consents.for_user(ada.id)) == 1

    async def test_what_is_allowed_at_once_all_counts(self, database: Database, ada: User) -> None:
        await at_once(
            database, 20, lambda uow, number: uow.consents.remember(ada.id, "app", [f"s{number:02}"], [], NOW)
        )
        async with database.reading() as uow:
            consent = await uow.consents.get(ada.id, "app")
        assert consent is not None
        assert consent.scopes == [f"s{number:02}" for number in range(20)]

    async def test_what_is_forgotten_must_be_asked_again(self, database: Database, ada: User) -> None:
        async with database.unit_of_work() as uow:
            await uow.consents.remember(ada.id, "app", ["openid"], [], NOW)
            assert await uow.consents.forget(ada.id, "app")
            assert not await uow.consents.forget(ada.id, "app")
            assert await uow.consents.get(ada.id, "app") is None


class TestGrants:
    async def test_a_code_is_redeemed_once_and_its_grant_lives_on(
        self, database: Database, her_grant: Grant
    ) -> None:
        async with database.unit_of_work() as uow:
            redeemed = await uow.grants.redeem_code(her_grant.id, NOW + 1, NOW + 9 * HOUR)
            assert redeemed is not None
            assert (redeemed.code_redeemed_at, redeemed.expires_at) == (NOW + 1, NOW + 9 * HOUR)
            assert await uow.grants.redeem_code(her_grant.id, NOW + 2, NOW) is None
            assert await uow.grants.redeem_code("no-such-grant", NOW, NOW) is None

    async def test_redeeming_never_shortens_a_grant(self, database: Database, her_grant: Grant) -> None:
        async with database.unit_of_work() as uow:
            redeemed = await uow.grants.redeem_code(her_grant.id, NOW, NOW + 1)
        assert redeemed is not None
        assert redeemed.expires_at == NOW + HOUR

    async def test_of_fifty_redemptions_at_once_one_wins(self, database: Database, her_grant: Grant) -> None:
        results = await at_once(
            database, 50, lambda uow, _: uow.grants.redeem_code(her_grant.id, NOW, NOW + HOUR)
        )
        assert sum(result is not None for result in results) == 1

    async def test_the_code_of_a_revoked_grant_is_worth_nothing(
        self, database: Database, her_grant: Grant
    ) -> None:
        async with database.unit_of_work() as uow:
            assert await uow.grants.revoke(her_grant.id, NOW)
            assert not await uow.grants.revoke(her_grant.id, NOW + 1)
            assert await uow.grants.redeem_code(her_grant.id, NOW, NOW) is None

    async def test_offline_access_outlives_the_browser_session(self, database: Database, ada: User) -> None:
        session = browser_session(ada)
        scopes = ["openid", "openid offline_access email", "offline_access", "openid offline_accessory"]
        async with database.unit_of_work() as uow:
            await uow.sessions.add(session)
            for scope in [*scopes, "offlineXaccess"]:
                await uow.grants.add(grant(ada, session_id=session.id, scope=scope))
            await uow.grants.add(grant(ada, scope="elsewhere"))
        async with database.unit_of_work() as uow:
            assert await uow.grants.revoke_for_session(session.id, NOW, keep_offline=True) == 3
        async with database.unit_of_work() as uow:
            active = [scopes for _, _, scopes in await uow.grants.summary_for_user(ada.id, NOW)]
            expected = [["elsewhere"], ["offline_access"], ["openid", "offline_access", "email"]]
            assert sorted(active) == expected
            assert await uow.grants.revoke_for_session(session.id, NOW, keep_offline=False) == 2

    async def test_grants_are_revoked_by_client_and_by_person(self, database: Database, ada: User) -> None:
        async with database.unit_of_work() as uow:
            await uow.clients.add(client("other"))
            for client_id in ("app", "app", "other"):
                await uow.grants.add(grant(ada, client_id=client_id))
            assert await uow.grants.revoke_for_client_and_user("app", ada.id, NOW) == 2
            assert await uow.grants.revoke_for_user(ada.id, NOW) == 1
            assert await uow.grants.summary_for_user(ada.id, NOW) == []

    async def test_active_grants_are_neither_revoked_nor_expired(self, database: Database, ada: User) -> None:
        async with database.unit_of_work() as uow:
            await uow.grants.add(active := grant(ada, scope="active"))
            await uow.grants.add(grant(ada, scope="active", created_at=NOW + 9))
            await uow.grants.add(grant(ada, scope="revoked", revoked_at=NOW))
            await uow.grants.add(expired := grant(ada, scope="expired", expires_at=NOW))
            summary = await uow.grants.summary_for_user(ada.id, NOW)
            assert summary == [(active.client_id, active.created_at, ["active"])]
            await uow.grants.extend(expired.id, NOW + 1)
            await uow.grants.extend(active.id, NOW - 1)
            assert len(await uow.grants.summary_for_user(ada.id, NOW)) == 2

    async def test_a_token_stands_while_grant_person_and_jti_do(
        self, database: Database, ada: User, her_grant: Grant
    ) -> None:
        async with database.unit_of_work() as uow:
            status = await uow.grants.token_status(her_grant.id, "jti")
            assert (status.grant_active, status.jti_revoked) == (True, False)
            assert status.user is not None
            assert status.grant is not None
            assert (status.user.email, status.grant.scope) == ("ada@example.com", "openid")
            await uow.revoked_tokens.add("jti", NOW)
            assert (await uow.grants.token_status(her_grant.id, "jti")).jti_revoked

    async def test_a_token_falls_with_its_grant(self, database: Database, her_grant: Grant) -> None:
        async with database.unit_of_work() as uow:
            await uow.grants.revoke(her_grant.id, NOW)
        async with database.reading() as uow:
            assert not (await uow.grants.token_status(her_grant.id, "jti")).grant_active

    async def test_a_token_falls_with_its_person(
        self, database: Database, ada: User, her_grant: Grant
    ) -> None:
        async with database.unit_of_work() as uow:
            user = await uow.users.get(ada.id)
            assert user is not None
            user.disable(DisabledBy.OPERATOR, NOW)
            await uow.users.save(user)
        async with database.reading() as uow:
            assert not (await uow.grants.token_status(her_grant.id, "jti")).grant_active

    async def test_without_a_grant_only_the_jti_is_looked_at(self, database: Database, ada: User) -> None:
        async with database.unit_of_work() as uow:
            await uow.revoked_tokens.add("revoked", NOW)
            for grant_id in (None, "no-such-grant"):
                assert (await uow.grants.token_status(grant_id, "revoked")).jti_revoked
                status = await uow.grants.token_status(grant_id, "other")
                assert (status.jti_revoked, status.grant_active, status.user) == (False, False, None)


class TestRefreshTokens:
    @pytest.fixture(autouse=True)
    async def _her_token(self, database: Database, her_grant: Grant) -> None:
        async with database.unit_of_work() as uow:
            await uow.refresh_tokens.add(refresh_token(her_grant, "old"))

    async def test_a_token_is_found_with_its_grant(
        self, database: Database, ada: User, her_grant: Grant
    ) -> None:
        async with database.reading() as uow:
            found = await uow.refresh_tokens.find("old")
            assert await uow.refresh_tokens.find("unknown") is None
        assert found is not None
        assert (found.token.used_at, found.grant.id, found.stands) == (None, her_grant.id, True)
        async with database.unit_of_work() as uow:
            user = await uow.users.get(ada.id)
            assert user is not None
            user.disable(DisabledBy.OPERATOR, NOW)
            await uow.users.save(user)
        async with database.reading() as uow:
            found = await uow.refresh_tokens.find("old")
        assert found is not None
        assert not found.stands

    async def test_a_rotation_spends_the_old_token_adds_the_new_and_extends_the_grant(
        self, database: Database, her_grant: Grant
    ) -> None:
        async with database.unit_of_work() as uow:
            new = refresh_token(her_grant, "new", parent="old")
            assert await uow.refresh_tokens.rotate("old", new, NOW + 1, NOW + 9 * HOUR)
        async with database.reading() as uow:
            old, added = await uow.refresh_tokens.find("old"), await uow.refresh_tokens.find("new")
        assert old is not None
        assert added is not None
        assert (old.token.used_at, added.token.used_at, added.token.parent_digest) == (NOW + 1, None, "old")
        assert added.grant.expires_at == NOW + 9 * HOUR

    async def test_a_rotation_never_shortens_the_grant(self, database: Database, her_grant: Grant) -> None:
        async with database.unit_of_work() as uow:
            assert await uow.refresh_tokens.rotate("old", refresh_token(her_grant, "new"), NOW, NOW + 1)
            found = await uow.refresh_tokens.find("new")
        assert found is not None
        assert found.grant.expires_at == NOW + HOUR

    async def test_a_lost_rotation_changes_nothing(self, database: Database, her_grant: Grant) -> None:
        async with database.unit_of_work() as uow:
            assert await uow.refresh_tokens.spend("old", NOW)
            assert not await uow.refresh_tokens.spend("old", NOW)
            late = refresh_token(her_grant, "late")
            assert not await uow.refresh_tokens.rotate("old", late, NOW, NOW + 9 * HOUR)
            assert not await uow.refresh_tokens.rotate("unknown", late, NOW, NOW + 9 * HOUR)
            assert await uow.refresh_tokens.find("late") is None
            found = await uow.refresh_tokens.find("old")
        assert found is not None
        assert (found.token.used_at, found.grant.expires_at) == (NOW, NOW + HOUR)

    async def test_of_fifty_rotations_at_once_one_wins_and_one_token_is_added(
        self, database: Database, her_grant: Grant
    ) -> None:
        results = await at_once(
            database,
            50,
            lambda uow, number: uow.refresh_tokens.rotate(
                "old", refresh_token(her_grant, f"new-{number}"), NOW, NOW + 2 * HOUR
            ),
        )
        assert sorted(results) == [False] * 49 + [True]
        async with database.reading() as uow:
            found = [await uow.refresh_tokens.find(f"new-{number}") for number in range(50)]
        assert [each is not None for each in found] == results


class TestRevokedTokens:
    async def test_a_token_may_be_revoked_twice(self, database: Database) -> None:
        async with database.unit_of_work() as uow:
            assert not await uow.revoked_tokens.contains("jti")
            await uow.revoked_tokens.add("jti", NOW)
            await uow.revoked_tokens.add("jti", NOW)
            assert await uow.revoked_tokens.contains("jti")


class TestSigningKeys:
    async def test_of_many_workers_that_make_a_generation_one_succeeds(self, database: Database) -> None:
        results = await at_once(
            database, 10, lambda uow, number: uow.signing_keys.add(key(f"kid-{number}", generation=7))
        )
        assert sorted(results) == [False] * 9 + [True]
        async with database.reading() as uow:
            assert len(await uow.signing_keys.all()) == 1

    async def test_the_loser_may_go_on_in_its_unit_of_work(self, database: Database) -> None:
        async with database.unit_of_work() as uow:
            assert await uow.signing_keys.add(key("a"))
            assert not await uow.signing_keys.add(key("b"))
            assert await uow.signing_keys.add(key("c", generation=2))
            assert await uow.signing_keys.add(key("d", alg="ES256"))
        async with database.reading() as uow:
            assert [each.kid for each in await uow.signing_keys.all()] == ["d", "a", "c"]

    async def test_a_key_expires_and_is_deleted(self, database: Database) -> None:
        async with database.unit_of_work() as uow:
            await uow.signing_keys.add(key("a"))
        async with database.unit_of_work() as uow:
            assert await uow.signing_keys.set_expiry("a", NOW)
            assert not await uow.signing_keys.set_expiry("b", NOW)
            assert [each.expires_at for each in await uow.signing_keys.all()] == [NOW]
            assert await uow.signing_keys.delete("a")
            assert not await uow.signing_keys.delete("a")


class TestAuditEvents:
    async def test_the_trail_reads_backwards_in_pages_and_by_person(self, database: Database) -> None:
        async with database.unit_of_work() as uow:
            for number in range(6):
                # In pairs at one instant: a page may end between two of them.
                await uow.audit.add(
                    AuditEvent(at=NOW + number // 2, name="login", user_id=f"user-{number % 2}")
                )
        async with database.reading() as uow:
            whole = [each.id for each in await uow.audit.page(None, 10)]
            first = await uow.audit.page(None, 3)
            second = await uow.audit.page(first[-1].id, 3)
            hers = await uow.audit.page(None, 10, user_id="user-1", name="login")
            assert await uow.audit.page(None, 10, client_id="app") == []
        assert [each.id for each in (*first, *second)] == whole
        assert [each.at for each in hers] == [NOW + 2, NOW + 1, NOW]


class TestOutboxMails:
    async def test_due_mails_are_neither_sent_nor_waiting_nor_given_up(self, database: Database) -> None:
        async with database.unit_of_work() as uow:
            mails = [mail(name) for name in ("due", "sent", "waiting", "hopeless")]
            for each in mails:
                await uow.mails.add(each)
        _due, sent, waiting, hopeless = mails
        async with database.unit_of_work() as uow:
            await uow.mails.mark_sent(sent.id, NOW)
            await uow.mails.mark_failed(waiting.id, "busy " * 200, NOW + 60)
            await uow.mails.mark_failed(hopeless.id, "no such mailbox", None)
        async with database.unit_of_work() as uow:
            claimed = [each.recipient for each in await uow.mails.claim(NOW, lease=30, limit=10)]
            assert claimed == ["due"]
            assert await uow.mails.claim(NOW + 29, lease=30, limit=10) == ()
            claimed = [each.recipient for each in await uow.mails.claim(NOW + 60, lease=30, limit=10)]
            assert sorted(claimed) == ["due", "waiting"]
            recent = {each.recipient: each for each in await uow.mails.recent(10)}
        assert recent["hopeless"].next_try_at == math.inf
        assert (recent["waiting"].tries, len(recent["waiting"].last_error)) == (1, 400)
        assert recent["sent"].sent_at == NOW

    async def test_two_workers_do_not_get_the_same_mail(self, database: Database) -> None:
        async with database.unit_of_work() as uow:
            for number in range(4):
                await uow.mails.add(mail(f"{number}"))

        async def send_two(uow: UnitOfWork, _number: int) -> list[str]:
            mails = await uow.mails.claim(NOW, lease=60, limit=2)
            await asyncio.sleep(0.05)
            return [each.recipient for each in mails]

        sent = [name for names in await at_once(database, 2, send_two) for name in names]  # type: ignore[attr-defined]
        assert sorted(sent) == ["0", "1", "2", "3"]
