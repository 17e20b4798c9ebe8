"""From where a request was sent: enough to tell a retry of one program from another program elsewhere."""

import ipaddress
from dataclasses import dataclass
from typing import Self

from idp.crypto import digest
from idp.oauth.http import CoreRequest

_IPV4_PREFIX, _IPV6_PREFIX = 24, 48
"""Bits that tell networks apart: behind one operator's address translation the last ones change at any time."""
_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Sender:
    """The network and the user agent of a request, as digests, so that a row does not tell the address."""

    family: str
    network: str
    agent: str

    @classmethod
    def of(cls, request: CoreRequest) -> Self:
        """Return the sender of a request."""
        agent = digest(request.headers.get("user-agent", ""))[:_DIGEST_LENGTH]
        try:
            address = ipaddress.ip_address(request.address)
        except ValueError:
            return cls("", "", agent)
        bits = _IPV4_PREFIX if address.version == 4 else _IPV6_PREFIX
        network = str(ipaddress.ip_network((address, bits), strict=False))
        return cls(str(address.version), digest(network)[:_DIGEST_LENGTH], agent)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote."""
        return cls(*text.split(":", 2))

    def to_text(self) -> str:
        """Return it for a row."""
        return f"{self.family}:{self.network}:{self.agent}"

    def may_be(self, other: Self) -> bool:
        """Tell whether both may be one program. Two connections at once may take IPv4 and IPv6, which says
        nothing; otherwise network and user agent are the same."""
        return self.agent == other.agent and (self.family != other.family or self.network == other.network)
