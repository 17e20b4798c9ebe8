"""A user as a provider knows them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class UpstreamTokens:
    """A provider's tokens; secrets."""

    access_token: str
    token_type: str = "Bearer"
    refresh_token: str | None = None
    expires_at: float | None = None
    scope: str | None = None
    id_token: str | None = None

    def to_json(self) -> bytes:
        """Return the form in which they are sealed."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "UpstreamTokens":
        """Read what `to_json` wrote."""
        return cls(**json.loads(data))


@dataclass(frozen=True, slots=True)
class UpstreamIdentity:
    """What a provider says about a user. The key is `provider`, `issuer` and `subject`, never `email`."""

    provider: str
    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    """Other claims of ours, such as `preferred_username`; suggestions."""
    auth_time: float | None = None
    """When the user was authenticated there, if the provider says so."""
    multi_factor: bool = False
    """Whether the provider says that they proved two factors."""
    tokens: UpstreamTokens | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is found by."""
        return self.provider, self.issuer, self.subject
