"""The claims about the user of an access token (OIDC Core §5.3)."""

from collections.abc import Mapping

from idp.config import TokenSettings
from idp.oauth.claims import ClaimsRequest
from idp.oauth.resource import Access, Resource
from idp.oauth.scopes import OPENID, claims_of
from idp.oauth.subject import Subjects


def userinfo_resource(settings: TokenSettings) -> Resource:
    """Return userinfo as a protected resource."""
    return Resource("userinfo", OPENID, takes_any_audience=settings.userinfo_audience == "openid")


def userinfo_claims(access: Access, subjects: Subjects) -> Mapping[str, object]:
    """Return the claims that the token's scopes and the `claims` parameter of its grant ask for, as far as the
    client is still registered for them."""
    subject = subjects.describe(access.user)
    asked = ClaimsRequest.from_document(access.grant.claims).within(access.client.scopes)
    names = claims_of(access.scopes) | {*asked.userinfo}
    return {"sub": subject.id} | {n: v for n, v in subject.claims.items() if n in names}
