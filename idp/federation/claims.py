"""What a provider says about a user, read with care: the user wrote most of it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from idp import foreign
from idp.claim_values import is_locale, is_time_zone
from idp.config import UpstreamSettings
from idp.federation.identity import UpstreamIdentity, UpstreamTokens
from idp.foreign import Malformed

LONGEST_VALUE: Final = 400
LONGEST_TOKEN: Final = 16 * 1024
LONGEST_ANSWER: Final = 512 * 1024
"""Characters: how long an ID token may be is said where it is read."""
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
PLAIN_CLAIMS: Final = (
    "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "locale", "zoneinfo"
)  # fmt: skip
_FORMS: Final = {"locale": is_locale, "zoneinfo": is_time_zone}
"""Claims that must have a form, since others read them by it."""
MULTI_FACTOR_AMR: Final = "mfa"  # RFC 8176 §2


def identity_of(
    provider: str,
    issuer: str,
    settings: UpstreamSettings,
    id_claims: Mapping[str, Any],
    userinfo: Mapping[str, Any],
    tokens: UpstreamTokens,
) -> UpstreamIdentity:
    """Return the identity of the user who came back, by the claims of the ID token and those of userinfo."""
    claims = {**userinfo, **id_claims}  # what is signed goes before what is not
    mapped = {name: claims.get(settings.claims.get(name, name)) for name in PLAIN_CLAIMS}
    email, verified = _email_of(settings, id_claims, userinfo)
    plain = {name: text for name in PLAIN_CLAIMS if (text := _plain(name, mapped[name])) is not None}
    return UpstreamIdentity(
        provider=provider,
        issuer=issuer,
        subject=str(id_claims["sub"]),
        email=email,
        email_verified=verified,
        name=plain.pop("name", None),
        claims=plain,
        auth_time=auth_time(id_claims),
        multi_factor=MULTI_FACTOR_AMR in foreign.texts(id_claims, "amr")
        or text_of(id_claims.get("acr")) in settings.trusted_acr,
        tokens=tokens,
    )


def _email_of(
    settings: UpstreamSettings, id_claims: Mapping[str, Any], userinfo: Mapping[str, Any]
) -> tuple[str | None, bool]:
    """Return the address and whether the provider has verified it. Both come from one document, and
    `email_verified` is about the claim `email`: of an address under another name it says nothing, unless the
    operator maps it too."""
    name = settings.claims.get("email", "email")
    source = id_claims if id_claims.get(name) is not None else userinfo
    email = text_of(source.get(name))
    if email is None or not _EMAIL.fullmatch(email):
        return None, False
    if settings.assume_email_verified:
        return email, True
    said_by = settings.claims.get("email_verified", "email_verified" if name == "email" else None)
    if said_by is None:
        return email, False
    # Apple writes it as text.
    return email, foreign.is_true(source, said_by) or source.get(said_by) == "true"


def _plain(name: str, value: object) -> str | None:
    text = text_of(value)
    is_such = _FORMS.get(name)
    return text if text is None or is_such is None or is_such(text) else None


def auth_time(claims: Mapping[str, Any]) -> float | None:
    """Return when the user was last authenticated there, in seconds since the epoch."""
    try:
        return foreign.instant(claims, "auth_time")
    except Malformed:
        return None


def text_of(value: object) -> str | None:
    """Return a claim that is a short text, cleaned of what could deceive; None for anything else."""
    if not isinstance(value, str):
        return None
    text = " ".join("".join(c if c.isprintable() else " " for c in value[: 2 * LONGEST_VALUE]).split())
    return text[:LONGEST_VALUE] or None


def tokens_of(response: Mapping[str, Any], now: float) -> UpstreamTokens:
    """Return the tokens of a token response (RFC 6749 §5.1); raise `Malformed`."""
    access_token = foreign.token(response, "access_token", LONGEST_TOKEN)
    if access_token is None:
        raise Malformed("it has no access token")
    lifetime = foreign.seconds(response, "expires_in")
    return UpstreamTokens(
        access_token=access_token,
        token_type=foreign.text(response, "token_type", 40) or "Bearer",
        refresh_token=foreign.token(response, "refresh_token", LONGEST_TOKEN),
        expires_at=None if lifetime is None else now + lifetime,
        scope=foreign.text(response, "scope") or None,
        id_token=foreign.token(response, "id_token", LONGEST_ANSWER),
    )
