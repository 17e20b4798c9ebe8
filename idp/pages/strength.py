"""/password/strength: what the small script beside a password field asks while the user types."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.errors import InvalidValue, Unavailable
from idp.flow.visits import Browser
from idp.identity.password_policy import PasswordPolicy
from idp.identity.password_strength import Strength
from idp.oauth.http import NO_STORE
from idp.pages.parts import PageParts
from idp.web.edge import BrowserEdge

PURPOSE = "password_strength"


class PasswordStrength:
    """Judges a password without keeping it. The forms themselves do the same without a script."""

    def __init__(self, parts: PageParts, policy: PasswordPolicy) -> None:
        self._parts = parts
        self._policy = policy

    @property
    def routes(self) -> list[Route]:
        """One address, for scripts."""
        return [Route("/password/strength", self.judge, methods=["POST"])]

    async def judge(self, request: Request) -> Response:
        """Answer with a score from 0 to 4, its word, advice, and why the policy refuses it, if it does."""
        say = self._parts.renderer.say
        form = await self._parts.edge.form(request, PURPOSE)
        self._parts.admission.check(request)
        password, about = form.get("password", ""), (form.get("email", ""), form.get("name", ""))
        refused = None
        try:
            await self._policy.check_here(password, about)
        except InvalidValue as error:
            refused = error.sentence
        strength = await self._policy.strength(password, about)
        return JSONResponse(
            {
                "score": strength.score,
                "word": say(strength.word),
                "advice": [say(text) for text in strength.advice],
                "refused": say(refused) if refused else None,
            },
            headers=NO_STORE,
        )


@dataclass(frozen=True, slots=True)
class StrengthView:
    """What a form with a new password shows."""

    csrf: str
    """The token with which its script asks."""
    verdict: Strength | None
    """About the password that was sent, if one was."""


async def strength_view(
    edge: BrowserEdge, policy: PasswordPolicy, browser: Browser, password: str, about: Sequence[str]
) -> StrengthView:
    """Judge the password that a form was sent with. `about` is what is known of the user."""
    verdict = None
    with suppress(Unavailable):  # a form does without a verdict
        verdict = await policy.strength(password, about) if password else None
    return StrengthView(edge.token(browser, PURPOSE), verdict)
