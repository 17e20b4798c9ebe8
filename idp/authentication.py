"""How a user was authenticated: the one value that a session, a code, a continuation and a token carry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Authentication:
    """When and how a user proved who they are. It is made where the proof is made, and is carried whole.

    A second factor changes it by a new value; a refresh of a token never does (OIDC Core §12.2).
    """

    auth_time: float
    """When the user was last authenticated, in seconds (OIDC Core §2)."""
    acr: str
    """One of `idp.identity.acr.ACR_VALUES`."""
    amr: tuple[str, ...]
    """The methods (RFC 8176), in the order in which they were used."""
    generation: int
    """That of the account when the proof was made: with another one it is too late for it
    (`idp.identity.generation`)."""
    upstream: str | None = None
    """The name of the provider that authenticated the user, if it was not this one."""
    factor_waived: bool = False
    """Whether the operator leaves the second factor to that provider."""
