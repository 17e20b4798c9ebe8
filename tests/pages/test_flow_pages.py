"""Every step of the flow has its page, and every page knows its steps."""

from idp.flow.steps import STEPS
from idp.pages.consent import ConsentPage
from idp.pages.factors.challenge import ChallengePage
from idp.pages.factors.enrol import EnrolPage
from idp.pages.flow_page import FlowPage
from idp.pages.login import LoginPage
from idp.pages.verify_email import VerifyEmailPage

PAGES: tuple[type[FlowPage], ...] = (LoginPage, VerifyEmailPage, ConsentPage, ChallengePage, EnrolPage)


def test_a_page_asks_for_every_step_that_leads_to_it() -> None:
    for page in PAGES:
        leading = {step.name for step in STEPS if step.path == page.path}
        assert leading
        assert leading <= set(page.steps)
