"""Six-digit codes: as they are typed, and worth nothing for anything else."""

from hypothesis import given
from hypothesis import strategies as st

from idp.identity.mail_codes import DIGITS, MailCodes

CODES = MailCodes(bytes(32))
codes = st.text(st.sampled_from("0123456789"), min_size=DIGITS, max_size=DIGITS)


@given(codes, st.sampled_from([" ", "-", "\u2009", "\n"]), st.integers(0, DIGITS))
def test_a_code_is_right_with_whatever_stands_between_its_digits(code: str, between: str, at: int) -> None:
    kept = CODES.digest(code, "one")
    assert CODES.is_right(code[:at] + between + code[at:], kept, "one")


@given(codes, codes)
def test_another_code_another_thing_and_another_key_are_wrong(code: str, other: str) -> None:
    kept = CODES.digest(code, "one")
    assert CODES.is_right(other, kept, "one") is (other == code)
    assert not CODES.is_right(code, kept, "two")
    assert not MailCodes(bytes([1]) * 32).is_right(code, kept, "one")
    assert code not in kept


def test_codes_have_six_digits_and_differ() -> None:
    made = {CODES.new() for _ in range(50)}
    assert all(len(code) == DIGITS and code.isascii() and code.isdigit() for code in made)
    assert len(made) > 40
