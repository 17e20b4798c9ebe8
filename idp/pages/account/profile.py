"""/account/profile: what apps learn of a user, as OpenID Connect names it (Core §5.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.responses import Response

from idp import claim_values
from idp.identity.accounts import Accounts
from idp.identity.own_claims import ADDRESS_MEMBERS
from idp.identity.profiles import Profiles
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.text import Text


@dataclass(frozen=True, slots=True)
class Field:
    """A claim as a field of the form."""

    name: str
    label: str
    autocomplete: str
    type: str = "text"
    """That of the input element; `lines` for a text of several lines."""
    hint: str | None = None


CLAIMS = (
    Field("name", Text("Name"), "name"),
    Field("given_name", Text("Given name"), "given-name"),
    Field("middle_name", Text("Middle name"), "additional-name"),
    Field("family_name", Text("Family name"), "family-name"),
    Field("nickname", Text("Nickname"), "nickname"),
    Field("preferred_username", Text("Username"), "off"),
    Field(
        "phone_number", Text("Phone"), "tel", "tel", Text("In the international form, such as +491701234567")
    ),
    Field("picture", Text("Picture"), "photo", "url", Text("The web address of an image, https://…")),
    Field("website", Text("Website"), "url", "url"),
    Field("profile", Text("Profile page"), "off", "url", Text("A page about you, https://…")),
    Field("gender", Text("Gender"), "sex"),
    Field("birthdate", Text("Birthdate"), "bday", hint=Text("As year-month-day: 1990-12-31")),
    Field("locale", Text("Language"), "language", hint=Text("A language tag such as en or de-AT")),
)
ADDRESS = (
    Field("street_address", Text("Street"), "street-address", "lines"),
    Field("locality", Text("Town"), "address-level2"),
    Field("region", Text("Region"), "address-level1"),
    Field("postal_code", Text("Postal code"), "postal-code"),
    Field("country", Text("Country"), "country-name"),
)
NAMES = (*(field.name for field in CLAIMS), "zoneinfo")


class ProfilePage(ConsolePage):
    """The standard claims that the user may set."""

    path = "/account/profile"
    template = "account/profile.html"
    fields = (*NAMES, "address")

    def __init__(self, parts: PageParts, gate: AccountGate, accounts: Accounts, profiles: Profiles) -> None:
        super().__init__(parts, gate, accounts)
        self._profiles = profiles

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show what is known, or what was just sent."""
        profile = (await self.accounts.proven(visit.account)).profile
        address = profile.get("address") or {}
        kept = {
            **{name: profile.get(name, "") for name in NAMES},
            **{f"address.{k}": v for k, v in address.items()},
        }
        return {
            "claims": [
                claim
                for claim in CLAIMS
                if claim.name != "preferred_username" or self._profiles.username_is_personal
            ],
            "address": ADDRESS,
            "zones": time_zones(),
            "values": {**kept, **visit.form},
        }

    async def take(self, visit: AccountVisit) -> Response | None:
        """Save what was sent; a field that was not sent stays as it is."""
        changes: dict[str, Any] = {name: visit.form[name] for name in NAMES if name in visit.form}
        if any(f"address.{member}" in visit.form for member in ADDRESS_MEMBERS):
            changes["address"] = {
                member: visit.form.get(f"address.{member}", "") for member in ADDRESS_MEMBERS
            }
        await self._profiles.update(visit.account, changes)
        return self.done("saved")


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Return the zones that users know: `Europe/Berlin`, not `Etc/GMT-1`."""
    known = (zone for zone in claim_values.time_zones() if "/" in zone and not zone.startswith("Etc/"))
    return ("UTC", *sorted(known))
