"""Every step of the flow has its page, and every page knows its steps."""

from idp.flow.steps import FactorDemands, steps
from idp.pages.consent import ConsentPage
from idp.pages.flow_page import FlowPage
from idp.pages.login import LoginPage
from idp.pages.verify_email import VerifyEmailPage

PAGES: tuple[type[FlowPage], ...] = (LoginPage, VerifyEmailPage, ConsentPage)


def test_a_page_asks_for_every_step_that_leads_to_it() -> None:
    demands = FactorDemands("required", (), grace=True, offers=True)
    for page in PAGES:
        leading = {step.name for step in steps("before_sign_in", demands, 600) if step.path == page.path}
        assert leading
        assert leading <= set(page.steps)
