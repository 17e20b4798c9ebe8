"""Apple: an OpenID provider that takes a signed token as the client secret and tells the name beside the code."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from idp.federation.claims import text_of
from idp.federation.credentials import AppleCredentials, UpstreamCredentials
from idp.federation.identity import UpstreamIdentity
from idp.federation.oidc import OpenIdUpstream
from idp.federation.upstream import PendingAuthorization
from idp.foreign import LONGEST_TEXT, Malformed, json_object


class AppleUpstream(OpenIdUpstream):
    """Apple."""

    credentials_type: ClassVar[type[UpstreamCredentials]] = AppleCredentials

    async def finish(self, answer: Mapping[str, str], memory: PendingAuthorization) -> UpstreamIdentity:
        """Take the name from beside the code: Apple tells it there, once, and not in the ID token."""
        identity = await super().finish(answer, memory)
        return identity if identity.name else replace(identity, name=_name_in(answer.get("user", "")))


def _name_in(user: str) -> str | None:
    try:
        name = json_object(user[:LONGEST_TEXT]).get("name")
    except Malformed:
        return None
    if not isinstance(name, dict):
        return None
    parts = (text_of(name.get(part)) for part in ("firstName", "lastName"))
    return text_of(" ".join(part for part in parts if part))
