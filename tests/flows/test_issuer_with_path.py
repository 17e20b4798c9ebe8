"""Below an issuer with a path, every page of the account is come back to where it is."""

from starlette.routing import Mount, Route

from tests.support.provider import PASSWORD, MakeProvider, RunningProvider


def account_pages(provider: RunningProvider) -> list[str]:
    """Return the path of every page of the account, below the issuer."""
    mount = next(r for r in provider.app.routes if isinstance(r, Mount) and r.path == "/auth")
    paths = {
        route.path.replace("{page:str}", page)
        for route in mount.routes
        if isinstance(route, Route) and "GET" in (route.methods or ()) and route.path.startswith("/account")
        for page in ("totp", "passkeys")
    }
    return sorted(path for path in paths if "{" not in path)


async def test_each_page_is_reached_after_signing_in_again(make_provider: MakeProvider) -> None:
    provider = await make_provider(issuer="http://localhost:8000/auth")
    await provider.create_user()
    pages = account_pages(provider)
    assert "/account/security/totp" in pages
    for path in pages:
        browser = await provider.browser()
        page = await browser.log_in()
        provider.clock.advance(provider.settings.accounts.recent_sign_in + 1)
        page = await browser.get(path)
        if page.url.path == "/auth/login":
            page = await browser.submit(page, password=PASSWORD)
        assert page.status_code in {200, 400, 405}, path  # some want what a mail or a form brings
        assert page.url.path.startswith("/auth/account"), path
        if path == "/account/security/totp":
            assert page.url.path == "/auth/account/security/totp"
