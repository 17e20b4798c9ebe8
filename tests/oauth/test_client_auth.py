"""How a client proves who it is: one way at a time, and the same refusal whatever was wrong."""

import base64

import pytest

from idp.oauth.errors import InvalidClientError, InvalidRequestError
from tests.support.client_auth import Reception, basic


def raw_basic(credentials: str) -> dict[str, str]:
    return {"authorization": f"Basic {credentials}"}


def encoded(pair: bytes) -> str:
    return base64.b64encode(pair).decode()


async def test_a_secret_may_come_in_the_header_or_in_the_form(reception: Reception) -> None:
    secret = await reception.register("shop")
    in_header = await reception.authenticate(headers=basic("shop", secret))
    in_form = await reception.authenticate({"client_id": "shop", "client_secret": secret})
    assert in_header.client_id == in_form.client_id == "shop"


async def test_header_credentials_are_form_encoded(reception: Reception) -> None:
    """RFC 6749 §2.3.1."""
    secret = await reception.register("shop/one&two")
    headers = basic("shop/one&two", secret)
    assert base64.b64decode(headers["authorization"].split()[1]).startswith(b"shop%2Fone%26two:")
    assert (await reception.authenticate(headers=headers)).client_id == "shop/one&two"


async def test_the_scheme_of_the_header_is_known_in_any_case(reception: Reception) -> None:
    secret = await reception.register("shop")
    header = basic("shop", secret)["authorization"].replace("Basic", "bASIC")
    assert (await reception.authenticate(headers={"authorization": header})).client_id == "shop"


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "%%%",
        "c2hvcDpzZWNyZXQ",
        encoded(b"shop\xff:\xff"),
        encoded(b"shop"),
        encoded(b":secret"),
        encoded(b""),
        "\u00e9\u00e9\u00e9\u00e9",
    ],
    ids=["nothing", "no base64", "no padding", "not UTF-8", "no colon", "no name", "empty", "no ASCII"],
)
async def test_malformed_basic_credentials_are_refused(reception: Reception, credentials: str) -> None:
    await reception.register("shop")
    with pytest.raises(InvalidClientError):
        await reception.authenticate(headers=raw_basic(credentials))


async def test_a_public_client_only_says_who_it_is(reception: Reception) -> None:
    await reception.register("spa", public=True)
    assert (await reception.authenticate({"client_id": "spa"})).is_public


async def test_a_public_client_may_say_so_by_basic_credentials_without_a_password(
    reception: Reception,
) -> None:
    """Go's x/oauth2, oidc-agent and others try this first."""
    await reception.register("spa", public=True)
    for form in ({}, {"client_id": "spa"}):
        assert (await reception.authenticate(form, basic("spa", ""))).client_id == "spa"
    with pytest.raises(InvalidRequestError):
        await reception.authenticate({"client_id": "other"}, basic("spa", ""))


async def test_an_empty_password_proves_nothing_for_a_client_that_has_a_secret(reception: Reception) -> None:
    secret = await reception.register("shop")
    with pytest.raises(InvalidClientError):
        await reception.authenticate(headers=basic("shop", ""))
    with pytest.raises(InvalidClientError):
        await reception.authenticate(headers=basic("shop", ""), allow_public=False)
    assert await reception.authenticate({"client_id": "shop", "client_secret": secret}, basic("shop", ""))


async def test_a_public_client_is_refused_where_proof_is_needed(reception: Reception) -> None:
    await reception.register("spa", public=True)
    with pytest.raises(InvalidClientError):
        await reception.authenticate({"client_id": "spa"}, allow_public=False)


async def test_a_confidential_client_cannot_get_by_without_its_secret(reception: Reception) -> None:
    await reception.register("shop")
    for form in ({"client_id": "shop"}, {"client_id": "shop", "client_secret": "x"}):
        with pytest.raises(InvalidClientError):
            await reception.authenticate(form)


async def test_a_public_client_has_no_secret_that_would_fit(reception: Reception) -> None:
    await reception.register("spa", public=True)
    with pytest.raises(InvalidClientError):
        await reception.authenticate({"client_id": "spa", "client_secret": "anything"})


async def test_a_client_with_keys_cannot_use_a_secret(reception: Reception) -> None:
    await reception.register("bank", jwks_uri="https://bank.example.com/jwks")
    with pytest.raises(InvalidClientError):
        await reception.authenticate(headers=basic("bank", ""))


async def test_two_methods_at_once_are_refused(reception: Reception) -> None:
    """RFC 6749 §2.3."""
    secret = await reception.register("shop")
    form = {"client_id": "shop", "client_secret": secret}
    with pytest.raises(InvalidRequestError):
        await reception.authenticate(form, basic("shop", secret))


async def test_a_secret_beside_header_credentials_is_a_second_method_without_a_client_id_too(
    reception: Reception,
) -> None:
    secret = await reception.register("shop")
    with pytest.raises(InvalidRequestError):
        await reception.authenticate({"client_secret": secret}, basic("shop", secret))


async def test_the_client_id_of_the_form_must_be_the_authenticated_one(reception: Reception) -> None:
    secret = await reception.register("shop")
    assert await reception.authenticate({"client_id": "shop"}, basic("shop", secret))
    with pytest.raises(InvalidRequestError):
        await reception.authenticate({"client_id": "other"}, basic("shop", secret))


async def test_an_unknown_client_and_a_wrong_secret_get_the_same_answer(reception: Reception) -> None:
    await reception.register("shop")
    answers = []
    for name in ("shop", "nobody"):
        with pytest.raises(InvalidClientError) as refusal:
            await reception.authenticate(headers=basic(name, "wrong"))
        answers.append((refusal.value.status_code, refusal.value.get_body(), refusal.value.get_headers()))
    assert answers[0] == answers[1]


async def test_a_disabled_client_is_refused(reception: Reception) -> None:
    secret = await reception.register("shop")
    async with reception.database.unit_of_work() as uow:
        record = await uow.clients.get("shop")
        assert record is not None
        record.disabled_at = reception.clock.now()
        await uow.clients.save(record)
    with pytest.raises(InvalidClientError):
        await reception.authenticate(headers=basic("shop", secret))


async def test_a_request_that_names_no_client_is_refused(reception: Reception) -> None:
    with pytest.raises(InvalidClientError):
        await reception.authenticate()


@pytest.mark.parametrize("name", ["\x00", "shop\x00", "\ud800", "x" * 5000])
async def test_a_name_that_no_client_can_have_is_just_unknown(reception: Reception, name: str) -> None:
    with pytest.raises(InvalidClientError):
        await reception.authenticate({"client_id": name})
