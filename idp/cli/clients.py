"""`idp client`: relying apps and resource servers."""

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.context import AsJson, Yes, confirm, open_database, print_fields, print_json, print_table, run
from idp.cli.context import settings as read_settings
from idp.errors import InvalidValue, NotFound

if TYPE_CHECKING:
    from idp.storage.database import UnitOfWork
    from idp.storage.models import ClientRecord

PAGE = 500

app = typer.Typer(help="Relying apps and resource servers.", rich_markup_mode=None)

Uris = Annotated[list[str] | None, typer.Option("--redirect-uri", help="Where people come back to.")]
LogoutUris = Annotated[
    list[str] | None, typer.Option("--post-logout-redirect-uri", help="Where they may go after sign-out.")
]
AuthMethod = Annotated[
    str | None,
    typer.Option("--auth-method", help="client_secret_basic, client_secret_post, private_key_jwt or none."),
]
Grants = Annotated[
    list[str] | None,
    typer.Option("--grant", help="authorization_code, refresh_token, client_credentials or password."),
]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="A scope it may ask for.")]
Audiences = Annotated[list[str] | None, typer.Option("--audience", help="The aud of its access tokens.")]
Origins = Annotated[
    list[str] | None, typer.Option("--origin", help="A web origin beyond those of its redirect URIs (CORS).")
]
Jwks = Annotated[Path | None, typer.Option("--jwks", help="A file with its public keys (JWKS).")]
JwksUri = Annotated[str | None, typer.Option("--jwks-uri", help="Where its public keys are.")]
FirstParty = Annotated[
    bool | None, typer.Option("--first-party/--third-party", help="Whether consent is skipped.")
]
Pkce = Annotated[
    bool | None, typer.Option("--require-pkce/--no-require-pkce", help="Whether PKCE is required.")
]
EndGrants = Annotated[
    bool | None,
    typer.Option(
        "--end-grants-on-logout/--keep-grants-on-logout",
        help="Whether sign-out ends its grants without offline_access.",
    ),
]
RequireFactor = Annotated[
    bool | None,
    typer.Option(
        "--require-second-factor/--no-require-second-factor",
        help="Whether people must prove two factors for it.",
    ),
]
IdTokenAlg = Annotated[str | None, typer.Option("--id-token-alg", help="RS256, ES256 or EdDSA.")]
LogoUri = Annotated[str | None, typer.Option("--logo-uri", help="Its logo, for the hosted pages.")]
ClientUri = Annotated[str | None, typer.Option("--client-uri", help="Its home page.")]
PolicyUri = Annotated[str | None, typer.Option("--policy-uri", help="Its privacy policy.")]
TosUri = Annotated[str | None, typer.Option("--tos-uri", help="Its terms of service.")]
Providers = Annotated[
    list[str] | None,
    typer.Option(
        "--provider", help="A provider that its sign-in page offers, in this order; `none` offers not one."
    ),
]
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client id.")]


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", help="The name that people see.")],
    client_id: Annotated[str | None, typer.Option("--client-id", help="Its id; none makes one.")] = None,
    redirect_uri: Uris = None,
    post_logout_redirect_uri: LogoutUris = None,
    public: Annotated[
        bool, typer.Option("--public", help="It cannot keep a secret: a browser or native app.")
    ] = False,
    auth_method: AuthMethod = None,
    grant: Grants = None,
    scope: Scopes = None,
    audience: Audiences = None,
    first_party: FirstParty = None,
    origin: Origins = None,
    jwks_uri: JwksUri = None,
    jwks: Jwks = None,
    require_pkce: Pkce = None,
    id_token_alg: IdTokenAlg = None,
    logo_uri: LogoUri = None,
    client_uri: ClientUri = None,
    policy_uri: PolicyUri = None,
    tos_uri: TosUri = None,
    end_grants_on_logout: EndGrants = None,
    require_second_factor: RequireFactor = None,
    provider: Providers = None,
    as_json: AsJson = False,
) -> None:
    """Register a client. Its secret is shown this once."""
    from idp.events.audit import record as record_event
    from idp.events.catalogue import ClientCreated
    from idp.oauth.registration import NewClient, build_client

    new = NewClient(
        client_name=name,
        client_id=client_id,
        public=public,
        **_given(
            redirect_uris=redirect_uri,
            post_logout_redirect_uris=post_logout_redirect_uri,
            token_endpoint_auth_method=auth_method,
            grant_types=grant,
            scopes=_split(scope),
            audiences=audience,
            first_party=first_party,
            allowed_origins=origin,
            jwks_uri=jwks_uri,
            jwks=_read_jwks(jwks),
            require_pkce=require_pkce,
            id_token_signed_response_alg=id_token_alg,
            logo_uri=logo_uri,
            client_uri=client_uri,
            policy_uri=policy_uri,
            tos_uri=tos_uri,
            end_grants_on_logout=end_grants_on_logout,
            require_second_factor=require_second_factor,
            providers=provider,
        ),
    )
    now = time.time()
    record, secret = build_client(new, now)
    _check_signable(id_token_alg)

    async def add() -> None:
        async with open_database(read_settings()) as database, database.unit_of_work() as uow:
            await uow.clients.add(record)
            await record_event(uow, ClientCreated(client_id=record.client_id), now)

    run(add())
    _show(record, secret, as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the clients."""

    async def read() -> list["ClientRecord"]:
        found: list[ClientRecord] = []
        async with open_database(read_settings()) as database, database.reading() as uow:
            while page := await uow.clients.page(found[-1].client_id if found else None, PAGE):
                found.extend(page)
        return found

    rows = [_description(record) for record in run(read())]
    if as_json:
        print_json({"clients": rows})
    else:
        print_table(rows, ("client_id", "client_name", "token_endpoint_auth_method", "grant_types"))


@app.command()
def show(client_id: ClientId, as_json: AsJson = False) -> None:
    """Show a client, without its secret."""

    async def read() -> "ClientRecord":
        async with open_database(read_settings()) as database, database.reading() as uow:
            return await _existing(uow, client_id)

    _show(run(read()), None, as_json=as_json)


@app.command()
def update(
    client_id: ClientId,
    name: Annotated[str | None, typer.Option("--name", help="The name that people see.")] = None,
    redirect_uri: Uris = None,
    post_logout_redirect_uri: LogoutUris = None,
    auth_method: AuthMethod = None,
    grant: Grants = None,
    scope: Scopes = None,
    audience: Audiences = None,
    first_party: FirstParty = None,
    origin: Origins = None,
    jwks_uri: JwksUri = None,
    jwks: Jwks = None,
    require_pkce: Pkce = None,
    id_token_alg: IdTokenAlg = None,
    logo_uri: LogoUri = None,
    client_uri: ClientUri = None,
    policy_uri: PolicyUri = None,
    tos_uri: TosUri = None,
    end_grants_on_logout: EndGrants = None,
    require_second_factor: RequireFactor = None,
    provider: Providers = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it may be used.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a client. A list that is given replaces the old one; one empty value ('') empties it."""
    from idp.events.audit import record as record_event
    from idp.events.catalogue import ClientChanged
    from idp.oauth.clients import PUBLIC
    from idp.oauth.registration import change_client, metadata_of

    changes = _given(
        client_name=name,
        redirect_uris=redirect_uri,
        post_logout_redirect_uris=post_logout_redirect_uri,
        token_endpoint_auth_method=auth_method,
        grant_types=grant,
        scopes=_split(scope),
        audiences=audience,
        first_party=first_party,
        allowed_origins=origin,
        require_pkce=require_pkce,
        id_token_signed_response_alg=id_token_alg,
        logo_uri=logo_uri,
        client_uri=client_uri,
        policy_uri=policy_uri,
        tos_uri=tos_uri,
        end_grants_on_logout=end_grants_on_logout,
        require_second_factor=require_second_factor,
        providers=provider,
    )
    if auth_method is not None:
        changes["public"] = auth_method == PUBLIC
    if jwks is not None or jwks_uri is not None:  # the one takes the place of the other
        changes |= {"jwks": _read_jwks(jwks), "jwks_uri": jwks_uri}
    now = time.time()

    async def change() -> tuple["ClientRecord", str | None]:
        async with open_database(read_settings()) as database, database.unit_of_work() as uow:
            record = await _existing(uow, client_id)
            secret = change_client(record, replace(metadata_of(record), **changes), now)
            _check_signable(id_token_alg)
            if enabled is not None:
                record.disabled_at = None if enabled else now
            await uow.clients.save(record)
            what = tuple(sorted(changes)) + (() if enabled is None else ("enabled",))
            await record_event(uow, ClientChanged(client_id=client_id, what=what), now)
            return record, secret

    record, secret = run(change())
    _show(record, secret, as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(client_id: ClientId, as_json: AsJson = False) -> None:
    """Give a client a new secret, shown this once. The old one is good no longer."""
    from idp.events.audit import record as record_event
    from idp.events.catalogue import ClientChanged
    from idp.oauth import registration

    now = time.time()

    async def rotate() -> tuple["ClientRecord", str]:
        async with open_database(read_settings()) as database, database.unit_of_work() as uow:
            record = await _existing(uow, client_id)
            secret = registration.rotate_secret(record, now)
            await uow.clients.save(record)
            await record_event(uow, ClientChanged(client_id=client_id, what=("secret",)), now)
            return record, secret

    record, secret = run(rotate())
    _show(record, secret, as_json=as_json)


@app.command()
def delete(client_id: ClientId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a client with its grants and consents."""
    from idp.events.audit import record as record_event
    from idp.events.catalogue import ClientDeleted

    confirm(f"Delete the client {client_id} with everything that people allowed it?", yes=yes)

    async def remove() -> None:
        async with open_database(read_settings()) as database, database.unit_of_work() as uow:
            if not await uow.clients.delete(client_id):
                raise _unknown(client_id)
            await record_event(uow, ClientDeleted(client_id=client_id), time.time())

    run(remove())
    if as_json:
        print_json({"client_id": client_id, "deleted": True})
    else:
        typer.echo(f"The client {client_id} is deleted.")


async def _existing(uow: "UnitOfWork", client_id: str) -> "ClientRecord":
    record = await uow.clients.get(client_id)
    if record is None:
        raise _unknown(client_id)
    return record


def _unknown(client_id: str) -> NotFound:
    return NotFound(f"There is no client {ascii(client_id[:100])[1:-1]}; idp client list shows them.")


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that were given, lists as tuples without the empty value."""
    return {
        name: tuple(v for v in value if v) if isinstance(value, list) else value
        for name, value in options.items()
        if value is not None
    }


def _split(values: Iterable[str] | None) -> list[str] | None:
    """Take `--scope "a b"` as it is often written for `--scope a --scope b`."""
    return None if values is None else [part for value in values for part in (value.split() or [""])]


def _check_signable(alg: str | None) -> None:
    """Raise `InvalidValue` for an algorithm that has no keys here, so that discovery does not name it."""
    algorithms = read_settings().keys.algorithms
    if alg is not None and alg not in algorithms:
        raise InvalidValue(
            f"This installation signs with {', '.join(algorithms)}; IDP_KEYS__ALGORITHMS would have to name "
            f"{alg} too.",
            field="id_token_alg",
        )


def _read_jwks(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        jwks = json.loads(path.read_text())
    except OSError as error:
        raise InvalidValue(f"The file {path} cannot be read: {error.strerror}.", field="jwks") from error
    except ValueError as error:
        raise InvalidValue(f"The file {path} is not JSON.", field="jwks") from error
    if not isinstance(jwks, dict):
        raise InvalidValue(f"The file {path} is not a JWK set.", field="jwks")
    return jwks


def _description(record: "ClientRecord") -> dict[str, Any]:
    return {
        "client_id": record.client_id,
        "client_name": record.client_name,
        "token_endpoint_auth_method": record.token_endpoint_auth_method,
        "redirect_uris": record.redirect_uris,
        "post_logout_redirect_uris": record.post_logout_redirect_uris,
        "grant_types": record.grant_types,
        "scope": " ".join(record.scopes),
        "audiences": record.audiences,
        **record.metadata_,
        "client_id_issued_at": int(record.created_at),
        "disabled": record.disabled_at is not None,
    }


def _show(record: "ClientRecord", secret: str | None, *, as_json: bool) -> None:
    fields = _description(record)
    if secret is not None:
        fields = {"client_id": fields.pop("client_id"), "client_secret": secret, **fields}
    if as_json:
        print_json(fields)
        return
    print_fields(fields)
    if secret is not None:
        typer.echo("\nThe secret is shown this once; keep it where the app finds it.", err=True)
