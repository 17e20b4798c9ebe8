"""GitHub, which speaks OAuth 2.0 and not OpenID Connect: the identity of a user comes from its API."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from idp.clock import Clock
from idp.config import UpstreamSettings
from idp.crypto import random_token
from idp.errors import ConfigurationError
from idp.federation.claims import text_of, tokens_of
from idp.federation.http import ProviderHttp
from idp.federation.identity import UpstreamIdentity, UpstreamTokens
from idp.federation.upstream import (
    CANCELLATIONS,
    AuthorizationRedirect,
    Cancelled,
    PendingAuthorization,
    Preset,
    Report,
    UpstreamDown,
    UpstreamError,
    UpstreamRefused,
    UpstreamRequest,
    challenge,
    label_of,
    parameters,
    with_query,
)
from idp.foreign import Malformed, integer, is_true, objects
from idp.outgoing import Answer
from idp.text import Text

GITHUB = "https://github.com"
GITHUB_API = "https://api.github.com"
API_VERSION = "2022-11-28"
ACCEPT = "application/vnd.github+json"
PER_PAGE = 100
MOST_PAGES = 10
LARGEST_ID = 2**63 - 1


class GitHubUpstream:
    """GitHub, or a GitHub Enterprise server."""

    def __init__(
        self, name: str, settings: UpstreamSettings, preset: Preset, http: ProviderHttp, clock: Clock
    ) -> None:
        self.name = name
        self.settings = settings
        self.label = label_of(name, settings, preset.label)
        if not settings.client_id or settings.client_secret is None:
            raise ConfigurationError(
                f"The provider {name} needs a client_id and a client_secret; GitHub gives both to you under "
                "Settings, Developer settings, OAuth Apps."
            )
        self.base_url = (settings.base_url or GITHUB).rstrip("/")
        self.issuer = self.base_url
        self.api_url = GITHUB_API if self.base_url == GITHUB else f"{self.base_url}/api/v3"
        if urlsplit(self.base_url).scheme not in {"https", "http"}:
            raise ConfigurationError(f"The base_url of the provider {name} must be an https URL.")
        self._http = http
        self._clock = clock

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for; memberships are read only where they matter."""
        if self.settings.scopes:
            return self.settings.scopes
        return ("read:user", "user:email", *(("read:org",) if self._is_restricted else ()))

    @property
    def _is_restricted(self) -> bool:
        return bool(self.settings.organizations or self.settings.teams)

    async def begin(self, ask: UpstreamRequest) -> AuthorizationRedirect:
        """Say where to send the person. GitHub cannot be asked to check the password again."""
        memory = PendingAuthorization(ask.redirect_uri, random_token(48), random_token(), self._clock.now())
        query = parameters(
            {
                "client_id": self.settings.client_id,
                "redirect_uri": ask.redirect_uri,
                "scope": " ".join(self.scopes),
                "state": ask.state,
                "code_challenge": challenge(memory.code_verifier),
                "code_challenge_method": "S256",
                "allow_signup": "true",
                "login": ask.login_hint,
                "prompt": "select_account" if ask.select_account or ask.reauthenticate else None,
            }
        )
        return AuthorizationRedirect(with_query(f"{self.base_url}/login/oauth/authorize", query), memory)

    async def finish(self, answer: Mapping[str, str], memory: PendingAuthorization) -> UpstreamIdentity:
        """Redeem the code and read the identity of the user from the API."""
        self._raise_error(answer)
        code = answer.get("code")
        if not code:
            raise self.refused("the answer has neither a code nor an error")
        form = {"code": code, "redirect_uri": memory.redirect_uri, "code_verifier": memory.code_verifier}
        tokens = await self._token_request(form)
        user = await self._object(tokens, "/user")
        try:
            # Never the login: it can be changed, and taken by somebody else.
            subject = integer(user, "id", 1, LARGEST_ID)
        except Malformed:
            subject = None
        if subject is None:
            raise self.refused("/user has no numeric id")
        await self._check_membership(tokens, user)
        email, verified = await self._email(tokens, user)
        login = text_of(user.get("login"))
        return UpstreamIdentity(
            provider=self.name,
            issuer=self.issuer,
            subject=str(subject),
            email=email,
            email_verified=verified,
            name=text_of(user.get("name")) or login,
            claims={"preferred_username": login} if login else {},
            tokens=tokens,
        )

    async def refresh(self, tokens: UpstreamTokens) -> UpstreamTokens:
        """GitHub Apps have tokens that expire; those of OAuth Apps never come here."""
        if tokens.refresh_token is None:
            raise self.refused("the access token has expired and there is no refresh token")
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        return await self._token_request(form)

    async def sign_out_url(self, back_to: str) -> str | None:
        """GitHub has no such thing."""
        del back_to
        return None

    async def check(self) -> Report:
        """Look whether GitHub knows the client: it tells by how it refuses a code that is none."""
        facts = {"base_url": self.base_url, "api": self.api_url, "scopes": " ".join(self.scopes)}
        faults: list[str] = []
        try:
            await self._token_request({"code": "idp-provider-test", "redirect_uri": "", "code_verifier": ""})
        except UpstreamError as error:
            detail = error.detail or error.sentence
            if "bad_verification_code" not in detail:
                hint = (
                    "client_id or client_secret is wrong"
                    if "credentials" in detail
                    else "GitHub did not answer"
                )
                faults.append(f"{hint}: {detail}.")
        if not any(scope.startswith("user") for scope in self.scopes):
            faults.append("The scope user:email is missing: addresses that are not public cannot be read.")
        if self._is_restricted and not any(scope.endswith(":org") for scope in self.scopes):
            faults.append("The scope read:org is missing: memberships cannot be read.")
        return Report(facts, tuple(faults))

    def refused(self, detail: str, sentence: str | None = None) -> UpstreamRefused:
        """Return the error for what cannot be accepted."""
        return UpstreamRefused(self.label, f"{self.name}: {detail}", sentence)

    def _raise_error(self, answer: Mapping[str, str]) -> None:
        told = answer.get("iss")
        if told is not None and told not in {self.issuer, f"{self.issuer}/login/oauth"}:
            raise self.refused(f"the answer is from {told[:200]!r}: mix-up (RFC 9207)")
        error = answer.get("error")
        if error is None:
            return
        detail = f"error {error[:80]!r}: {answer.get('error_description', '')[:300]!r}"
        raise Cancelled(self.label, detail) if error in CANCELLATIONS else self.refused(detail)

    async def _token_request(self, form: Mapping[str, str]) -> UpstreamTokens:
        secret = self.settings.client_secret
        status, response = await self._http.json(
            "POST",
            f"{self.base_url}/login/oauth/access_token",
            data={
                **form,
                "client_id": self.settings.client_id,
                "client_secret": secret.get_secret_value() if secret else "",
            },
            headers={"Accept": "application/json"},  # else it answers with a form
        )
        error = response.get("error")
        if status != 200 or error is not None:  # its errors come with 200
            said = str(response.get("error_description", ""))[:300]
            raise self.refused(f"the token endpoint answers {status}: {str(error)[:80]!r} {said!r}")
        try:
            return tokens_of(response, self._clock.now())
        except Malformed as malformed:
            raise self.refused(f"the token endpoint's answer is malformed: {malformed}") from malformed

    async def _email(self, tokens: UpstreamTokens, user: Mapping[str, Any]) -> tuple[str | None, bool]:
        """Return the primary address if it is verified; else what there is, as a suggestion."""
        primary = next((entry for entry in await self._emails(tokens) if is_true(entry, "primary")), None)
        if primary is not None:
            return text_of(primary.get("email")), is_true(primary, "verified")
        return text_of(user.get("email")), False

    async def _emails(self, tokens: UpstreamTokens) -> list[dict[str, Any]]:
        """Return every address of the user. The list has pages, and the primary one may be on any."""
        found: list[dict[str, Any]] = []
        path: str | None = f"/user/emails?per_page={PER_PAGE}"
        for _ in range(MOST_PAGES):
            if path is None:
                break
            answer = await self._get(tokens, path)
            if answer.status != 200:  # without the scope user:email
                break
            try:
                found += objects(answer.json())
            except ValueError as error:
                raise UpstreamDown(self.label, f"{answer.url} is not JSON") from error
            path = self._next_page(answer)
        return found

    def _next_page(self, answer: Answer) -> str | None:
        """Return the path of the next page (RFC 8288 §3). A page elsewhere would get the token, so there is none."""
        url = answer.next_url
        return url.removeprefix(self.api_url) if url and url.startswith(f"{self.api_url}/") else None

    async def _check_membership(self, tokens: UpstreamTokens, user: Mapping[str, Any]) -> None:
        if not self._is_restricted:
            return
        login = quote(text_of(user.get("login")) or "", safe="")
        for organization in self.settings.organizations:
            if await self._is_active(tokens, f"/user/memberships/orgs/{quote(organization, safe='')}"):
                return
        for team in self.settings.teams:
            organization, _, slug = team.partition("/")
            path = f"/orgs/{quote(organization, safe='')}/teams/{quote(slug, safe='')}/memberships/{login}"
            if await self._is_active(tokens, path):
                return
        raise self.refused(
            f"user {user.get('id')} is in none of {', '.join((*self.settings.organizations, *self.settings.teams))}",
            Text("Only members of certain organisations may sign in here."),
        )

    async def _is_active(self, tokens: UpstreamTokens, path: str) -> bool:
        answer = await self._get(tokens, path)
        if answer.status != 200:
            return False
        return self._http.object_of(answer).get("state") == "active"

    async def _object(self, tokens: UpstreamTokens, path: str) -> dict[str, Any]:
        answer = await self._get(tokens, path)
        if answer.status != 200:
            raise self.refused(f"{path} answers {answer.status}")
        return self._http.object_of(answer)

    async def _get(self, tokens: UpstreamTokens, path: str) -> Answer:
        answer = await self._http.send(
            "GET",
            f"{self.api_url}{path}",
            headers={
                "Accept": ACCEPT,
                "Authorization": f"Bearer {tokens.access_token}",
                "X-GitHub-Api-Version": API_VERSION,
            },
        )
        spent = answer.status == 403 and answer.headers.get("x-ratelimit-remaining") == "0"
        if answer.status == 429 or spent:
            raise UpstreamDown(self.label, f"{path}: GitHub's rate limit is used up")
        return answer
