"""What happens in the provider, as typed events, and the trail that they leave.

An event names what it concerns and why; it never carries a token, a code, a secret, a password or
what somebody typed. Nothing here decides anything, and nothing from above may come in.
"""

from idp.events.audit import record
from idp.events.catalogue import Event

__all__ = ["Event", "record"]
