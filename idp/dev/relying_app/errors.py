"""Everything that can go wrong in the relying app; each is one sentence that a page can show.

RelyingAppError
├── ProviderUnreachableError   no usable HTTP answer from the provider
├── ProviderRefusedError       the provider answered with an OAuth error
├── TokenRejectedError         a token did not verify
└── RequestRefusedError        a browser request that this app did not start, or that is too old
"""

from __future__ import annotations


class RelyingAppError(Exception):
    status_code = 400
    title = "That did not work"

    def __init__(self, sentence: str, advice: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice


class ProviderUnreachableError(RelyingAppError):
    status_code = 502
    title = "The provider did not answer"


class ProviderRefusedError(RelyingAppError):
    """`code` and `description` are the `error` and `error_description` of RFC 6749 §4.1.2.1 and §5.2."""

    title = "The provider said no"

    def __init__(self, code: str, description: str = "") -> None:
        said = description.strip().rstrip(".")
        if code in EXPLAINED:
            sentence, advice = EXPLAINED[code], f"The provider's words: {said}." if said else ""
        else:
            sentence, advice = f"The provider refused the request: {said or code}.", ""
        super().__init__(sentence, advice)
        self.code = code


class TokenRejectedError(RelyingAppError):
    title = "A token was refused"


class RequestRefusedError(RelyingAppError):
    title = "This request was refused"


EXPLAINED = {
    "access_denied": "Access was not allowed, so this app received nothing.",
    "login_required": "You are not signed in at the provider, so it cannot answer silently.",
    "consent_required": "The provider needs your consent first, so it cannot answer silently.",
    "interaction_required": "The provider needs to ask you something first, so it cannot answer silently.",
    "account_selection_required": "The provider needs you to choose an account first.",
    "invalid_client": "The provider does not know this app by its client id and secret.",
    "invalid_grant": "The provider no longer accepts this code or refresh token; please sign in again.",
    "temporarily_unavailable": "The provider is busy; please try again in a moment.",
    "server_error": "The provider met an error of its own; its log says more.",
}
