"""/users/me: a person's own account."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Security
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from idp.api.access import AccountAccess, Caller, caller_of
from idp.api.docs import describe
from idp.api.models import (
    Account,
    AppPage,
    AppView,
    ChangeEmail,
    ChangePassword,
    ConfirmEmail,
    DeleteAccount,
    Deleted,
    PersonalData,
    Profile,
    SessionPage,
    SessionView,
    SignInPage,
    SignInView,
    Status,
)
from idp.api.paging import page_of
from idp.clock import Clock
from idp.config import SessionSettings
from idp.errors import InvalidValue, NotFound, Throttled
from idp.flow.sign_out import SignOut
from idp.identity.accounts import ADMIN
from idp.identity.app_sign_ins import AppSignIns
from idp.identity.claims import PROFILE_CLAIMS
from idp.identity.email_change import EmailChanges
from idp.identity.self_service import SelfService
from idp.oauth.scopes import ACCOUNT
from idp.ops.rate_limit import RateLimiter
from idp.storage.database import Database
from idp.storage.models import User

Cursor = Annotated[
    str | None, Query(max_length=600, description="`next_cursor` of the page before; the first if left out.")
]
Limit = Annotated[int, Query(ge=1, le=100, description="Items on a page.")]
Id = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[!-~]+$")]

_REFUSED = ("authentication_required", "insufficient_scope")
_FAULTS = ("invalid_request", "invalid_value", "throttled", "unavailable")


class UserRoutes:
    """Profile, address, password, sessions, apps, data, deletion."""

    def __init__(
        self,
        *,
        database: Database,
        access: AccountAccess,
        self_service: SelfService,
        email_changes: EmailChanges,
        sign_out: SignOut,
        sign_ins: AppSignIns,
        sessions: SessionSettings,
        clock: Clock,
        limiter: RateLimiter,
        profile_per_minute: int,
    ) -> None:
        self._database = database
        self._access = access
        self._self_service = self_service
        self._email_changes = email_changes
        self._sign_out = sign_out
        self._sign_ins = sign_ins
        self._idle_ttl = sessions.idle_ttl
        self._clock = clock
        self._limiter = limiter
        self._profile_per_minute = profile_per_minute

    @property
    def me(self) -> APIRouter:
        """The account once more, at `/auth/me`."""
        access = Security(self._access, scopes=[ACCOUNT])
        router = APIRouter(prefix="/auth", tags=["account"], dependencies=[access])
        router.add_api_route(
            "/me",
            self.show,
            methods=["GET"],
            summary="The account (as /users/me)",
            responses=describe(*_REFUSED, *_FAULTS),
            response_model_exclude_none=True,
            operation_id="auth_me",
        )
        return router

    @property
    def router(self) -> APIRouter:
        """The routes below `/users`."""
        access = Security(self._access, scopes=[ACCOUNT])
        router = APIRouter(prefix="/users", tags=["account"], dependencies=[access])

        def route(method: str, path: str, endpoint: Any, summary: str, *codes: str, **options: Any) -> None:
            router.add_api_route(
                path,
                endpoint,
                methods=[method],
                summary=summary,
                responses=describe(*codes, *_REFUSED, *_FAULTS),
                response_model_exclude_none=path == "/me",
                **options,
            )

        credentials = ("client_not_allowed", "reauthentication_required")
        route("GET", "/me", self.show, "The account")
        route("PUT", "/me", self.update, "Change the profile")
        route("DELETE", "/me", self.delete, "Delete the account", *credentials, status_code=202)
        route("POST", "/me/password", self.change_password, "Change the password", *credentials)
        route(
            "POST",
            "/change-password",
            self.change_password,
            "Change the password (as /me/password)",
            *credentials,
        )
        route(
            "POST", "/me/email", self.change_email, "Ask for another address", *credentials, status_code=202
        )
        route(
            "POST",
            "/me/email/confirm",
            self.confirm_email,
            "Confirm the new address by its code",
            *credentials,
        )
        route("GET", "/me/sessions", self.sessions, "Where the person is signed in")
        route(
            "DELETE", "/me/sessions/{session_id}", self.end_session, "End one", "not_found", status_code=204
        )
        route("GET", "/me/sign-ins", self.sign_ins, "Sign-ins in apps, without a browser")
        route("DELETE", "/me/sign-ins", self.end_sign_ins, "End all others", status_code=204)
        route(
            "DELETE", "/me/sign-ins/{sign_in_id}", self.end_sign_in, "End one", "not_found", status_code=204
        )
        route("GET", "/me/apps", self.apps, "Which apps have access")
        route(
            "DELETE",
            "/me/apps/{client_id:path}",
            self.revoke_app,
            "Take an app's access away",
            "not_found",
            status_code=204,
        )
        route(
            "GET",
            "/me/data",
            self.data,
            "Everything that is kept about the user",
            response_model=PersonalData,
        )
        return router

    async def show(self, request: Request) -> Account:
        """Answer with the account."""
        return await self._account(caller_of(request).user)

    async def update(self, request: Request, body: Profile) -> Account:
        """A field that is left out stays, null or an empty text removes it, one that is not here is refused."""
        wait = self._limiter.hit(f"api-profile:user:{caller_of(request).id}", self._profile_per_minute)
        if wait is not None:
            raise Throttled("Too many changes of this profile. Wait a moment.", retry_after=wait)
        changes = body.model_dump(exclude_unset=True)
        if isinstance(changes.get("address"), dict):
            changes["address"] = {name: text for name, text in changes["address"].items() if text is not None}
        return await self._account(
            await self._self_service.profiles.update(caller_of(request).account, changes)
        )

    async def delete(self, request: Request, body: DeleteAccount | None = None) -> Deleted:
        """Signs the person out everywhere at once. Until `delete_at`, the mail has a link back."""
        caller = caller_of(request)
        await self._require_password(caller, body.current_password if body else None)
        delete_at = await self._self_service.deletion.delete(caller.account, address=caller.address)
        return Deleted(delete_at=int(delete_at))

    async def change_password(self, request: Request, body: ChangePassword) -> Status:
        """The tokens of this grant go on; with `end_others` everything else is signed out."""
        caller = caller_of(request)
        self._access.require_first_party(caller)
        await self._access.require_proof(caller, recent=caller.user.password_hash is None)
        try:
            await self._self_service.password.change(
                caller.account,
                body.current_password or "",
                body.new_password,
                keep_session=caller.session_id,
                keep_grant=caller.grant_id,
                end_others=body.end_others,
                address=caller.address,
            )
        except InvalidValue as error:
            field = "new_password" if error.field == "password" else error.field
            raise InvalidValue(error.sentence, field=field, detail=error.detail) from error
        return Status(status="changed")

    async def change_email(self, request: Request, body: ChangeEmail) -> Status:
        """The address changes when the mail's link or code has come back. The answer does not tell whether
        somebody else has it."""
        caller = caller_of(request)
        await self._require_password(caller, body.current_password)
        await self._email_changes.ask(caller.account, body.email)
        return Status(status="accepted")

    async def confirm_email(self, request: Request, body: ConfirmEmail) -> Account:
        """The old address is told."""
        caller = caller_of(request)
        self._access.require_first_party(caller)
        user = await self._email_changes.confirm(caller.account, code=body.code, address=caller.address)
        return await self._account(user)

    async def sessions(self, request: Request, cursor: Cursor = None, limit: Limit = 20) -> SessionPage:
        """The latest sign-in comes first."""
        caller = caller_of(request)
        async with self._database.reading() as uow:
            found = await uow.sessions.live_for_user(caller.id, self._clock.now(), self._idle_ttl)
        page, following = page_of(found, lambda session: (-session.created_at, session.id), cursor, limit)
        items = [
            SessionView(
                id=session.id,
                current=session.id == caller.session_id,
                created_at=int(session.created_at),
                last_seen_at=int(session.last_seen_at),
                expires_at=int(session.expires_at),
                user_agent=session.user_agent,
                address=session.address,
            )
            for session in page
        ]
        return SessionPage(items=items, next_cursor=following)

    async def end_session(self, request: Request, session_id: Id) -> Response:
        """Ends it with what was granted in it, but for offline access."""
        if not await self._sign_out.end(session_id, caller_of(request).id):
            raise NotFound("There is no such session.")
        return Response(status_code=204)

    async def sign_ins(self, request: Request, cursor: Cursor = None, limit: Limit = 20) -> SignInPage:
        """The sign-ins by this API and the password grant; the latest comes first."""
        caller = caller_of(request)
        found = await self._sign_ins.of_user(caller.id)
        page, following = page_of(found, lambda each: (-each.created_at, each.id), cursor, limit)
        items = [
            SignInView(
                id=each.id,
                current=each.id == caller.grant_id,
                client_id=each.client_id,
                created_at=int(each.created_at),
                last_used_at=int(each.last_used_at),
                expires_at=int(each.expires_at),
                user_agent=each.user_agent,
                address=each.address,
            )
            for each in page
        ]
        return SignInPage(items=items, next_cursor=following)

    async def end_sign_in(self, request: Request, sign_in_id: Id) -> Response:
        """Ends it with all its tokens."""
        caller = caller_of(request)
        await self._sign_ins.end(caller.id, sign_in_id, address=caller.address)
        return Response(status_code=204)

    async def end_sign_ins(self, request: Request) -> Response:
        """Ends all but the one of the access token."""
        caller = caller_of(request)
        await self._sign_ins.end_all(caller.id, kept=caller.grant_id, address=caller.address)
        return Response(status_code=204)

    async def apps(self, request: Request, cursor: Cursor = None, limit: Limit = 20) -> AppPage:
        """In the order of their names."""
        found = await self._self_service.apps.of_user(caller_of(request).id)
        page, following = page_of(found, lambda app: (app.name.casefold(), app.client_id), cursor, limit)
        items = [
            AppView(client_id=app.client_id, name=app.name, scopes=list(app.scopes), since=int(app.since))
            for app in page
        ]
        return AppPage(items=items, next_cursor=following)

    async def revoke_app(self, request: Request, client_id: Id) -> Response:
        """Ends every token that it has of this person."""
        await self._self_service.apps.revoke(caller_of(request).id, client_id)
        return Response(status_code=204)

    async def data(self, request: Request) -> Response:
        """Needs a recent sign-in: it is all in one place."""
        caller = caller_of(request)
        await self._access.require_proof(caller, recent=True)
        document = await self._self_service.data.of(caller.account)
        return StreamingResponse(document, media_type="application/json")

    async def _require_password(self, caller: Caller, password: str | None) -> None:
        """A token alone may be stolen: who can take the account away for good has to know its password, and
        have the second factor if there is one."""
        self._access.require_first_party(caller)
        await self._access.require_proof(caller, recent=caller.user.password_hash is None)
        if caller.user.password_hash is None:
            return
        if not password:
            raise InvalidValue("Enter your current password.", field="current_password")
        await self._self_service.password.prove(caller.account, password, address=caller.address)

    async def _account(self, user: User) -> Account:
        async with self._database.reading() as uow:
            last_login = await uow.users.last_login(user.id)
        profile = {name: user.profile[name] for name in PROFILE_CLAIMS if name in user.profile}
        return Account(
            id=user.id,
            email=user.email,
            email_verified=user.email_verified,
            tier=user.tier,
            roles=list(user.roles),
            has_password=user.password_hash is not None,
            is_active=user.disabled_at is None,
            is_verified=user.email_verified,
            is_superuser=ADMIN in user.roles,
            last_login=None if last_login is None else int(last_login),
            created_at=int(user.created_at),
            updated_at=int(user.updated_at),
            **profile,
        )
