import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from idp.web.forms import FormProtection, read_form

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))

anything = st.text(st.characters(codec=None), max_size=40)
transactions = st.none() | anything


@pytest.fixture
def forms() -> FormProtection:
    return FormProtection(KEY)


def test_a_token_is_accepted_for_what_it_was_made_for(forms: FormProtection) -> None:
    assert forms.check(forms.token("browser", "login", "tx1"), "browser", "login", "tx1")
    assert forms.check(forms.token("browser", "login", None), "browser", "login", None)


@pytest.mark.parametrize(
    ("browser", "purpose", "tx"),
    [
        ("another", "login", "tx1"),
        ("browser", "consent", "tx1"),
        ("browser", "login", "tx2"),
        ("browser", "login", None),
        ("browser", "login", ""),
    ],
)
def test_a_token_is_bound_to_browser_purpose_and_transaction(
    forms: FormProtection, browser: str, purpose: str, tx: str | None
) -> None:
    assert not forms.check(forms.token("browser", "login", "tx1"), browser, purpose, tx)


@given(st.tuples(anything, anything, transactions), st.tuples(anything, anything, transactions))
def test_no_two_bindings_share_a_token(
    one: tuple[str, str, str | None], other: tuple[str, str, str | None]
) -> None:
    forms = FormProtection(KEY)
    browser, purpose, tx = one
    token = forms.token("b" + browser, purpose, tx)
    assert forms.check(token, "b" + other[0], other[1], other[2]) is (one == other)


def test_moving_a_boundary_between_fields_changes_the_token(forms: FormProtection) -> None:
    assert forms.token("ab", "c", "d") != forms.token("a", "bc", "d")
    assert forms.token("a", "bc", None) != forms.token("a", "b", "c")


@pytest.mark.parametrize("token", [None, "", "x", "ü", "\udcff", "=" * 43])
def test_an_absent_or_malformed_token_is_refused(forms: FormProtection, token: str | None) -> None:
    assert not forms.check(token, "browser", "login", None)


@pytest.mark.parametrize("browser", [None, ""])
def test_without_the_cookie_no_token_is_accepted(forms: FormProtection, browser: str | None) -> None:
    assert not forms.check(forms.token("browser", "login", None), browser, "login", None)


def test_a_token_needs_a_browser(forms: FormProtection) -> None:
    with pytest.raises(ValueError, match="cookie"):
        forms.token("", "login", None)


def test_another_key_makes_other_tokens(forms: FormProtection) -> None:
    assert not forms.check(FormProtection(OTHER_KEY).token("b", "login", None), "b", "login", None)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        FormProtection(b"short")


@pytest.mark.parametrize(
    ("content_type", "fields"),
    [
        ("application/x-www-form-urlencoded", {"name": "first"}),
        ("Application/X-WWW-Form-URLencoded ; charset=UTF-8", {"name": "first"}),
        ("application/x-www-form-urlencoded-not", {}),
        ("multipart/form-data", {}),
        ("", {}),
    ],
)
async def test_a_form_is_known_by_its_media_type_in_any_case(
    content_type: str, fields: dict[str, str]
) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"name=first&name=second", "more_body": False}

    headers = [(b"content-type", content_type.encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    assert await read_form(request) == fields
