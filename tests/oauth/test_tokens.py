"""The mint reads back its own access tokens, and nothing that looks like one."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from idp.oauth.tokens import AccessToken, TokenMint
from tests.support.provider import RelyingParty, RunningProvider


@pytest.fixture
def mint(provider: RunningProvider) -> TokenMint:
    """The provider's mint."""
    return provider.parts.core.mint


@pytest.fixture
async def token(provider: RunningProvider, mint: TokenMint) -> str:
    """A client's own access token."""
    registered = await provider.create_client(client_id="app", audiences=("https://api.example",))
    client = await provider.parts.clients.get(registered.client_id)
    assert client is not None
    return mint.access_token(client, subject="app", scope="read write")


async def test_what_was_minted_is_read(mint: TokenMint, token: str) -> None:
    read = mint.read_access_token(token)
    assert isinstance(read, AccessToken)
    assert (read.client_id, read.scopes, read.audiences) == (
        "app",
        ("read", "write"),
        ("https://api.example",),
    )
    assert read.grant_id is None
    assert read.jti


async def test_it_is_read_until_the_second_of_its_end(
    provider: RunningProvider, mint: TokenMint, token: str
) -> None:
    provider.clock.advance(mint.settings.access_token_ttl - 1)
    assert mint.read_access_token(token) is not None
    provider.clock.advance(1)
    assert mint.read_access_token(token) is None


async def test_a_token_of_another_issuer_with_our_key_is_not_ours(
    provider: RunningProvider, token: str
) -> None:
    """Two issuers may share keys while a provider moves to another address."""
    other = TokenMint("https://old.example", provider.parts.keyring, provider.settings.tokens, provider.clock)
    assert other.read_access_token(token) is None


async def test_our_other_kinds_of_tokens_are_no_access_tokens(
    provider: RunningProvider, mint: TokenMint
) -> None:
    now = provider.clock.now()
    claims = {"iss": mint.issuer, "sub": "app", "aud": "app", "exp": now + 60, "client_id": "app", "jti": "1"}
    keyring = provider.parts.keyring
    assert mint.read_access_token(keyring.sign(claims, alg="RS256", typ="at+jwt")) is not None
    for typ in ("JWT", "logout+jwt", "secevent+jwt"):
        assert mint.read_access_token(keyring.sign(claims, alg="RS256", typ=typ)) is None
    assert mint.read_access_token(keyring.sign(claims, alg="ES256", typ="at+jwt")) is None


def rewritten(token: str, **header: object) -> str:
    """The token with another header and no signature."""
    encoded, payload, _ = token.split(".")
    old = json.loads(base64.urlsafe_b64decode(encoded + "=="))
    new = {name: value for name, value in {**old, **header}.items() if value is not None}
    return f"{base64.urlsafe_b64encode(json.dumps(new).encode()).rstrip(b'=').decode()}.{payload}."


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "NONE"}, {"alg": None}, {"alg": "HS256"}, {"kid": None}]
)
async def test_an_unsigned_token_is_not_read(mint: TokenMint, token: str, header: dict[str, object]) -> None:
    """Authlib CVE-2026-28802."""
    assert mint.read_access_token(rewritten(token, **header)) is None
    assert mint.read_access_token(rewritten(token, **header) + token.rpartition(".")[2]) is None


async def test_a_token_signed_by_a_key_of_its_own_is_not_read(mint: TokenMint, token: str) -> None:
    """Authlib CVE-2026-27962."""
    key = rsa.generate_private_key(65537, 2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, options={"verify_signature": False})
    for extra in ({}, {"jwk": jwk}, {"jku": "https://attacker.example"}):
        forged = jwt.encode(claims, key, "RS256", headers={"typ": "at+jwt", "kid": kid, **extra})
        assert mint.read_access_token(forged) is None


async def test_the_at_hash_follows_the_algorithm_of_the_id_token(provider: RunningProvider) -> None:
    """OIDC Core §3.1.3.6; Authlib CVE-2026-28498: an unknown algorithm must not make it go unchecked."""
    app: RelyingParty = await provider.relying_party(id_token_signed_response_alg="EdDSA")
    await provider.create_user()
    tokens = await app.tokens(await provider.browser())
    claims = await app.id_claims(tokens)
    assert len(base64.urlsafe_b64decode(claims["at_hash"] + "==")) == 32  # half of SHA-512
