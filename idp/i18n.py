"""Languages: which there are, which one a person gets, and sentences that wait to be translated.

English is the source: the sentences in code and templates are the message ids. Every other language is one
file, `translations/LANGUAGE.po`, read when the provider starts. A sentence stays English wherever it is
made, so commands and logs need no translation, and becomes the person's language where a page or a mail
is rendered. What comes in here is text; no request, page or setting does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from gettext import c2py  # the plural expression of a catalogue as a function
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal
from jinja2 import Environment

from idp.errors import ConfigurationError
from idp.text import Text

SOURCE: Final = "en"
"""The language of the message ids."""

MOST_TAGS: Final = 20
"""Languages that are looked at when a request names more."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The sentences of a language."""

    sentences: Mapping[str, str] = field(default_factory=dict)
    """By the English sentence."""
    plurals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The forms of a sentence that counts, by the English one for a single thing."""
    form_of: Callable[[int], int] = lambda number: int(number != 1)
    """Returns which form a number takes."""


class Catalogues:
    """The languages of an installation, each with its sentences."""

    def __init__(self, catalogues: Mapping[str, Catalogue], default: str = SOURCE) -> None:
        """Raise `ConfigurationError` for a default language that there is not."""
        self._catalogues = {SOURCE: Catalogue(), **catalogues}
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
        known = {tag.casefold(): tag for tag in self._catalogues}
        for wish in tags:
            tag = (wish or "").strip().replace("_", "-").casefold()
            while tag:
                if tag in known:
                    return known[tag]
                tag = tag.rpartition("-")[0]
        return self.default

    def for_request(self) -> str:
        """Return the language that the request at hand is answered in."""
        return self.choose(*wishes().in_order())

    def translate(self, text: str, locale: str) -> str:
        """Return a sentence in a language, or in English where it has no translation."""
        sentences = self._catalogues[locale].sentences
        if not isinstance(text, Text):
            return sentences.get(text, text)
        message = sentences.get(text.message, text.message)
        if not text.parameters:
            return message
        values = {
            name: self.translate(value, locale) if isinstance(value, Text) else value
            for name, value in text.parameters.items()
        }
        return message % values

    def plural(self, one: str, many: str, number: int, locale: str) -> str:
        """Return the form of a sentence that a number takes, or the English one."""
        catalogue = self._catalogues[locale]
        forms = catalogue.plurals.get(one)
        if forms is None:
            return one if number == 1 else many
        return forms[catalogue.form_of(number)]

    def install(self, environment: Environment, locale: Callable[[], str]) -> None:
        """Let templates say `_("…")` and `{% trans %}`; `locale` returns the language at that moment."""
        environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
            lambda message: self.translate(message, locale()),
            lambda one, many, number: self.plural(one, many, number, locale()),
            newstyle=True,
        )


def load_catalogues(directory: Path, default: str = SOURCE) -> Catalogues:
    """Read the `.po` files of a directory."""
    return Catalogues({path.stem: read_catalogue(path) for path in sorted(directory.glob("*.po"))}, default)


@cache
def read_catalogue(path: Path) -> Catalogue:
    """Return what a `.po` file translates; what is marked fuzzy does not count. Read once in a process."""
    try:
        with path.open("rb") as file:
            read = read_po(file, abort_invalid=True)
    except (OSError, ValueError, PoFileError) as error:
        raise ConfigurationError(f"{path} cannot be read as a gettext catalogue: {error}.") from error
    done = [message for message in read if message.id and not message.fuzzy]
    return Catalogue(
        {m.id: m.string for m in done if isinstance(m.id, str) and isinstance(m.string, str) and m.string},
        {m.id[0]: m.string for m in done if isinstance(m.string, tuple) and all(m.string)},
        c2py(read.plural_expr),
    )


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
    except (KeyError, OSError, ValueError):  # unknown, or not a name of a zone at all
        return UTC


def _babel(locale: str) -> Locale:
    return Locale.parse(locale, sep="-")
