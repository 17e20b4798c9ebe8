"""The account: pages on which users look after what is theirs, one file each."""

from collections.abc import Sequence

from starlette.routing import Route

from idp.clock import Clock
from idp.config import Settings
from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.sign_out import SignOut
from idp.identity.accounts import Accounts
from idp.identity.app_sign_ins import AppSignIns
from idp.identity.email_change import EmailChanges
from idp.identity.password_policy import PasswordPolicy
from idp.identity.registration import Registration
from idp.identity.second_factor import SecondFactors
from idp.identity.self_service import SelfService
from idp.identity.sessions import Sessions
from idp.pages.account.apps import AppsPage
from idp.pages.account.connections import ConnectionsPage
from idp.pages.account.data import DataPage
from idp.pages.account.delete import DeletePage, RestorePage
from idp.pages.account.email import EmailPage, VerifyOwnEmailPage
from idp.pages.account.email_change import ConfirmEmailPage, UndoEmailChangePage
from idp.pages.account.gate import AccountGate
from idp.pages.account.home import HomePage
from idp.pages.account.password import PasswordPage
from idp.pages.account.profile import ProfilePage
from idp.pages.account.sessions import SessionsPage
from idp.pages.parts import PageParts


class AccountPages:
    """All of them."""

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        own: SelfService,
        *,
        settings: Settings,
        clock: Clock,
        policy: PasswordPolicy,
        registration: Registration,
        email_changes: EmailChanges,
        second_factors: SecondFactors,
        sessions: Sessions,
        sign_out: SignOut,
        app_sign_ins: AppSignIns,
        federation: FederatedSignIn,
    ) -> None:
        common = (parts, gate, accounts)
        factors_possible = settings.second_factor.policy != "off"
        self._pages = (
            HomePage(*common, second_factors, factors_possible=factors_possible),
            ProfilePage(*common, own.profiles),
            EmailPage(*common, email_changes),
            ConfirmEmailPage(*common, email_changes),
            UndoEmailChangePage(parts, email_changes),
            VerifyOwnEmailPage(*common, registration),
            PasswordPage(*common, own.password, policy),
            SessionsPage(*common, sessions, sign_out, app_sign_ins),
            ConnectionsPage(*common, federation),
            AppsPage(*common, own.apps, federation.providers),
            DataPage(*common, own.data),
            DeletePage(*common, own.deletion, settings.accounts.deletion_grace, clock),
            RestorePage(parts, own.deletion),
        )

    @property
    def routes(self) -> Sequence[Route]:
        """Those of every page."""
        return [route for page in self._pages for route in page.routes]
