"""No value from outside leaves its quotes in a WWW-Authenticate header."""

import re

from hypothesis import given
from hypothesis import strategies as st

from idp.challenges import challenge

WELL_FORMED = re.compile(r'Bearer realm="[^"\\]*", error_description="([\x20\x21\x23-\x5b\x5d-\x7e]*)"')


@given(st.text())
def test_whatever_is_said_stays_within_its_quotes(text: str) -> None:
    header = challenge("Bearer", realm="api", error=None, error_description=text)
    assert WELL_FORMED.fullmatch(header), header
    header.encode("latin-1")


def test_plain_words_stay_as_they_are() -> None:
    assert challenge("Bearer", realm="api", max_age=60) == 'Bearer realm="api", max_age="60"'
