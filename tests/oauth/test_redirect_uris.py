"""Comparing redirect URIs: letter by letter, but for the port of a native app on loopback."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oauth.redirect_uris import is_registered

REGISTERED = ("https://app.example/callback?tenant=1", "http://127.0.0.1/done", "http://[::1]:4000/done")

LOOKALIKES = [
    "https://app.example/callback",
    "https://app.example/callback?tenant=2",
    "https://app.example/callback?tenant=1&next=https://evil.example",
    "https://app.example/callback?tenant=1#fragment",
    "https://app.example/callback/?tenant=1",
    "https://app.example/callback/../evil?tenant=1",
    "https://app.example/callback%3Ftenant=1",
    "https://app.example/Callback?tenant=1",
    "https://APP.example/callback?tenant=1",
    "HTTPS://app.example/callback?tenant=1",
    "http://app.example/callback?tenant=1",
    "https://app.example:443/callback?tenant=1",
    "https://appXexample/callback?tenant=1",
    "https://user@app.example/callback?tenant=1",
    "https://app.example@evil.example/callback?tenant=1",
    "https://app.example.evil.example/callback?tenant=1",
    "https://app.example\\@evil.example/callback?tenant=1",
    "https://app.example/callback?tenant=1\n",
    " https://app.example/callback?tenant=1",
    "https://app.example/callback?tenant=1\x00",
    "//app.example/callback?tenant=1",
    "http://127.0.0.1:\u0663/done",
    "javascript:alert(1)//https://app.example/callback?tenant=1",
]


@pytest.mark.parametrize("uri", LOOKALIKES)
@pytest.mark.parametrize("public", [True, False])
def test_a_lookalike_is_not_registered(uri: str, public: bool) -> None:
    """authentik CVE-2024-52289: redirect URIs taken as patterns."""
    assert not is_registered(uri, REGISTERED, any_loopback_port=public)


@pytest.mark.parametrize("uri", REGISTERED)
def test_a_registered_uri_is_registered(uri: str) -> None:
    assert is_registered(uri, REGISTERED, any_loopback_port=False)


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:51004/done", "http://[::1]/done", "http://[::1]:65535/done", "http://127.0.0.1/done"],
)
def test_a_native_app_may_use_any_loopback_port(uri: str) -> None:
    assert is_registered(uri, REGISTERED, any_loopback_port=True)


def test_a_confidential_client_may_not_use_another_loopback_port() -> None:
    assert not is_registered("http://127.0.0.1:51004/done", REGISTERED, any_loopback_port=False)


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:51004/done",
        "http://127.0.0.2:51004/done",
        "https://127.0.0.1:51004/done",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/done?x=1",
        "http://127.0.0.1:51004/done#x",
        "http://user@127.0.0.1:51004/done",
        "http://127.0.0.1:99999/done",
        "http://127.0.0.1:0x50/done",
        "http://2130706433:51004/done",
        "http://127.1:51004/done",
        "http://[::ffff:127.0.0.1]:51004/done",
        "http://127.0.0.1:51004@evil.example/done",
        "http://[::1",
        " http://127.0.0.1:51004/done",
        "ht\ntp://127.0.0.1:51004/done",
        "http://127.0.0.1\t:51004/done",
        "http://127.0.0.1:51004/do\r\nne",
        "http://127.0.0.1:51004/done#",
        "http://127.0.0.1:51004/done?",
        "http://127.0.0.1:51004\\done",
    ],
)
def test_the_loopback_exception_is_for_the_port_alone(uri: str) -> None:
    assert not is_registered(uri, REGISTERED, any_loopback_port=True)


def test_nothing_is_registered_for_a_client_without_redirect_uris() -> None:
    """authentik CVE-2024-52289: with an empty list the first URI seen was stored."""
    assert not is_registered("https://app.example/", (), any_loopback_port=True)


@given(st.text(max_size=40))
def test_no_suffix_makes_a_uri_pass(suffix: str) -> None:
    uri = "https://app.example/cb"
    assert is_registered(uri + suffix, (uri,), any_loopback_port=True) == (suffix == "")


@given(st.text(max_size=60))
def test_no_text_makes_the_comparison_fail(text: str) -> None:
    for uri in (text, "http://" + text, "http://127.0.0.1" + text, "http://[" + text):
        registered = is_registered(uri, ("http://127.0.0.1/",), any_loopback_port=True)
        assert not registered or uri.startswith("http://127.0.0.1")
