"""Google: an OpenID provider with Workspace domains."""

from collections.abc import Mapping
from typing import Any

from idp.federation.oidc import OpenIdUpstream
from idp.text import Text


class GoogleUpstream(OpenIdUpstream):
    """Google, with `hd` restricted to chosen domains."""

    def extra_parameters(self) -> Mapping[str, Any]:
        """Tell Google which domain, so that it offers the right accounts."""
        domains = self.settings.hosted_domains
        offline = "offline" if self.settings.keep_tokens else None
        if not domains:
            return {"access_type": offline}
        return {"hd": domains[0] if len(domains) == 1 else "*", "access_type": offline}

    def check_claims(self, claims: Mapping[str, Any]) -> None:
        """The parameter is only a wish: what counts is the claim of the ID token."""
        domains = {domain.casefold() for domain in self.settings.hosted_domains}
        if domains and str(claims.get("hd", "")).casefold() not in domains:
            raise self.refused(
                f"hd is {str(claims.get('hd'))[:80]!r}, not one of {', '.join(sorted(domains))}",
                Text("Only accounts of certain organisations may sign in here. Choose your work account."),
            )
