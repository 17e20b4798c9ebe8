"""The forms of claims, whoever gives them."""

import time

import pytest

from idp.claim_values import is_locale, is_time_zone


@pytest.mark.parametrize("text", ["de", "de-AT", "zh_Hant_TW", "pt-BR"])
def test_language_tags(text: str) -> None:
    assert is_locale(text)


@pytest.mark.parametrize("text", ["", "../../x", "de\n", "d", "de-", "x" * 100, "de; DROP"])
def test_what_is_no_language_tag(text: str) -> None:
    assert not is_locale(text)


def test_time_zones_are_those_of_this_machine_and_are_read_once() -> None:
    assert is_time_zone("Europe/Berlin")
    assert not is_time_zone("../../etc/passwd")
    began = time.thread_time()
    for _ in range(1000):
        is_time_zone("Europe/Berlin")
    assert time.thread_time() - began < 0.1
