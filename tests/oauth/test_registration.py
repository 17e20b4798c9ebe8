"""What a client may be, and the reason when it may not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey

from idp.crypto import digest
from idp.errors import InvalidValue
from idp.oauth.client_metadata import ATTRIBUTES, PUBLIC, ClientMetadata, metadata_fields
from idp.oauth.client_records import read_metadata, write_metadata
from idp.oauth.registration import (
    RegistrationPolicy,
    build_client,
    change_client,
    check_metadata,
    rotate_secret,
)
from idp.oauth.uris import RedirectUriPolicy
from idp.storage.models import ClientRecord

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)

NOW = 1_800_000_000.0
WEB = ClientMetadata("An app", redirect_uris=("https://app.example.com/callback",))
NATIVE = ClientMetadata(
    "An app", token_endpoint_auth_method=PUBLIC, redirect_uris=("com.example.app:/callback",)
)
SERVICE = ClientMetadata("A service", grant_types=("client_credentials",), scopes=("read",))


def jwks(key: Any, *, private: bool = False) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=private)]}


EC_KEY = ECKey.generate_key("P-256")


def test_a_web_app_gets_a_secret_that_is_stored_only_as_a_digest() -> None:
    record, secret = build_client(WEB, NOW)
    assert secret is not None
    assert record.client_secret_digest == digest(secret)
    assert record.token_endpoint_auth_method == "client_secret_basic"
    assert record.grant_types == ["authorization_code", "refresh_token"]
    assert record.scopes == ["openid", "profile", "email", "address", "phone", "offline_access"]
    assert record.created_at == record.updated_at == NOW
    assert secret not in str(record.metadata_)


def test_a_public_client_and_one_with_keys_have_no_secret() -> None:
    record, secret = build_client(NATIVE, NOW)
    assert (secret, record.client_secret_digest, record.token_endpoint_auth_method) == (None, None, "none")
    record, secret = build_client(replace(SERVICE, jwks=jwks(EC_KEY)), NOW)
    assert (secret, record.token_endpoint_auth_method) == (None, "private_key_jwt")


def test_a_client_reads_back_as_it_was_asked_for() -> None:
    asked = replace(
        WEB,
        audiences=("https://api.example.com",),
        allowed_origins=("https://spa.example.com",),
        first_party=True,
        logo_uri="https://app.example.com/logo.svg",
        id_token_signed_response_alg="ES256",
        token_endpoint_auth_method="client_secret_post",
        other={"software_id": "x"},
    )
    record, _ = build_client(asked, NOW)
    assert read_metadata(record) == asked


def test_every_attribute_is_kept_and_read_back() -> None:
    """The table and the row agree, whatever the attribute: a new one needs no line in storage."""
    values = {
        "text": "https://app.example.com/x",
        "texts": ("https://app.example.com/x",),
        "scope": ("a", "b"),
        "document": {"keys": [EC_KEY.as_dict(private=False)]},
    }
    asked = ClientMetadata(
        **{
            attribute.field: not attribute.default if attribute.kind == "flag" else values[attribute.kind]
            for attribute in ATTRIBUTES
        }
    )
    record = ClientRecord()
    write_metadata(record, asked, NOW)
    assert read_metadata(record) == asked


def test_metadata_of_another_version_is_kept() -> None:
    record, _ = build_client(replace(WEB, other={"software_id": "x"}), NOW)
    change_client(record, replace(read_metadata(record), client_name="Other"), NOW)
    assert record.metadata_["software_id"] == "x"


def test_what_is_named_twice_is_kept_once() -> None:
    record, _ = build_client(replace(WEB, scopes=("a", "b", "a"), redirect_uris=WEB.redirect_uris * 2), NOW)
    assert record.scopes == ["a", "b"]
    assert len(record.redirect_uris) == 1


REDIRECT_URIS = [
    ("https://app.example.com/cb#part", "fragment"),
    ("https://app.example.com/cb#", "fragment"),
    ("https://user:password@app.example.com/cb", "user name"),
    ("https://app.example.com@evil.example/cb", "user name"),
    ("/callback", "relative"),
    ("app.example.com/callback", "relative"),
    ("//app.example.com/callback", "relative"),
    ("", "relative"),
    ("http://app.example.com/cb", "http"),
    ("http://localhost.example.com/cb", "http"),
    ("http://127.0.0.1.example.com/cb", "http"),
    ("https://*.example.com/cb", "wildcard"),
    ("https://app.example.com/*", "wildcard"),
    ("javascript:alert(1)", "run in the browser"),
    ("JavaScript://app.example.com/%0aalert(1)", "run in the browser"),
    ("data:text/html,hello", "run in the browser"),
    ("https:app.example.com", "no host"),
    ("https:///callback", "no host"),
    ("https://app.example.com:port/cb", "not a URI"),
    ("https://[::1/cb", "not a URI"),
    ("https://app.example.com\\@evil.example/cb", "characters"),
    ("https://app.example.com/a b", "characters"),
    (" https://app.example.com/", "characters"),
    ("https://app.example.com/\x00", "characters"),
    ("https://\u0430pp.example.com/", "characters"),
    ("https://app.example.com/" + "x" * 2000, "longer"),
]


@pytest.mark.parametrize(("uri", "reason"), REDIRECT_URIS)
@pytest.mark.parametrize("client", [WEB, NATIVE])
def test_a_wrong_redirect_uri_is_refused_with_the_reason(
    client: ClientMetadata, uri: str, reason: str
) -> None:
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        with pytest.raises(InvalidValue) as refused:
            check_metadata(replace(client, **{name: (uri,)}))
        assert reason in refused.value.sentence
        assert refused.value.field == name
        assert refused.value.sentence.isprintable()
        assert "\u0430" not in refused.value.sentence


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com",
        "https://app.example.com:8443/cb?tenant=1",
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:8000/cb",
    ],
)
def test_an_https_or_loopback_redirect_uri_is_taken(uri: str) -> None:
    check_metadata(replace(WEB, redirect_uris=(uri,)))
    check_metadata(replace(NATIVE, redirect_uris=(uri,)))


def test_a_custom_scheme_is_for_public_clients_and_a_domain_name_in_reverse() -> None:
    check_metadata(NATIVE)
    with pytest.raises(InvalidValue, match="public client"):
        check_metadata(replace(WEB, redirect_uris=NATIVE.redirect_uris))
    with pytest.raises(InvalidValue, match="in reverse"):
        check_metadata(replace(NATIVE, redirect_uris=("myapp:/callback",)))


def test_an_installation_may_allow_other_custom_schemes() -> None:
    """Immich has a scheme and a secret; editors have schemes of one word."""
    policy = RegistrationPolicy(redirect_uris=RedirectUriPolicy(any_custom_scheme=True))
    for client in (WEB, NATIVE):
        for uri in ("app.immich:///oauth-callback", "vscode://vscode.github-authentication/did-authenticate"):
            check_metadata(replace(client, redirect_uris=(uri,)), policy)
        for uri in ("javascript:alert(1)", "data:text/html,x", "http://app.example.com/cb", "vscode:#x"):
            with pytest.raises(InvalidValue):
                check_metadata(replace(client, redirect_uris=(uri,)), policy)


def test_an_installation_may_name_hosts_of_its_network_that_http_leads_to() -> None:
    policy = RegistrationPolicy(redirect_uris=RedirectUriPolicy(http_hosts=("wiki.intern", "10.0.0.7")))
    for uri in ("http://wiki.intern/cb", "http://WIKI.intern:8080/cb", "http://10.0.0.7/cb"):
        check_metadata(replace(WEB, redirect_uris=(uri,)), policy)
    for uri in ("http://evil.wiki.intern/cb", "http://wiki.intern.evil.example/cb", "http://10.0.0.71/cb"):
        with pytest.raises(InvalidValue, match="http"):
            check_metadata(replace(WEB, redirect_uris=(uri,)), policy)
    with pytest.raises(InvalidValue, match="http"):  # other links are for everybody
        check_metadata(replace(WEB, logo_uri="http://wiki.intern/logo.png"), policy)


CHOSEN = "a-secret-that-the-app-has-already"


def test_an_operator_may_choose_a_secret_that_cannot_be_guessed() -> None:
    record, secret = build_client(WEB, NOW, client_secret=CHOSEN)
    assert (secret, record.client_secret_digest) == (CHOSEN, digest(CHOSEN))
    assert rotate_secret(record, NOW, CHOSEN[::-1]) == CHOSEN[::-1]
    for wrong in (
        "",
        "short",
        "x" * 23,
        "x" * 201,
        "with a space in it and long",
        "umläut-umläut-umläut-umläut",
    ):
        with pytest.raises(InvalidValue, match="24 to 200"):
            build_client(WEB, NOW, client_secret=wrong)
    with pytest.raises(InvalidValue, match="has no secret"):
        build_client(NATIVE, NOW, client_secret=CHOSEN)


def test_a_document_of_metadata_reads_back() -> None:
    """RFC 7591 §2: what a client is registered with can be registered again."""
    metadata = replace(WEB, jwks=jwks(EC_KEY), token_endpoint_auth_method="private_key_jwt", first_party=True)
    assert ClientMetadata(**metadata_fields(metadata.to_document())) == metadata


@given(st.dictionaries(st.sampled_from([a.name for a in ATTRIBUTES] + ["other", "x"]), JSON))
def test_any_document_is_read_or_refused_and_nothing_else(document: dict[str, Any]) -> None:
    try:
        fields = metadata_fields(document)
        check_metadata(ClientMetadata(**{"client_name": "An app", **fields}))
    except InvalidValue:
        return
    assert fields.keys() <= {attribute.field for attribute in ATTRIBUTES}


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (replace(WEB, grant_types=("implicit",)), "grant_types cannot be 'implicit'"),
        (replace(WEB, grant_types=()), "no grant"),
        (replace(WEB, redirect_uris=()), "needs a redirect URI"),
        (replace(SERVICE, grant_types=("client_credentials", "refresh_token")), "refresh_token needs"),
        (replace(SERVICE, token_endpoint_auth_method=PUBLIC), "authenticates"),
        (replace(WEB, token_endpoint_auth_method=PUBLIC, require_pkce=False), "PKCE"),
        (
            replace(WEB, token_endpoint_auth_method="client_secret_jwt"),
            "token_endpoint_auth_method cannot be",
        ),
        (replace(WEB, token_endpoint_auth_method="private_key_jwt"), "public keys"),
        (replace(WEB, scopes=('quo"te',)), "is not a scope"),
        (replace(WEB, scopes=("a b",)), "is not a scope"),
        (replace(WEB, scopes=("",)), "is not a scope"),
        (replace(WEB, scopes=("x" * 201,)), "is not a scope"),
        (replace(WEB, scopes=tuple(map(str, range(101)))), "more than"),
        (replace(WEB, audiences=("a b",)), "audience"),
        (replace(WEB, audiences=("",)), "audience"),
        (replace(WEB, access_token_claims=("sub",)), "not a claim"),
        (replace(WEB, access_token_claims=("password",)), "not a claim"),
        (replace(WEB, client_name="  "), "name is empty"),
        (replace(WEB, client_name="x" * 201), "longer"),
        (replace(WEB, client_name="Bank\u202egnp"), "invisible"),
        (replace(WEB, client_name="Bank\nof"), "control"),
        (replace(WEB, client_name="Ba\u200bnk"), "invisible"),
        (replace(WEB, id_token_signed_response_alg="none"), "id_token_signed_response_alg cannot be"),
        (replace(WEB, id_token_signed_response_alg="HS256"), "id_token_signed_response_alg cannot be"),
        (replace(WEB, logo_uri="http://app.example.com/logo.png"), "http"),
        (replace(WEB, logo_uri="javascript:alert(1)"), "run in the browser"),
        (replace(WEB, tos_uri="ftp://app.example.com/"), "https"),
        (replace(WEB, allowed_origins=("https://app.example.com/path",)), "origin"),
        (replace(WEB, allowed_origins=("https://APP.example.com",)), "origin"),
        (replace(WEB, allowed_origins=("*",)), "relative"),
        (replace(WEB, allowed_origins=("null",)), "relative"),
        (replace(WEB, jwks_uri="http://app.example.com/jwks"), "http"),
        (replace(WEB, jwks={}), "at least one key"),
        (replace(WEB, jwks={"keys": []}), "at least one key"),
        (replace(WEB, jwks={"keys": ["x"]}), "at least one key"),
        (replace(WEB, jwks={"keys": [{"kty": "EC", "crv": "P-256"}]}), "cannot be read"),
        (replace(WEB, jwks={"keys": [{}]}), "cannot be read"),
        (replace(WEB, jwks=jwks(EC_KEY), jwks_uri="https://app.example.com/jwks"), "not both"),
        (replace(WEB, jwks=jwks(EC_KEY, private=True)), "private key"),
        (replace(WEB, jwks=jwks(RSAKey.generate_key(2048), private=True)), "private key"),
        (replace(WEB, jwks=jwks(OctKey.generate_key(256), private=True)), "symmetric"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(client: ClientMetadata, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason):
        check_metadata(client)


@pytest.mark.parametrize("client_id", ["a:b", "a b", "caf\u00e9", "", "x" * 201])
def test_a_client_id_that_libraries_spell_in_different_ways_is_refused(client_id: str) -> None:
    with pytest.raises(InvalidValue, match="client id"):
        build_client(WEB, NOW, client_id=client_id)


def test_names_in_any_language_are_taken() -> None:
    for name in ("Bürgeramt", "銀行", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"):
        check_metadata(replace(WEB, client_name=name))


@given(st.text(max_size=50))
def test_any_text_as_a_redirect_uri_is_taken_or_refused_and_nothing_else(text: str) -> None:
    for uri in (text, "https://" + text, "http://localhost" + text):
        try:
            check_metadata(replace(WEB, redirect_uris=(uri,)))
        except InvalidValue:
            continue
        assert uri.startswith(("https://", "http://"))
        assert "#" not in uri


def test_a_secret_is_rotated_only_where_there_is_one() -> None:
    record, old = build_client(WEB, NOW)
    new = rotate_secret(record, NOW + 1)
    assert new != old
    assert record.client_secret_digest == digest(new)
    with pytest.raises(InvalidValue, match="has no secret"):
        rotate_secret(build_client(NATIVE, NOW)[0], NOW)


def test_a_client_that_changes_its_way_to_authenticate_loses_or_gets_a_secret() -> None:
    record, _ = build_client(WEB, NOW)
    asked = read_metadata(record)
    assert change_client(record, replace(asked, client_name="Other"), NOW) is None
    assert record.client_secret_digest is not None
    public = replace(asked, token_endpoint_auth_method=PUBLIC)
    assert change_client(record, public, NOW) is None
    assert record.client_secret_digest is None
    secret = change_client(record, asked, NOW)
    assert secret is not None
    assert record.client_secret_digest == digest(secret)
