"""E-mail addresses as names of accounts."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

from idp.errors import InvalidValue

LONGEST = 254
"""Characters of an address (RFC 5321 §4.5.3.1.3)."""

PRIVATE_LABELS = frozenset({"local", "localhost", "test"})
"""Ends of domains that exist in private networks and on one's own machine (RFC 6761, RFC 6762)."""


def email_key(address: str) -> str:
    """Return the one form under which an address is unique, or raise `InvalidValue`.

    The local part is compared without regard to case and to Unicode's compatible variants, and the domain
    by its ASCII form. Two addresses with one key are one account, so mail goes to the address that the
    account has and never to the one that was typed.
    """
    # NFKC first: a full-width @ or dot must not hide where the domain begins.
    text = unicodedata.normalize("NFKC", address.strip())
    if len(text) > LONGEST:
        raise InvalidValue("This e-mail address is too long.", field="email")
    # Whether a domain is reachable is for the mail to find out, and private networks have people too; the
    # library refuses their names wherever they end a domain.
    private = text.lower().rpartition("@")[2].rpartition(".")[2] in PRIVATE_LABELS
    stand_in = ".example.com" if private else ""
    try:
        parts = validate_email(text + stand_in, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise InvalidValue("This is not an e-mail address.", field="email", detail=str(error)) from error
    local = unicodedata.normalize("NFKC", parts.local_part.casefold())
    domain = (parts.ascii_domain or parts.domain).lower().removesuffix(stand_in)
    return f"{local}@{domain}"


def mailbox(address: str) -> str:
    """Return an address as a mail server takes it: its domain as A-labels (RFC 5890 §2.3.2.1). Raise `InvalidValue`
    for what is no address."""
    local = address.strip().rpartition("@")[0]
    return f"{local}@{email_key(address).rpartition('@')[2]}"


def needs_smtputf8(address: str) -> bool:
    """Tell whether only a mail server that speaks SMTPUTF8 can write to an address (RFC 6531)."""
    return not address.rpartition("@")[0].isascii()


def same_mailbox(one: str, other: str) -> bool:
    """Tell whether who reads the mail of one address is sure to read that of the other.

    Addresses with one `email_key` need not be: what the case, the Unicode form or a dot of a local part means,
    only its own host may say (RFC 5321 §2.4). So local parts are compared letter by letter, and domains by
    their ASCII form. Raise `InvalidValue` for what is no address.
    """
    (local, at, _), (other_local, _, _) = one.strip().rpartition("@"), other.strip().rpartition("@")
    return bool(at) and local == other_local and email_key(one) == email_key(other)


def masked(email: str) -> str:
    """Return an address so that its owner knows it and a stranger does not learn it."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"
