"""/federation: going to another provider, coming back, and what may have to be asked in between."""

from collections.abc import Sequence

from starlette.routing import Route

from idp.flow.federated.sign_in import FederatedSignIn
from idp.flow.sign_in import SignIn
from idp.ops.metrics import Metrics
from idp.pages.federation.linking import LinkStep
from idp.pages.federation.responses import FederatedResponses
from idp.pages.federation.sign_in import UpstreamSignInPages
from idp.pages.federation.welcome import WelcomePage
from idp.pages.parts import PageParts


class FederationPages:
    """All of them."""

    def __init__(
        self,
        parts: PageParts,
        federation: FederatedSignIn,
        sign_in: SignIn,
        metrics: Metrics,
    ) -> None:
        responses = FederatedResponses(parts, federation, sign_in, metrics)
        linking = LinkStep(parts, federation, responses, metrics)
        self._pages = (
            UpstreamSignInPages(parts, federation, responses, linking, metrics),
            WelcomePage(parts, federation, responses),
            linking,
        )

    @property
    def routes(self) -> Sequence[Route]:
        """Its routes."""
        return [route for page in self._pages for route in page.routes]
