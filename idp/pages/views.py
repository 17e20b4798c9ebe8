"""What the templates of the flow show, as types: a template and the code that fills it cannot drift apart.

A view's fields are its template's variables. What every page has beside them (the client, the form's token, a
message, what is wrong with a form) are parameters of `Renderer.page`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idp.identity.sessions import CurrentSession
from idp.pages.offers import Button
from idp.pages.render import View
from idp.pages.scopes import ScopeView
from idp.pages.strength import StrengthView
from idp.text import Text


@dataclass(frozen=True, slots=True)
class LoginView(View, template="login.html"):
    """The sign-in form."""

    email: str = ""
    register_url: str | None = None
    recover_url: str = "/recover"
    providers: Sequence[Button] = ()
    organisations: bool = False
    """Whether some users are sent on by the domain of their address."""
    passkeys: bool = False
    usernames: bool = False
    """Whether a username may be given in place of the address."""


@dataclass(frozen=True, slots=True)
class SelectAccountView(View, template="select_account.html"):
    """The account to go on with, or another."""

    account: CurrentSession


@dataclass(frozen=True, slots=True)
class ConsentView(View, template="consent.html"):
    """What an app asks for."""

    account: CurrentSession
    scopes: Sequence[ScopeView]
    redirect_host: str | None = None


@dataclass(frozen=True, slots=True)
class RegisterView(View, template="register.html"):
    """The registration form, or why nobody can register."""

    values: Mapping[str, str]
    rule: str
    strength: StrengthView
    login_url: str
    closed: str | None = None
    providers: Sequence[Button] = ()


@dataclass(frozen=True, slots=True)
class VerifyEmailView(View, template="verify_email.html"):
    """The question for the code of a mail."""

    email: str
    state_url: str
    """What the page's script asks."""
    register_url: str | None = None
    """Where a user who has just registered corrects the address."""


@dataclass(frozen=True, slots=True)
class RecoverView(View, template="recover.html"):
    """The question for an address, or where to look for the mail."""

    values: Mapping[str, str]
    recover_url: str
    login_url: str
    sent: bool = False


@dataclass(frozen=True, slots=True)
class ResetView(View, template="reset.html"):
    """The question for a new password."""

    token: str
    email: str
    rule: str
    strength: StrengthView


@dataclass(frozen=True, slots=True)
class MailLinkView(View, template="mail_link.html"):
    """What the link of a mail leads to: a button, or what came of it."""

    title: str
    sentence: str
    email: str | None = None
    button: str | None = None
    action: str = ""
    token: str = ""
    next_url: str | None = None
    next_label: str | None = None


@dataclass(frozen=True, slots=True)
class SignOutView(View, template="end_session.html"):
    """The question whether to sign out."""

    account: CurrentSession
    request: str
    """Names the logout request that waits for the answer."""


@dataclass(frozen=True, slots=True)
class SignedOutView(View, template="signed_out.html"):
    """The end of a session."""


@dataclass(frozen=True, slots=True)
class ErrorView(View, template="error.html"):
    """What went wrong."""

    title: str
    sentence: str
    error_id: str
    onward: tuple[str, Text] | None = None
    """Where the user can go from here, and how the way there is called."""
    detail: Sequence[tuple[str, str]] = ()
    """Facts for the developer, shown in development only."""


@dataclass(frozen=True, slots=True)
class FormPostView(View, template="form_post.html"):
    """A form that a script posts to an app."""

    action: str
    fields: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class HandOverView(View, template="hand_over.html"):
    """A page that goes on to an app by itself."""

    target: str
