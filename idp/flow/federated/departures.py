"""Going to a provider and coming back, to sign in or to sign out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from idp.crypto import MasterKey, digest, equal, random_token
from idp.errors import FlowError, NotFound
from idp.federation.registry import Providers
from idp.federation.upstream import PendingAuthorization, Upstream, UpstreamRequest
from idp.flow.federated.paths import callback_path, signed_out_path
from idp.flow.transaction import Transaction
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind
from idp.text import Text

Purpose = Literal["sign_in", "link"]

STATE_TTL: Final = 900.0
POSTED_TTL: Final = 120.0
"""Seconds."""
ANSWER: Final = ("state", "code", "iss", "user", "error", "error_description")
"""The members of a posted answer (RFC 6749 §4.1.2, RFC 9207 §2; `user` is Apple's)."""
LONGEST_MEMBER: Final = 4096
EXPIRED: Final = Text("This sign-in has expired or was finished already. Start again.")


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in at a provider under way."""

    transaction_id: str
    provider: str
    purpose: Purpose
    user_id: str | None
    """The user whose account is to be linked, with the purpose link."""
    browser: str
    """Digest of the browser cookie."""
    memory: PendingAuthorization


@dataclass(frozen=True, slots=True)
class SigningOutThere:
    """A sign-out at a provider under way."""

    onward: str | None
    """Where the user goes after it."""


STARTED = Kind("fed-state", Started, STATE_TTL, sealed=True)
POSTED = Kind("fed-posted", dict[str, str], POSTED_TTL, sealed=True)
SIGNING_OUT = Kind("fed-logout", SigningOutThere, POSTED_TTL, sealed=True)


class Departures:
    """Keeps the users who are on the way to a provider."""

    def __init__(
        self,
        providers: Providers,
        store: EphemeralStore,
        master_key: MasterKey,
        url_of: Callable[[str], str],
    ) -> None:
        """Take, among others, what makes a whole URL of a path below the issuer."""
        self._providers = providers
        self._url_of = url_of
        self._states = Kept(store, STARTED, master_key)
        self._posted = Kept(store, POSTED, master_key)
        self._sign_outs = Kept(store, SIGNING_OUT, master_key)

    async def begin(
        self,
        upstream: Upstream,
        transaction: Transaction,
        ask: UpstreamRequest,
        *,
        purpose: Purpose = "sign_in",
        user_id: str | None = None,
    ) -> str:
        """Remember a sign-in and return where to send the user; raise `UpstreamError`."""
        state = random_token()
        redirect_uri = self._url_of(callback_path(upstream.name))
        redirect = await upstream.begin(replace(ask, state=state, redirect_uri=redirect_uri))
        started = Started(
            transaction.handle, upstream.name, purpose, user_id, transaction.browser, redirect.memory
        )
        await self._states.put(state, started)
        return redirect.url

    async def come_back(self, provider: str, state: str | None, browser: str | None) -> Started:
        """Return the sign-in of a `state`, once, to the browser and for the provider that it began with;
        raise `FlowError`."""
        started = await self._states.get(state or "")
        if started is None:
            raise FlowError(EXPIRED, detail="no such state: used, expired, of another version, or made up")
        if browser is None or not equal(started.browser, digest(browser)):
            raise FlowError(
                "This sign-in was begun in another browser. Start again in this one.",
                detail="the browser cookie is missing or not the one that the state is bound to",
            )
        if started.provider != provider:
            raise FlowError(EXPIRED, detail=f"the state is of {started.provider}, not {provider}: mix-up")
        if await self._states.take(state or "") is None:  # of several at once, one goes on
            raise FlowError(EXPIRED, detail="the state was used by another request")
        return started

    async def keep_posted(self, provider: str, answer: Mapping[str, str]) -> str:
        """Keep an answer that came as a cross-site post, for the GET that follows, and return its name there.

        Raise `FlowError` unless its state is one that was sent to this provider. Anybody may post: of each state
        the latest answer is kept, of that what a provider's answer has, and of each member a bounded length.
        """
        state = answer.get("state", "")
        started = await self._states.get(state)
        if started is None or started.provider != provider:
            raise FlowError(EXPIRED, detail="no such state at this provider: used, expired, or made up")
        kept = {name: answer[name][:LONGEST_MEMBER] for name in ANSWER if name in answer}
        await self._posted.put(state, kept)
        return state

    async def take_posted(self, posted: str) -> dict[str, str]:
        """Return what `keep_posted` kept, once."""
        answer = await self._posted.take(posted)
        if answer is None:
            raise FlowError(EXPIRED, detail="no such posted answer")
        return answer

    async def sign_out_there(self, name: str, onward: str | None) -> str | None:
        """Return where a session that began at a provider ends there too, if the operator wants it and the
        provider can; it leads back here, with a state for `signed_out_there`."""
        try:
            upstream = await self._providers.get(name)
        except NotFound:
            return None
        url = await upstream.sign_out_url(self._url_of(signed_out_path(name)))
        if url is None:
            return None
        state = random_token()
        await self._sign_outs.put(state, SigningOutThere(onward))
        return f"{url}&state={state}"

    async def signed_out_there(self, state: str | None) -> str | None:
        """Return where to go after a sign-out there."""
        kept = await self._sign_outs.take(state or "")
        return None if kept is None else kept.onward
