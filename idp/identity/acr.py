"""What was proven at a sign-in: the values of `acr` (OIDC Core §2) and of `amr` (RFC 8176) that we use."""

ACR_SINGLE = "urn:idp:acr:1fa"
"""One factor."""

ACR_MULTI = "urn:idp:acr:mfa"
"""Factors of two kinds, or one that is both (a passkey that verified the person)."""

ACR_VALUES = (ACR_SINGLE, ACR_MULTI)
"""All of them, weakest first."""

AMR_PASSWORD = "pwd"
AMR_ONE_TIME_CODE = "otp"
AMR_HARDWARE_KEY = "hwk"
AMR_USER_VERIFIED = "user"
AMR_SOFTWARE_KEY = "swk"
AMR_MULTI = "mfa"
AMR_FEDERATED = "fed"
"""Ours: the person signed in at another provider. RFC 8176 has no word for it."""
AMR_EMAIL = "email"
"""A code by mail. No value of RFC 8176: its `otp` and `mfa` would claim more than is so."""


def satisfies(acr: str, wanted: str) -> bool:
    """Tell whether a sign-in at `acr` is at least as strong as `wanted`; an unknown value never is."""
    return acr in ACR_VALUES and wanted in ACR_VALUES and ACR_VALUES.index(acr) >= ACR_VALUES.index(wanted)
