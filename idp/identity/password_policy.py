"""Which passwords are taken (NIST SP 800-63B §3.1.1.2): long enough, and not one that everybody tries."""

import hashlib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache, reduce
from http import HTTPStatus

import structlog

from idp.config import PasswordSettings, Policies
from idp.errors import InvalidValue
from idp.identity.password_strength import Strength, StrengthMeter, parts_of
from idp.identity.passwords import LONGEST
from idp.outgoing import FAILURES, Limits, Outgoing, said
from idp.text import Text

log = structlog.get_logger("idp.passwords")

LIMITS = Limits(connect=2.0, read=2.0, total=3.0)
"""Of a question to the range API; without an answer the password is taken."""

_KINDS = {
    "upper": (Text("an upper-case letter"), str.isupper),
    "lower": (Text("a lower-case letter"), str.islower),
    "digit": (Text("a digit"), str.isdigit),
    "symbol": (Text("a symbol"), lambda character: not character.isalnum()),
}


class PasswordPolicy:
    """Judges passwords that people choose."""

    def __init__(self, policies: Policies, range_api: Outgoing) -> None:
        self._policies = policies
        self._range_api = range_api
        self._meter = StrengthMeter()

    async def rule(self) -> Text:
        """Return the rules in a sentence."""
        rules = await self._rules()
        number, kinds = rules.min_length, [_KINDS[kind][0] for kind in rules.require]
        if not kinds:
            return Text("At least %(number)d characters.", number=number)
        listed = reduce(lambda some, more: Text("%(some)s, %(more)s", some=some, more=more), kinds)
        return Text("At least %(number)d characters, with %(kinds)s.", number=number, kinds=listed)

    async def check(self, password: str, about: Sequence[str] = ()) -> None:
        """Raise `InvalidValue` with the reason when the password is refused.

        `about` are things that an attacker would try first: the person's address and name.
        """
        await self.check_here(password, about)
        text, rules = unicodedata.normalize("NFKC", password), await self._rules()
        if rules.refuse_breached and await self._is_breached(text, rules.breach_api):
            raise _refused(Text("This password is in a list of leaked ones. Choose another."))

    async def check_here(self, password: str, about: Sequence[str] = ()) -> None:
        """Raise `InvalidValue` for what can be told without asking anybody."""
        text, rules = unicodedata.normalize("NFKC", password), await self._rules()
        if len(text) < rules.min_length:
            raise _refused(Text("Use at least %(number)d characters.", number=rules.min_length))
        if len(text) > LONGEST:
            raise _refused(Text("Use at most %(number)d characters.", number=LONGEST))
        for kind in rules.require:
            name, is_kind = _KINDS[kind]
            if not any(map(is_kind, text)):
                raise _refused(Text("Use %(kind)s too.", kind=name))
        lowered = text.casefold()
        if lowered in _common_passwords() or len(set(lowered)) <= 2:
            raise _refused(Text("This is one of the passwords that are tried first. Choose another."))
        if any(len(word) >= 4 and lowered == word.casefold() for word in parts_of(about)):
            raise _refused(Text("This is your name or address. Choose something nobody knows of you."))

    async def strength(self, password: str, about: Sequence[str] = ()) -> Strength:
        """Return a verdict on a password, refused or not; raise `Unavailable` when too many ask."""
        return await self._meter.strength(password, about)

    async def _rules(self) -> PasswordSettings:
        """A password is the account's, whatever client the user is on the way to."""
        return (await self._policies.of()).passwords

    async def _is_breached(self, text: str, breach_api: str) -> bool:
        """Ask the range API (k-anonymity: it learns five hex digits). No answer means no."""
        sha1 = hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
        try:
            answer = await self._range_api.send(
                "GET",
                breach_api + sha1[:5],
                headers={"Accept": "text/plain", "Add-Padding": "true"},
            )
        except FAILURES as error:
            log.warning("the range API of leaked passwords did not answer", error=said(error))
            return False
        if answer.status != HTTPStatus.OK:
            log.warning("the range API of leaked passwords did not answer", status=answer.status)
            return False
        wanted = sha1[5:]
        for line in answer.body.decode("ascii", "replace").splitlines():
            suffix, _, count = line.partition(":")
            if suffix.strip().upper() == wanted and count.strip() not in {"", "0"}:
                return True
        return False


def _refused(reason: str) -> InvalidValue:
    return InvalidValue(reason, field="password")


@lru_cache(maxsize=1)
def _common_passwords() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # thirty thousand words, read when first needed

    return frozenset(FREQUENCY_LISTS["passwords"])
