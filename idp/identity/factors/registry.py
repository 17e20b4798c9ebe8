"""The second factors that run, the strongest first. Pages, API and policy read this table."""

from functools import cached_property
from typing import TYPE_CHECKING

from idp.clock import Clock
from idp.config import Settings
from idp.crypto import MasterKey
from idp.identity.factors.email_code import EmailCode
from idp.identity.factors.factor import Factor
from idp.identity.factors.recovery_codes import RecoveryCodes
from idp.identity.factors.totp import Totp
from idp.identity.mail import Mailer
from idp.identity.tickets import MailThrottle, Tickets
from idp.storage.database import Database
from idp.storage.ephemeral import EphemeralStore

if TYPE_CHECKING:
    from idp.identity.factors.passkeys import Passkeys


class FactorRegistry:
    """Each factor by name, for who enrols it, and all of them in order, for who checks."""

    def __init__(
        self,
        database: Database,
        store: EphemeralStore,
        master_key: MasterKey,
        tickets: Tickets,
        mail_throttle: MailThrottle,
        mailer: Mailer,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._for_passkeys = (database, store, settings, clock)
        self.totp = Totp(database, store, master_key, clock, settings.brand.name)
        self.recovery_codes = RecoveryCodes(database, master_key.derive("recovery-codes"), clock)
        self.email_code = EmailCode(
            database, tickets, mail_throttle, mailer, clock, allowed=settings.second_factor.email_code
        )

    @cached_property
    def passkeys(self) -> "Passkeys":
        """Passkeys. Read when they are first asked for: the library behind them is large."""
        from idp.identity.factors.passkeys import Passkeys

        return Passkeys(*self._for_passkeys)

    @property
    def all(self) -> tuple[Factor, ...]:
        """The factors in the order in which they are offered."""
        return (self.passkeys, self.totp, self.recovery_codes, self.email_code)
