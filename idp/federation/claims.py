"""What a provider says about a person, read with care: most of it was written by that person."""

import re
from collections.abc import Mapping
from typing import Any, Final

from idp.claim_values import is_locale, is_time_zone
from idp.config import UpstreamSettings
from idp.federation.identity import UpstreamIdentity, UpstreamTokens

LONGEST_VALUE: Final = 400
LATEST_TIME: Final = 253_402_300_799
"""The last second of the year 9999."""
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
    amr = id_claims.get("amr")
    return UpstreamIdentity(
        provider=provider,
        issuer=issuer,
        subject=str(id_claims["sub"]),
        email=email,
        email_verified=verified,
        name=plain.pop("name", None),
        claims=plain,
        auth_time=auth_time(id_claims),
        multi_factor=(isinstance(amr, list) and MULTI_FACTOR_AMR in amr)
        or id_claims.get("acr") in settings.trusted_acr,
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
    # Apple writes it as text.
    return email, said_by is not None and source.get(said_by) in {True, "true"}


def _plain(name: str, value: object) -> str | None:
    text = text_of(value)
    is_such = _FORMS.get(name)
    return text if text is None or is_such is None or is_such(text) else None


def auth_time(claims: Mapping[str, Any]) -> float | None:
    """Return when the person last proved who they are there, in seconds since the epoch."""
    value = claims.get("auth_time")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= LATEST_TIME else None  # nor is NaN


def text_of(value: object) -> str | None:
    """Return a claim that is a short text, cleaned of what could deceive; None for anything else."""
    if not isinstance(value, str):
        return None
    text = " ".join("".join(c if c.isprintable() else " " for c in value[: 2 * LONGEST_VALUE]).split())
    return text[:LONGEST_VALUE] or None


def tokens_of(response: Mapping[str, Any], now: float) -> UpstreamTokens:
    """Return the tokens of a token response."""
    lifetime = response.get("expires_in")
    try:
        expires_at = now + float(lifetime) if lifetime is not None else None
    except (TypeError, ValueError):
        expires_at = None
    return UpstreamTokens(
        access_token=str(response["access_token"]),
        token_type=str(response.get("token_type", "Bearer"))[:40],
        refresh_token=_optional(response.get("refresh_token")),
        expires_at=expires_at,
        scope=_optional(response.get("scope")),
        id_token=_optional(response.get("id_token")),
    )


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
