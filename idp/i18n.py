"""Languages: which there are, which one a person gets, and sentences that wait to be translated.

English is the source: the sentences in code and templates are the message ids. Every other language is one
file, `translations/LANGUAGE.po`, read when the provider starts. A sentence stays English wherever it is
made, so commands and logs need no translation, and becomes the person's language where a page or a mail
is rendered. What comes in here is text; no request, page or setting does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from idp.errors import ConfigurationError
from idp.text import Text

SOURCE: Final = "en"
"""The language of the message ids."""

MOST_TAGS: Final = 20
"""Languages that are looked at when a request names more."""


class Catalogues:
    """The languages of an installation, each with its sentences."""

    def __init__(self, catalogues: Mapping[str, Mapping[str, str]], default: str = SOURCE) -> None:
        """Raise `ConfigurationError` for a default language that there is not."""
        self._catalogues = {SOURCE: {}, **catalogues}
        if default not in self._catalogues:
            known = ", ".join(self.languages)
            raise ConfigurationError(f"IDP_LOCALE names {default}, but there is only {known}.")
        self.default = default

    @property
    def languages(self) -> list[str]:
        """The tags of the languages (BCP 47), sorted."""
        return sorted(self._catalogues)

    def choose(self, *tags: str | None) -> str:
        """Return the first wished language that there is, or the default.

        A region falls back to its language: `de-AT` gets `de`.
        """
        return self.find(tags) or self.default

    def for_request(self) -> str:
        """Return the language that the request at hand is answered in."""
        return self.choose(*wishes().in_order())

    def find(self, tags: Iterable[str | None]) -> str | None:
        """Return the first wished language that there is."""
        known = {tag.casefold(): tag for tag in self._catalogues}
        for wish in tags:
            tag = (wish or "").strip().replace("_", "-").casefold()
            while tag:
                if tag in known:
                    return known[tag]
                tag = tag.rpartition("-")[0]
        return None

    def translate(self, text: str, locale: str) -> str:
        """Return a sentence in a language, or in English where it has no translation."""
        catalogue = self._catalogues.get(locale, {})
        if not isinstance(text, Text):
            return catalogue.get(text, text)
        message = catalogue.get(text.message, text.message)
        if not text.parameters:
            return message
        values = {
            name: self.translate(value, locale) if isinstance(value, Text) else value
            for name, value in text.parameters.items()
        }
        return message % values


def load_catalogues(directory: Path, default: str = SOURCE) -> Catalogues:
    """Read the `.po` files of a directory."""
    return Catalogues({path.stem: read_catalogue(path) for path in sorted(directory.glob("*.po"))}, default)


def read_catalogue(path: Path) -> dict[str, str]:
    """Return the translated sentences of a `.po` file; what is marked fuzzy does not count."""
    try:
        with path.open("rb") as file:
            messages = read_po(file, locale=path.stem.replace("-", "_"), abort_invalid=True)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read as a gettext catalogue: {error}.") from error
    return {
        message.id: message.string
        for message in messages
        if message.id and isinstance(message.id, str) and isinstance(message.string, str)
        if message.string and not message.fuzzy
    }


# The language of the request at hand ----------------------------------------------------------------------


@dataclass(slots=True)
class Wishes:
    """What is known of the languages that the person behind a request reads."""

    asked: str = ""
    """`ui_locales` of the authorization request: tags, the best first (OIDC Core §3.1.2.1)."""
    account: str | None = None
    """The `locale` of the account."""
    accepted: str = ""
    """The Accept-Language header."""

    def in_order(self) -> list[str | None]:
        """Return the tags, the best first."""
        return [*self.asked.split()[:MOST_TAGS], self.account, *accepted_languages(self.accepted)]


_wishes: ContextVar[Wishes | None] = ContextVar("idp_language_wishes", default=None)


def wishes() -> Wishes:
    """Return the wishes of the request at hand, to be read and to be added to."""
    return _wishes.get() or Wishes()


@contextmanager
def wishes_of_request(known: Wishes) -> Iterator[None]:
    """Answer a request by these wishes."""
    token = _wishes.set(known)
    try:
        yield
    finally:
        _wishes.reset(token)


def accepted_languages(header: str) -> Sequence[str]:
    """Return the languages of an Accept-Language header, best first (RFC 9110 §12.5.4)."""
    weighted: list[tuple[float, str]] = []
    for part in header.split(",")[:MOST_TAGS]:
        tag, _, parameter = part.partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if 0 < quality <= 1:
            weighted.append((-quality, tag.strip()))
    return [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]


# Dates and numbers ----------------------------------------------------------------------------------------


def format_moment(at: float, locale: str, zone: str | None = None) -> str:
    """Return a moment with its time zone, for a sentence."""
    moment = datetime.fromtimestamp(at, UTC)
    return format_datetime(moment, "long", tzinfo=_zone(zone), locale=_babel(locale))


def format_day(at: float, locale: str, zone: str | None = None) -> str:
    """Return the day of a moment."""
    return format_date(datetime.fromtimestamp(at, _zone(zone)), "long", locale=_babel(locale))


def format_duration(seconds: float, locale: str) -> str:
    """Return a span of time in words, in the unit that suits it."""
    return format_timedelta(timedelta(seconds=seconds), threshold=1.5, locale=_babel(locale))


def format_number(number: float, locale: str) -> str:
    """Return a number as it is written."""
    return format_decimal(number, locale=_babel(locale))


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (OSError, ValueError):
        return UTC


def _babel(locale: str) -> Locale:
    return Locale.parse(locale, sep="-")
