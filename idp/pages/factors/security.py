"""/account/security: the user's second factors, to be renamed and removed, and trusted browsers."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.identity import page_paths
from idp.identity.accounts import Accounts
from idp.identity.enrolled_factors import EnrolledFactors
from idp.identity.factor_reset import FactorResets
from idp.identity.factors.factor import EnrollableFactor
from idp.identity.factors.recovery_codes import FEW, RecoveryCodes
from idp.identity.trusted_browsers import TrustedBrowsers
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.devices import device_of
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.text import Text


class SecurityPage(ConsolePage):
    """The list."""

    path = page_paths.SECURITY
    template = "security.html"

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        codes: RecoveryCodes,
        resets: FactorResets,
        enrolled: EnrolledFactors,
        trusted_browsers: TrustedBrowsers,
        addable: Sequence[EnrollableFactor],
    ) -> None:
        """Take, among others, the factors that a user may add."""
        super().__init__(parts, gate, accounts)
        self._codes = codes
        self._resets = resets
        self._enrolled = enrolled
        self._trusted_browsers = trusted_browsers
        self._addable = addable

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show what is set up, and what can be added."""
        user = await self.accounts.proven(visit.account)
        left = await self._codes.left(visit.user_id)
        return {
            "reset_at": user.factor_reset_at,
            "enrolled": await self._enrolled.of_user(visit.user_id),
            "codes_left": left,
            "few": left <= FEW,
            "addable": [(factor, self.parts.path(f"{self.path}/{factor.page}")) for factor in self._addable],
            "trusted": [
                (each.id, device_of(each.user_agent), each.expires_at)
                for each in await self._trusted_browsers.of_user(visit.user_id)
            ],
        }

    def done_sentence(self, request: Request) -> str | None:
        """Name the factor that was removed, by the kind that the redirect carries."""
        kind = request.query_params.get("kind", "")
        label = next((each.label for each in self._enrolled.possible if each.kind == kind), None)
        match request.query_params.get("done"):
            case "removed" if label:
                return Text("Removed: %(factor)s.", factor=label)
            case "last_removed" if label:
                return Text(
                    "Removed: %(factor)s. It was your last second step, so your recovery codes were removed too.",
                    factor=label,
                )
            case _:
                return super().done_sentence(request)

    async def take(self, visit: AccountVisit) -> Response | None:
        """Rename or remove a factor or a trusted browser, which asks for a recent proof of a factor. Objecting
        to an administrator's reset loses nothing, so being signed in is enough."""
        form, user = visit.form, await self.accounts.proven(visit.account)
        if form.get("decision") == "keep":
            await self._resets.cancel(user, "owner")
            return self.edge.links.redirect(self.path)
        proven = await self.gate.enter(visit.request, self.path, recent=True, strong=True)
        if isinstance(proven, Response):
            return proven
        kind, credential_id = form.get("kind", ""), form.get("id", "")
        match form.get("decision"):
            case "distrust":
                await self._trusted_browsers.distrust(user.id, credential_id)
            case "remove":
                last = await self._enrolled.remove(user, kind, credential_id)
                return self.done("last_removed" if last else "removed", kind=kind)
            case _:
                await self._enrolled.rename(user, kind, credential_id, form.get("name", ""))
        return self.edge.links.redirect(self.path)
