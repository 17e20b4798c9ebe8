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


def standard_claims(user: User) -> dict[str, object]:
    """Return every claim that is known of a person: the standard ones, the tier, the roles."""
    claims: dict[str, object] = {"sub": user.id}
    for name in PROFILE_CLAIMS:
        value = user.profile.get(name)
        if value not in (None, "", {}):
            claims[name] = value
    claims["email"] = user.email
    claims["email_verified"] = user.email_verified
    claims["updated_at"] = int(user.updated_at)
    claims["tier"] = user.tier
    claims["roles"] = claims["groups"] = list(user.roles)
    return claims
