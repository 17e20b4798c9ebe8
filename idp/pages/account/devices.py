"""A browser and its system in words, from the User-Agent header. A guess for users to read; it decides nothing."""

from collections.abc import Sequence

from idp.text import Text

# The first that is found counts: most browsers also name the ones that they descend from.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Vivaldi", "Vivaldi"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """Return such as "Firefox on Linux"."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser and system:
        return Text("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or Text("Unknown browser")


def _first(known: Sequence[tuple[str, str]], user_agent: str) -> str | None:
    return next((name for mark, name in known if mark in user_agent), None)
