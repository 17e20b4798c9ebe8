"""Every step of the flow has its page, and every page knows its steps."""

from starlette.routing import Route

from idp.app.routes import discovery_of, routes_of
from idp.flow.steps import STEPS
from idp.identity import page_paths
from idp.pages.consent import ConsentPage
from idp.pages.factors.challenge import ChallengePage
from idp.pages.factors.enrol import EnrolPage
from idp.pages.flow_page import FlowPage
from idp.pages.login import LoginPage
from idp.pages.verify_email import VerifyEmailPage
from tests.support.provider import RunningProvider

PAGES: tuple[type[FlowPage], ...] = (LoginPage, VerifyEmailPage, ConsentPage, ChallengePage, EnrolPage)


def test_a_page_asks_for_every_step_that_leads_to_it() -> None:
    for page in PAGES:
        leading = {step.name for step in STEPS if step.path == page.path}
        assert leading
        assert leading <= set(page.steps)


async def test_every_page_that_a_mail_leads_to_is_served(provider: RunningProvider) -> None:
    served = {
        route.path
        for route in routes_of(provider.parts, discovery_of(provider.parts))
        if isinstance(route, Route)
    }
    assert {path for name, path in vars(page_paths).items() if name.isupper()} <= served
