"""/federation: going to another provider, coming back, and what may have to be asked in between."""

from collections.abc import Sequence

from starlette.routing import Route

from idp.flow.federated.sign_in import FederatedSignIn
from idp.ops.metrics import Metrics
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.pages.federation.linking import LinkStep
from idp.pages.federation.onward import Onward
from idp.pages.federation.sign_in import SignInElsewhere
from idp.pages.federation.welcome import WelcomePage


class FederationPages:
    """All of them."""

    def __init__(
        self, desk: Desk, federation: FederatedSignIn, admission: FormAdmission, metrics: Metrics
    ) -> None:
        onward = Onward(desk, federation, metrics)
        linking = LinkStep(desk, federation, onward, metrics)
        self._pages = (
            SignInElsewhere(desk, federation, onward, linking, admission, metrics),
            WelcomePage(desk, federation, onward, admission),
            linking,
        )

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are served."""
        return [route for page in self._pages for route in page.routes]
