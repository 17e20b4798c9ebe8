"""The claims about the person of an access token (OIDC Core §5.3)."""

from collections.abc import Mapping

from authlib.oauth2.rfc6750 import InsufficientScopeError, InvalidTokenError

from idp.oauth.claims import ClaimsRequest
from idp.oauth.scopes import OPENID, claims_of
from idp.oauth.subject import Subjects
from idp.oauth.tokens import TokenMint
from idp.storage.hot_path import HotPath


class UserInfo:
    """Answers for access tokens with the scope openid."""

    def __init__(self, mint: TokenMint, subjects: Subjects, hot_path: HotPath) -> None:
        self._mint = mint
        self._hot_path = hot_path
        self._subjects = subjects

    async def claims(self, token: str) -> Mapping[str, object]:
        """Return the claims that the token's scopes and its `claims` request ask for.

        Raises Authlib's `InvalidTokenError` or `InsufficientScopeError` (RFC 6750 §3.1).
        """
        access_token = self._mint.read_access_token(token)
        if access_token is None:
            raise InvalidTokenError
        if OPENID not in access_token.scopes:
            raise InsufficientScopeError
        status = await self._hot_path.token_status(access_token.grant_id, access_token.jti)
        if status.jti_revoked or not status.grant_active or status.grant is None or status.user is None:
            raise InvalidTokenError
        subject = self._subjects.describe(status.user)
        asked = set(ClaimsRequest.from_document(status.grant.claims).userinfo)
        names = claims_of(access_token.scopes) | asked
        return {"sub": subject.id} | {n: v for n, v in subject.claims.items() if n in names}
