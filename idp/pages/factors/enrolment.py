"""Enrolling a factor: what the pages in the flow and those of the account share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import segno
from markupsafe import Markup

from idp.errors import InvalidValue
from idp.identity.factors.passkeys import amr_of
from idp.identity.factors.registry import FactorRegistry
from idp.identity.second_factor import Proven, SecondFactors
from idp.storage.models import User
from idp.text import Text

QR_SCALE = 5


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an enrolment led to: the factor was proven by it, and there may be codes to show."""

    proven: Proven
    recovery_codes: list[str] | None
    """Ten new ones when the person had none; shown now and never again."""


class Enrolment:
    """Begins and finishes enrolments of one person."""

    KINDS = ("totp", "webauthn")

    def __init__(
        self, factors: FactorRegistry, second_factors: SecondFactors, say: Callable[[str], str]
    ) -> None:
        """`say` puts a sentence into the language of the request at hand."""
        self._say = say
        self._factors = factors
        self._second_factors = second_factors

    async def context(self, user: User, kind: str, *, draft: str | None = None) -> dict[str, Any]:
        """Return what the template of a kind needs. `draft` is that of a form that comes back."""
        if kind == "webauthn":
            return {"kind": kind, "ceremony": await self._factors.passkeys.begin_registration(user)}
        totp = self._factors.totp
        found = totp.resume(user, draft) if draft else totp.draft(user)
        svg = segno.make(found.uri, micro=False).svg_inline(scale=QR_SCALE, dark="#000", light="#fff")
        groups = " ".join(found.secret[i : i + 4] for i in range(0, len(found.secret), 4))
        return {
            "kind": "totp",
            "ceremony": None,
            "draft": found.sealed,
            "secret": groups,
            "uri": found.uri,
            "qr": Markup(svg),  # noqa: S704  drawn by us from modules, no text of anybody's in it
        }

    async def finish(self, user: User, form: Any) -> Enrolled:
        """Take a form; raise `InvalidValue` with the reason when it proves nothing."""
        kind, name = form.get("kind", ""), form.get("name", "")[:100]
        if kind == "totp":
            name = name.strip() or self._say(Text("Authenticator app"))
            await self._factors.totp.enrol(user, form.get("draft", ""), form.get("code", "")[:64], name)
            proven = Proven(kind, self._factors.totp.amr)
        elif kind == "webauthn":
            ceremony, assertion = form.get("ceremony", "")[:200], form.get("assertion", "")
            passkey = await self._factors.passkeys.register(user, ceremony, assertion, name)
            proven = Proven(kind, amr_of(passkey))
        else:
            raise InvalidValue("Choose what to set up.", field="kind")
        await self._second_factors.added(user)
        codes = self._factors.recovery_codes
        fresh = None if await codes.left(user.id) else await codes.make(user.id)
        return Enrolled(proven, fresh)
