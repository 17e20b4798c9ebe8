"""The provider as a third-party app sees it: discovery, and the endpoints that discovery names."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx

from idp.dev.relying_app.errors import (
    ProviderRefusedError,
    ProviderUnreachableError,
    RequestRefusedError,
    TokenRejectedError,
)

DISCOVERY_SECONDS = 300


class OpenIDProvider:
    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        http: httpx.AsyncClient,
        clock: Callable[[], float],
    ) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._http = http
        self._clock = clock
        self._metadata: dict[str, Any] = {}
        self._metadata_until = 0.0

    async def metadata(self) -> dict[str, Any]:
        if self._clock() >= self._metadata_until:
            url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
            document = _json(await self._send("GET", url), "discovery document")
            # OIDC Discovery §4.3: the announced issuer is the one that was asked, to the letter.
            if document.get("issuer") != self.issuer:
                raise ProviderUnreachableError(
                    f"The provider at {self.issuer} calls itself “{document.get('issuer')}”.",
                    "Give this app and the provider the same issuer.",
                )
            self._metadata, self._metadata_until = document, self._clock() + DISCOVERY_SECONDS
        return self._metadata

    async def authorization_url(
        self,
        *,
        redirect_uri: str,
        scope: str,
        state: str,
        nonce: str,
        code_verifier: str,
        prompt: str,
        acr_values: str = "",
    ) -> str:
        challenge = hashlib.sha256(code_verifier.encode("ascii")).digest()
        parameters = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode("ascii"),
            "code_challenge_method": "S256",
        }
        if prompt:
            parameters["prompt"] = prompt
        if acr_values:
            parameters["acr_values"] = acr_values
        return _with_query(await self._endpoint("authorization_endpoint"), parameters)

    async def check_response_issuer(self, iss: str | None) -> None:
        """RFC 9207 §2.4: a response from another issuer is a mix-up attack."""
        promised = (await self.metadata()).get("authorization_response_iss_parameter_supported") is True
        if iss != self.issuer and (iss is not None or promised):
            raise RequestRefusedError(
                "The answer does not come from the provider that was asked.", "Please start signing in again."
            )

    async def redeem_code(self, *, code: str, redirect_uri: str, code_verifier: str) -> dict[str, Any]:
        return await self._token(
            grant_type="authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=code_verifier
        )

    async def refresh(self, refresh_token: str) -> dict[str, Any]:
        return await self._token(grant_type="refresh_token", refresh_token=refresh_token)

    async def userinfo(self, access_token: str, *, subject: str) -> dict[str, Any]:
        response = await self._send(
            "GET",
            await self._endpoint("userinfo_endpoint"),
            headers={"Authorization": f"Bearer {access_token}"},
        )
        claims = _json(response, "userinfo response")
        # OIDC Core §5.3.2: otherwise the token of one person could show the name of another.
        if claims.get("sub") != subject:
            raise TokenRejectedError("The userinfo response was refused: it is about another person.")
        return claims

    async def end_session_url(self, *, id_token: str, return_to: str, state: str) -> str | None:
        if not (await self.metadata()).get("end_session_endpoint"):
            return None
        return _with_query(
            await self._endpoint("end_session_endpoint"),
            {
                "id_token_hint": id_token,
                "client_id": self._client_id,
                "post_logout_redirect_uri": return_to,
                "state": state,
            },
        )

    async def jwks(self) -> dict[str, Any]:
        return _json(await self._send("GET", await self._endpoint("jwks_uri")), "JWKS")

    async def _token(self, **form: str) -> dict[str, Any]:
        auth = None
        if self._client_secret is None:
            form["client_id"] = self._client_id
        else:
            # RFC 6749 §2.3.1: both halves are form-encoded before they meet in the header.
            auth = httpx.BasicAuth(quote_plus(self._client_id), quote_plus(self._client_secret))
        response = await self._send("POST", await self._endpoint("token_endpoint"), data=form, auth=auth)
        tokens = _json(response, "token response")
        if not isinstance(tokens.get("access_token"), str):
            raise ProviderUnreachableError("The provider's token response holds no access token.")
        if str(tokens.get("token_type", "")).lower() != "bearer":
            raise ProviderUnreachableError("The provider sent a token of a type that this app cannot use.")
        return tokens

    async def _endpoint(self, name: str) -> str:
        url = (await self.metadata()).get(name)
        if not isinstance(url, str):
            raise ProviderUnreachableError(f"The provider's discovery document names no {name}.")
        return url

    async def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            return await self._http.request(method, url, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderUnreachableError(
                f"The provider at {self.issuer} cannot be reached.",
                "Check that it is running and that its address is right, then try again.",
            ) from error


def _json(response: httpx.Response, kind: str) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        document = None
    if response.is_success and isinstance(document, dict):
        return document
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        raise ProviderRefusedError(document["error"], str(document.get("error_description") or ""))
    raise ProviderUnreachableError(
        f"The provider answered {response.status_code} where its {kind} was expected.",
        f"The address asked was {response.request.url.copy_with(query=None)}.",
    )


def _with_query(url: str, parameters: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
