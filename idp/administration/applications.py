"""Applications that people run, and how each is registered: `idp client create --for NAME --url URL`.

The catalogue is data (`application_catalogue.py`); the pages of `docs/integrations/` are made from it. An entry
says whether the application itself was tried with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idp.administration.application_catalogue import CATALOGUE
from idp.errors import InvalidValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application. Its texts have the placeholders <url>, <issuer>, <client_id> and <client_secret>."""

    name: str
    label: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `ClientMetadata` that differ from the default."""
    place: str
    """The file or page of the application that takes the settings."""
    settings: str
    notes: tuple[str, ...] = ()
    tried: str | None = None
    """The test that runs the application against this provider; None where nobody did."""

    @property
    def needs_url(self) -> bool:
        """Whether the redirect URIs depend on where the application runs."""
        return any("<url>" in uri for uri in self.redirect_uris)

    def metadata_at(self, url: str | None) -> dict[str, Any]:
        """Return fields of `ClientMetadata` for the application at this URL; raise `InvalidValue` without one."""
        if self.needs_url and url is None:
            raise InvalidValue(f"Give the URL of {self.label} with --url.", field="url")
        base = (url or "").rstrip("/")
        uris = ("redirect_uris", "post_logout_redirect_uris")
        filled = {name: tuple(uri.replace("<url>", base) for uri in getattr(self, name)) for name in uris}
        return {"client_name": self.label, **filled, **self.metadata}

    def settings_for(self, *, url: str | None, issuer: str, client_id: str, client_secret: str | None) -> str:
        """Return what the operator enters in the application."""
        values = {
            "<url>": (url or "").rstrip("/"),
            "<issuer>": issuer,
            "<client_id>": client_id,
            "<client_secret>": client_secret or "",
        }
        text = self.settings
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        return text


APPLICATIONS: Mapping[str, Application] = {
    name: Application(name=name, **entry) for name, entry in CATALOGUE.items()
}


def application_named(name: str) -> Application:
    """Return an application of the catalogue; raise `InvalidValue` for another."""
    found = APPLICATIONS.get(name)
    if found is None:
        raise InvalidValue(
            f"There is no preset {name[:40]!a}; there are {', '.join(sorted(APPLICATIONS))}.", field="for"
        )
    return found
