"""What a newcomer finds in a fresh development installation: two people, one app, one mail."""

from dataclasses import dataclass

from idp.app import Provider
from idp.oauth.client_metadata import ClientMetadata
from idp.oauth.registration import build_client
from idp.storage.models import OutboxMail

DEMO_EMAIL, DEMO_PASSWORD = "demo@example.com", "demo-password"
ADMIN_EMAIL, ADMIN_PASSWORD = "admin@example.com", "admin-password"
DEMO_CLIENT = "demo-app"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to sign in as."""

    email: str
    password: str
    name: str
    roles: tuple[str, ...] = ()


PEOPLE = (
    Person(DEMO_EMAIL, DEMO_PASSWORD, "Dana Demo"),
    Person(ADMIN_EMAIL, ADMIN_PASSWORD, "Ada Admin", ("admin",)),
)


async def seed(provider: Provider, demo_url: str) -> str:
    """Make what is missing and return the demo app's secret, which is new each time.

    What is there already stays as it is, but for the demo app's registration.
    """
    for person in PEOPLE:
        if await provider.accounts.find(person.email) is None:
            user = await provider.accounts.create(
                person.email, person.password, person.name, verified=True, roles=person.roles, source="demo"
            )
            await _greet(provider, user.email, person)
    return await _demo_client(provider, demo_url)


async def _demo_client(provider: Provider, demo_url: str) -> str:
    new, secret = build_client(
        ClientMetadata(
            client_name="Demo app",
            redirect_uris=(f"{demo_url}/callback",),
            post_logout_redirect_uris=(f"{demo_url}/",),
            audiences=(provider.settings.issuer, f"{demo_url}/resource"),  # userinfo, and the API of the demo
        ),
        provider.clock.now(),
        client_id=DEMO_CLIENT,
    )
    async with provider.database.unit_of_work() as uow:
        known = await uow.clients.get(DEMO_CLIENT)
        if known is None:
            await uow.clients.add(new)
        else:
            known.client_secret_digest = new.client_secret_digest
            known.redirect_uris = new.redirect_uris
            known.post_logout_redirect_uris = new.post_logout_redirect_uris
            known.audiences = new.audiences
            await uow.clients.save(known)
    return secret or ""


async def _greet(provider: Provider, email: str, person: Person) -> None:
    now = provider.clock.now()
    name = provider.settings.brand.name
    text = f"Hello {person.name},\n\nyour account at {name} is ready. Your password is: {person.password}\n"
    mail = OutboxMail(
        recipient=email,
        subject=f"Welcome to {name}",
        text=text,
        html=f"<p>Hello {person.name},</p><p>your account at {name} is ready. "
        f"Your password is: <code>{person.password}</code></p>",
        created_at=now,
        next_try_at=now,
        tries=0,
        sent_at=None,
    )
    async with provider.database.unit_of_work() as uow:
        await uow.mails.add(mail)
