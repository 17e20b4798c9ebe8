"""Second factors, passkeys and trusted browsers. What must happen once is one statement."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from idp.errors import Conflict
from idp.storage.models import (
    FactorCredential,
    RecoveryCode,
    TotpCredential,
    TrustedDevice,
    User,
    WebAuthnCredential,
    new_id,
)
from idp.storage.repositories._rows import changed

Credential = TypeVar("Credential", bound=FactorCredential | TrustedDevice)


MOST = 200
"""Credentials of one kind that are read of a user at most; what adds them keeps to less."""


class Factors:
    """What people have enrolled."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, credential: FactorCredential | TrustedDevice) -> None:
        """Add a credential; raise `Conflict` when it is registered already."""
        try:
            async with self._session.begin_nested():
                self._session.add(credential)
                await self._session.flush()
        except IntegrityError as error:
            raise Conflict("This is registered already.") from error

    async def of_user(self, kind: type[Credential], user_id: str) -> Sequence[Credential]:
        """Return a user's credentials of one kind, the oldest first; never more than `MOST`."""
        statement = select(kind).where(kind.user_id == user_id).order_by(kind.created_at, kind.id)
        return (await self._session.scalars(statement.limit(MOST))).all()

    async def get(self, kind: type[Credential], credential_id: str, user_id: str) -> Credential | None:
        """Return one credential if it is this person's."""
        return await self._session.scalar(
            select(kind).where(kind.id == credential_id, kind.user_id == user_id)
        )

    async def delete(self, kind: type[Credential], credential_id: str, user_id: str) -> bool:
        """Delete one credential if it is this person's; tell whether it was."""
        statement = delete(kind).where(kind.id == credential_id, kind.user_id == user_id)
        return await changed(self._session, statement) > 0

    async def rename(
        self,
        kind: type[FactorCredential],
        credential_id: str,
        user_id: str,
        name: str,
    ) -> bool:
        """Rename one credential if it is this person's; tell whether it was."""
        statement = update(kind).where(kind.id == credential_id, kind.user_id == user_id).values(name=name)
        return await changed(self._session, statement) > 0

    async def has_any(self, user_id: str, kinds: Iterable[type[FactorCredential]]) -> bool:
        """Tell whether a person has a credential of any of these kinds, in one query."""
        any_of_them = or_(*(select(kind.id).where(kind.user_id == user_id).exists() for kind in kinds))
        return bool(await self._session.scalar(select(any_of_them)))

    async def delete_trusted_devices(self, user_id: str) -> None:
        """Forget every trusted browser of a person."""
        await self._session.execute(delete(TrustedDevice).where(TrustedDevice.user_id == user_id))

    async def delete_surplus_devices(self, user_id: str, most: int, *, kept_id: str) -> int:
        """Delete a user's trusted browsers that were unused for the longest, but for `most`, `kept_id` among them."""
        surplus = (
            select(TrustedDevice.id)
            .where(TrustedDevice.user_id == user_id, TrustedDevice.id != kept_id)
            .order_by(TrustedDevice.last_used_at.desc(), TrustedDevice.id)
            .offset(most - 1)
        )
        return await changed(self._session, delete(TrustedDevice).where(TrustedDevice.id.in_(surplus)))

    async def delete_all(
        self, user_id: str, kinds: Iterable[type[FactorCredential]], *, since: float = 0.0
    ) -> None:
        """Delete a user's credentials of these kinds, the recovery codes and every trusted browser, as far as
        they were made at `since` or later."""
        everything: list[type[FactorCredential | RecoveryCode | TrustedDevice]] = [
            *kinds,
            RecoveryCode,
            TrustedDevice,
        ]
        for kind in everything:
            await self._session.execute(delete(kind).where(kind.user_id == user_id, kind.created_at >= since))

    # An administrator's reset -----------------------------------------------------------------

    async def schedule_reset(self, user_id: str, at: float) -> bool:
        """Have a reset wait until `at`; False when one waits already, which keeps its time."""
        statement = update(User).where(User.id == user_id, User.factor_reset_at.is_(None))
        return await changed(self._session, statement.values(factor_reset_at=at)) > 0

    async def cancel_reset(self, user_id: str) -> bool:
        """Call a waiting reset off; tell whether there was one."""
        statement = update(User).where(User.id == user_id, User.factor_reset_at.is_not(None))
        return await changed(self._session, statement.values(factor_reset_at=None)) > 0

    async def due_resets(self, now: float, limit: int) -> Sequence[User]:
        """Return up to `limit` people whose reset is due."""
        statement = select(User).where(User.factor_reset_at <= now).order_by(User.factor_reset_at)
        return (await self._session.scalars(statement.limit(limit))).all()

    async def take_due_reset(self, user_id: str, now: float) -> bool:
        """Take a reset that is due, to carry it out: of many callers at once, and of one who cancels, one
        gets True."""
        statement = update(User).where(User.id == user_id, User.factor_reset_at <= now)
        return await changed(self._session, statement.values(factor_reset_at=None)) > 0

    # Single uses ------------------------------------------------------------------------------

    async def accept_totp_step(self, credential_id: str, step: int, now: float) -> bool:
        """Take a time step: of many callers at once one gets True, and no step is taken after a later one."""
        statement = (
            update(TotpCredential)
            .where(TotpCredential.id == credential_id, TotpCredential.last_step < step)
            .values(last_step=step, last_used_at=now)
        )
        return await changed(self._session, statement) > 0

    async def passkey(self, credential_id: str) -> WebAuthnCredential | None:
        """Return the passkey with this WebAuthn credential id (base64url)."""
        return await self._session.scalar(
            select(WebAuthnCredential).where(WebAuthnCredential.credential_id == credential_id)
        )

    async def note_passkey_use(
        self, passkey: WebAuthnCredential, sign_count: int, now: float, *, backed_up: bool
    ) -> bool:
        """Store the new sign count unless another assertion came in between, or the passkey is gone."""
        statement = (
            update(WebAuthnCredential)
            .where(WebAuthnCredential.id == passkey.id, WebAuthnCredential.sign_count == passkey.sign_count)
            .values(sign_count=sign_count, last_used_at=now, backed_up=backed_up)
        )
        return await changed(self._session, statement) > 0

    async def replace_recovery_codes(self, user_id: str, digests: Iterable[str], now: float) -> None:
        """Void a person's recovery codes and store new ones. The caller has locked the account: of several at
        once the last one's are good."""
        await self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        self._session.add_all(
            RecoveryCode(id=new_id(), user_id=user_id, digest=digest, created_at=now, used_at=None)
            for digest in digests
        )
        await self._session.flush()

    async def use_recovery_code(self, user_id: str, digest: str, now: float) -> bool:
        """Use a recovery code: of many callers at once one gets True."""
        statement = (
            update(RecoveryCode)
            .where(
                RecoveryCode.user_id == user_id,
                RecoveryCode.digest == digest,
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=now)
        )
        return await changed(self._session, statement) > 0

    async def recovery_codes_left(self, user_id: str) -> int:
        """Return how many recovery codes are unused."""
        statement = select(func.count()).where(
            RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
        )
        return await self._session.scalar(statement) or 0

    async def trusted_device(self, token_digest: str) -> TrustedDevice | None:
        """Return the trusted browser of a cookie, expired or not."""
        return await self._session.scalar(
            select(TrustedDevice).where(TrustedDevice.token_digest == token_digest)
        )
