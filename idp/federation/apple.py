"""Apple: an OpenID provider that takes a signed token as the client secret and tells the name beside the code."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from idp.federation.claims import text_of
from idp.federation.credentials import AppleCredentials, UpstreamCredentials
from idp.federation.identity import UpstreamIdentity
from idp.federation.oidc import OpenIdUpstream
from idp.federation.upstream import PendingAuthorization


class AppleUpstream(OpenIdUpstream):
    """Apple."""

    credentials_type: ClassVar[type[UpstreamCredentials]] = AppleCredentials

    async def finish(self, answer: Mapping[str, str], memory: PendingAuthorization) -> UpstreamIdentity:
        """Take the name from beside the code: Apple tells it there, once, and not in the ID token."""
        identity = await super().finish(answer, memory)
        return identity if identity.name else replace(identity, name=_name_in(answer.get("user", "")))


def _name_in(user: str) -> str | None:
    try:
        name = json.loads(user[:4000])["name"]
        return text_of(f"{name['firstName']} {name['lastName']}")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
