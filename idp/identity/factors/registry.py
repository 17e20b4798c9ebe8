"""The second factors that run, the strongest first. Pages, API and policy read this table.

To add a factor, write its class in a file of this package and add it to `FACTORS`.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal, TypeVar, cast

from idp.identity.factors.email_code import EmailCode
from idp.identity.factors.factor import EnrollableFactor, Factor, FactorParts
from idp.identity.factors.passkeys import Passkeys
from idp.identity.factors.recovery_codes import RecoveryCodes
from idp.identity.factors.totp import Totp
from idp.storage.database import UnitOfWork
from idp.storage.models import FactorCredential

FACTORS: tuple[type[Factor], ...] = (Passkeys, Totp, RecoveryCodes, EmailCode)

F = TypeVar("F", bound=Factor)


def enrollable() -> Sequence[type[EnrollableFactor]]:
    """Return the factors that people set up."""
    return [each for each in FACTORS if issubclass(each, EnrollableFactor)]


def credentials() -> Mapping[str, type[FactorCredential]]:
    """Return the rows that hold what people have set up, by kind."""
    return {each.kind: each.credential for each in enrollable()}


def kinds_without_page() -> list[str]:
    """Return the kinds with which a request without a page can be answered."""
    return [each.kind for each in FACTORS if not each.weak]


def default_kind() -> str:
    """Return the kind of an answer that names none: the strongest of which the answer is a typed code."""
    return next(each.kind for each in FACTORS if each.answer_by == "code" and not each.weak)


def answer_by(kind: str) -> Literal["code", "assertion"]:
    """Return what the answer of a kind is."""
    return next(each.answer_by for each in FACTORS if each.kind == kind)


async def has_factor(uow: UnitOfWork, user_id: str) -> bool:
    """Tell whether the person has set up a second factor."""
    return await uow.factors.has_any(user_id, credentials().values())


async def delete_factors(uow: UnitOfWork, user_id: str, *, since: float = 0.0) -> None:
    """Delete everything that a user has set up at `since` or later, the recovery codes and every trusted
    browser."""
    await uow.factors.delete_all(user_id, credentials().values(), since=since)


async def signs_in_alone(uow: UnitOfWork, user_id: str) -> frozenset[str]:
    """Return the ids of the person's credentials with which they can sign in without anything else."""
    found = [await each.signs_in_alone(uow, user_id) for each in enrollable()]
    return frozenset().union(*found)


class FactorRegistry:
    """The factors, made."""

    def __init__(self, parts: FactorParts) -> None:
        self.parts = parts

    @cached_property
    def all(self) -> Mapping[str, Factor]:
        """The factors by kind, in the order in which they are offered."""
        return {each.kind: each.of(self.parts) for each in FACTORS}

    @cached_property
    def enrollable(self) -> Mapping[str, EnrollableFactor]:
        """The factors that people set up, by kind."""
        return {kind: each for kind, each in self.all.items() if isinstance(each, EnrollableFactor)}

    def __getitem__(self, factor: type[F]) -> F:
        """Return the factor of a class."""
        return cast("F", self.all[factor.kind])
