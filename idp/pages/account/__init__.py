"""The account: pages on which people look after what is theirs, one file each."""

from collections.abc import Sequence

from starlette.routing import Route

from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.sign_out import SignOut
from idp.identity.password_policy import PasswordPolicy
from idp.identity.registration import Registration
from idp.identity.self_service import SelfService
from idp.pages.account.apps import AppsPage
from idp.pages.account.connections import ConnectionsPage
from idp.pages.account.data import DataPage
from idp.pages.account.delete import DeletePage, RestorePage
from idp.pages.account.email import EmailPage, VerifyOwnEmailPage
from idp.pages.account.email_change import ConfirmEmailPage
from idp.pages.account.home import HomePage
from idp.pages.account.password import PasswordPage
from idp.pages.account.profile import ProfilePage
from idp.pages.account.sessions import SessionsPage
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk


class AccountPages:
    """All of them."""

    def __init__(
        self,
        desk: Desk,
        self_service: SelfService,
        admission: FormAdmission,
        *,
        policy: PasswordPolicy,
        registration: Registration,
        sign_out: SignOut,
        federation: FederatedSignIn,
    ) -> None:
        common = (desk, self_service, admission)
        self._pages = (
            HomePage(*common),
            ProfilePage(*common),
            EmailPage(*common),
            ConfirmEmailPage(*common),
            VerifyOwnEmailPage(*common, registration),
            PasswordPage(*common, policy),
            SessionsPage(*common, sign_out),
            ConnectionsPage(*common, federation),
            AppsPage(*common, federation.providers),
            DataPage(*common),
            DeletePage(*common),
            RestorePage(*common),
        )

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are served."""
        return [route for page in self._pages for route in page.routes]
