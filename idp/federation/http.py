"""Requests to one provider, and what becomes of them when it is away."""

from collections.abc import Mapping
from typing import Any, Final

from idp.clock import Clock
from idp.federation.upstream import UpstreamDown
from idp.foreign import Malformed, json_object
from idp.outgoing import FAILURES, Answer, Outgoing, said

FAILURES_TO_OPEN: Final = 5
OPEN_FOR: Final = 20.0
"""Seconds for which a provider that failed so often in a row is not asked at all."""


class ProviderHttp:
    """Requests to one provider. One that keeps failing is left alone for a while: nobody waits for it."""

    def __init__(self, outgoing: Outgoing, label: str, clock: Clock) -> None:
        self._outgoing = outgoing
        self._label = label
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the provider is left alone at the moment."""
        return self._failures >= FAILURES_TO_OPEN and self._clock.now() < self._open_until

    @property
    def allows_private(self) -> bool:
        """Whether providers may be on private networks, and without TLS there."""
        return self._outgoing.allow_private

    async def send(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; raise `UpstreamDown` where there is no answer, a redirect or a server's error."""
        if self.is_open:
            raise UpstreamDown(self._label, "it failed several times in a row and is left alone for a moment")
        if self._failures >= FAILURES_TO_OPEN:
            self._open_for_a_while()  # one tries again; the others are still told at once
        try:
            answer = await self._outgoing.send(method, url, data=data, headers=headers)
            if 300 <= answer.status < 400:
                raise ValueError(f"it redirects to {answer.headers.get('location', 'nowhere')[:200]!r}")
            if answer.status >= 500:
                raise ValueError(f"it answers {answer.status}")
        except FAILURES as error:
            self._failed()
            raise UpstreamDown(self._label, f"{method} {url[:300]}: {said(error)}") from error
        self._failures = 0
        return answer

    async def json(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON object of an answer; raise `UpstreamDown` when it is none."""
        answer = await self.send(method, url, data=data, headers=headers)
        return answer.status, self.object_of(answer)

    def object_of(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of an answer; raise `UpstreamDown` when it is none."""
        try:
            return json_object(answer.body)
        except Malformed as error:
            kind = answer.headers.get("content-type", "no type")[:80]
            raise UpstreamDown(
                self._label, f"{answer.url[:300]} answers {answer.status} with {kind}: {error}"
            ) from error

    def _failed(self) -> None:
        self._failures += 1
        self._open_for_a_while()

    def _open_for_a_while(self) -> None:
        self._open_until = self._clock.now() + OPEN_FOR
