"""/password/strength: what the small script beside a password field asks while somebody types."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.errors import InvalidValue, Unavailable
from idp.identity.password_policy import PasswordPolicy
from idp.oauth.http import NO_STORE
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk

PURPOSE = "password_strength"


class PasswordStrength:
    """Judges a password without keeping it. The forms themselves do the same without a script."""

    def __init__(self, desk: Desk, policy: PasswordPolicy, admission: FormAdmission) -> None:
        self._desk = desk
        self._policy = policy
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route("/password/strength", self.judge, methods=["POST"])]

    async def judge(self, request: Request) -> Response:
        """Answer with a score from 0 to 4, its word, advice, and why the policy refuses it, if it does."""
        say = self._desk.renderer.say
        form = await self._desk.form(request, PURPOSE)
        self._admission.check(request)
        password, about = form.get("password", ""), (form.get("email", ""), form.get("name", ""))
        refused = None
        try:
            self._policy.check_here(password, about)
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


async def strength_view(
    desk: Desk, policy: PasswordPolicy, browser: str, password: str, about: Sequence[str]
) -> dict[str, Any]:
    """Return what a form with a new password shows: a verdict on the one that was sent, if any."""
    verdict = None
    with suppress(Unavailable):  # a form does without a verdict
        verdict = await policy.strength(password, about) if password else None
    return {"csrf": desk.forms.token(browser, PURPOSE, None), "verdict": verdict}
