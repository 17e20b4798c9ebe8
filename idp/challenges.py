"""The WWW-Authenticate header: every value in it is quoted here (RFC 9110 §11.6.1)."""

_REPLACEMENT = "?"


def challenge(scheme: str, /, **parameters: str | int | None) -> str:
    """Return a challenge with its parameters as quoted strings; those that are None are left out.

    A value may come from outside: what RFC 6750 §3 does not allow in one (controls, quotes, backslashes and
    all that is not ASCII) becomes a question mark.
    """
    quoted = (f'{name}="{quotable(str(value))}"' for name, value in parameters.items() if value is not None)
    return f"{scheme} {', '.join(quoted)}"


def quotable(text: str) -> str:
    """Return `text` with only the characters %x20-21, %x23-5B and %x5D-7E (RFC 6750 §3)."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else _REPLACEMENT for c in text.replace('"', "'"))
