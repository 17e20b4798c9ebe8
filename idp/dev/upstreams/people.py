"""The people of the stand-ins."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StandInPerson:
    """Somebody with an account at the stand-ins."""

    key: str
    number: int
    """What their subject is made of; it never changes."""
    name: str
    email: str | None
    verified: bool
    note: str
    hosted_domain: str | None = None
    organizations: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()

    @property
    def login(self) -> str:
        """Their name at GitHub, which they could change."""
        return self.key


PEOPLE = (
    StandInPerson(
        "vera", 1001, "Vera Verified", "vera@example.com", True, "verified address",
        hosted_domain="example.com", organizations=("acme",), teams=("acme/platform",),
    ),
    StandInPerson("uma", 1002, "Uma Unverified", "uma@example.com", False, "unverified address"),
    StandInPerson("noel", 1003, "Noel Nomail", None, False, "no address"),
    StandInPerson("dana", 1004, "Dana Demo", "demo@example.com", True, "same address as the demo user"),
)  # fmt: skip

BY_KEY = {person.key: person for person in PEOPLE}
