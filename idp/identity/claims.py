"""A person as OpenID Connect claims (Core §5.1). Which of them a client gets to see is not decided here."""

from idp.storage.models import User

PROFILE_CLAIMS = (
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
)
"""Standard claims that an account keeps in its profile; anything else there is never told to a client."""


def standard_claims(user: User, username_fallback: str = "none") -> dict[str, object]:
    """Return every claim that is known of a person: the standard ones, the tier, the roles.

    `username_fallback`: what `preferred_username` is without a username: `none`, `email` or `sub`.
    """
    claims: dict[str, object] = {"sub": user.id}
    for name in PROFILE_CLAIMS:
        value = user.profile.get(name)
        if value not in (None, "", {}):
            claims[name] = value
    if "preferred_username" not in claims and username_fallback != "none":
        claims["preferred_username"] = user.email if username_fallback == "email" else user.id
    claims["email"] = user.email
    claims["email_verified"] = user.email_verified
    claims["updated_at"] = int(user.updated_at)
    claims["tier"] = user.tier
    claims["roles"] = claims["groups"] = list(user.roles)
    return claims
