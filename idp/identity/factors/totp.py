"""Codes of an authenticator app (RFC 6238): SHA-1, six digits, thirty seconds, as the apps expect."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pyotp

from idp.clock import Clock
from idp.crypto import MasterKey
from idp.errors import InvalidValue
from idp.events.audit import record
from idp.events.catalogue import FactorAdded
from idp.identity.acr import AMR_MULTI, AMR_ONE_TIME_CODE
from idp.identity.factors.factor import ChallengeAnswer, EnrollableFactor, FactorParts
from idp.identity.generation import ProvenAccount, still
from idp.identity.names import claim_name
from idp.storage.database import Database
from idp.storage.models import TotpCredential, User, new_id
from idp.storage.single_use import SingleUse
from idp.text import Text

STEP_SECONDS = 30
WINDOW = 1
"""Steps by which a phone's clock may be off, either way (RFC 6238 §5.2)."""
DRAFT_TTL = 3600
"""Seconds in which an enrolment must be confirmed."""
MOST = 10
"""Authenticators for one person."""


@dataclass(frozen=True, slots=True)
class TotpDraft:
    """An authenticator that is being enrolled: the secret, to be shown once, sealed on the way."""

    secret: str
    """Base32, to type."""
    uri: str
    """`otpauth://`, for the QR code."""
    sealed: str
    """The secret for the form's hidden field; opens only for this person."""

    @property
    def grouped(self) -> str:
        """The secret in groups of four, for people to type."""
        return " ".join(self.secret[i : i + 4] for i in range(0, len(self.secret), 4))


class Totp(EnrollableFactor):
    """Authenticator apps."""

    kind = "totp"
    credential = TotpCredential
    page = "totp"
    amr = (AMR_ONE_TIME_CODE, AMR_MULTI)

    choose = Text("Use your authenticator app")
    challenge = Text("Enter the code that your authenticator app shows.")
    wrong = Text("This code is not right, or it was used already. Wait for the next one.")

    label = Text("Authenticator app")
    add = Text("Add an authenticator app")
    set_up = Text("Set up an authenticator app")
    set_up_lead = Text(
        "The app shows a new code every 30 seconds. When you sign in, enter the code after your password."
    )
    instead = Text("Use an authenticator app instead")
    enrolment_template = "factors/totp_enrol.html"

    def __init__(
        self,
        database: Database,
        single_use: SingleUse,
        master_key: MasterKey,
        clock: Clock,
        issuer_name: str,
    ) -> None:
        self._database = database
        self._single_use = single_use
        self._master_key = master_key
        self._clock = clock
        self._issuer_name = issuer_name

    @classmethod
    def of(cls, parts: FactorParts) -> Self:
        """Make the factor."""
        return cls(parts.database, parts.single_use, parts.master_key, parts.clock, parts.settings.brand.name)

    async def is_available(self, user: User) -> bool:
        """Tell whether the person has an authenticator."""
        async with self._database.reading() as uow:
            return bool(await uow.factors.of_user(TotpCredential, user.id))

    async def enrolment_context(self, user: User, draft: str | None = None) -> Mapping[str, Any]:
        """Return a secret for the app, or that of a form that comes back."""
        found = self.resume(user, draft) if draft else self.draft(user)
        return {"draft": found}

    async def finish_enrolment(self, user: User, form: Mapping[str, str], unnamed: str) -> tuple[str, ...]:
        """Store the authenticator if the code of the form is its current one; raise `InvalidValue`."""
        name = form.get("name", "").strip() or unnamed
        await self.enrol(user, form.get("draft", ""), form.get("code", "")[:64], name[:100])
        return self.amr

    def draft(self, user: User) -> TotpDraft:
        """Begin an enrolment; nothing is stored until a code confirms it."""
        secret = pyotp.random_base32()
        uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=self._issuer_name)
        draft = json.dumps([secret, self._clock.now()])
        sealed = self._master_key.seal(draft.encode(), context=f"totp-draft:{user.id}")
        return TotpDraft(secret, uri, sealed)

    def resume(self, user: User, sealed: str) -> TotpDraft:
        """Return the draft of a form that came back; raise `InvalidValue` when it is not this person's."""
        secret = self._open_draft(user, sealed)
        uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=self._issuer_name)
        return TotpDraft(secret, uri, sealed)

    async def enrol(self, user: User, sealed: str, code: str, name: str) -> str:
        """Store the authenticator if `code` is its current one and return its id; raise `InvalidValue`."""
        secret = self._open_draft(user, sealed)
        step = self._matching_step(secret, code)
        if step is None:
            raise InvalidValue(
                "This code is not right. Check the clock of your phone and try the next code.", field="code"
            )
        # One draft makes one authenticator, however often its form is sent.
        if not await self._single_use.use("totp-draft", sealed, DRAFT_TTL):
            raise _dead_draft("used before")
        credential_id, now = new_id(), self._clock.now()
        async with self._database.unit_of_work() as uow:
            await still(uow, ProvenAccount.of(user))
            if len(await uow.factors.of_user(TotpCredential, user.id)) >= MOST:
                raise InvalidValue(
                    Text("At most %(number)d authenticators. Remove one first.", number=MOST), field="name"
                )
            await uow.factors.add(
                TotpCredential(
                    id=credential_id,
                    user_id=user.id,
                    name=claim_name(name) or "Authenticator app",
                    sealed_secret=self._master_key.seal(secret.encode(), context=f"totp:{credential_id}"),
                    last_step=step,  # the confirming code is spent
                    created_at=now,
                    last_used_at=None,
                )
            )
            await record(uow, FactorAdded(user_id=user.id, kind=self.kind), now)
        return credential_id

    async def check(self, user: User, answer: ChallengeAnswer) -> tuple[str, ...] | None:
        """Take the code if it is that of one of the person's authenticators and was not taken before."""
        async with self._database.unit_of_work() as uow:
            for credential in await uow.factors.of_user(TotpCredential, user.id):
                context = f"totp:{credential.id}"
                secret = self._master_key.open(credential.sealed_secret, context=context).decode()
                step = self._matching_step(secret, answer.code)
                if step is not None and await uow.factors.accept_totp_step(
                    credential.id, step, self._clock.now()
                ):
                    return self.amr
        return None

    def _matching_step(self, secret: str, code: str) -> int | None:
        digits = "".join(character for character in code if not character.isspace())
        totp = pyotp.TOTP(secret)
        current = int(self._clock.now()) // STEP_SECONDS
        found = None
        for step in range(current - WINDOW, current + WINDOW + 1):  # all of them: the time tells nothing
            if hmac.compare_digest(totp.generate_otp(step).encode(), digits.encode()):
                found = step
        return found

    def _open_draft(self, user: User, sealed: str) -> str:
        try:
            secret, begun = json.loads(self._master_key.open(sealed, context=f"totp-draft:{user.id}"))
        except Exception as error:  # whatever a form can hold that is not our seal
            raise _dead_draft(repr(error)) from error
        if self._clock.now() - begun >= DRAFT_TTL:
            raise _dead_draft("expired")
        return str(secret)


def _dead_draft(detail: str) -> InvalidValue:
    return InvalidValue("This enrolment is not yours or is too old. Begin again.", detail=detail)
