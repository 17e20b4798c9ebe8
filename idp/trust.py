"""Which certificates are believed when this program is the client of a TLS connection."""

import os
import ssl
from functools import cached_property
from pathlib import Path
from typing import Final

import certifi

BEGIN: Final = "-----BEGIN CERTIFICATE-----"


class Trust:
    """The certificates of the system and, beside them, those of `IDP_OUTGOING__CA`.

    The system's are those of OpenSSL, or what SSL_CERT_FILE and SSL_CERT_DIR name. Where the system has none,
    as in a small container, those that Mozilla trusts stand in (certifi).
    """

    def __init__(self, ca: str | None = None) -> None:
        """`ca` is text in PEM form (`check_certificates`)."""
        self.ca = ca

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The context of a client that checks certificates and host names. Reading takes 20 ms, once."""
        return self.with_certificates(None)

    def with_certificates(self, more: str | None) -> ssl.SSLContext:
        """Return a context that believes these certificates (PEM) too."""
        context = ssl.create_default_context()
        if not _system_has_certificates():
            context.load_verify_locations(certifi.where())
        for text in (self.ca, more):
            if text is not None:
                context.load_verify_locations(cadata=text)
        return context


def check_certificates(text: str) -> str:
    """Return `text` if it is certificates in PEM form; raise ValueError."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("must be certificates in PEM form, or the name of a file with some") from error
    return text


def _system_has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    if os.environ.get(paths.openssl_cafile_env) or os.environ.get(paths.openssl_capath_env):
        return True
    if paths.cafile:
        return True
    try:
        return bool(paths.capath) and any(Path(paths.capath).iterdir())
    except OSError:
        return False


def tls_fault(error: BaseException | None, host: str) -> str | None:
    """Return a sentence for the operator when a TLS connection to `host` failed, else None: which certificate
    is not believed, and why."""
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"The certificate of {host} is not trusted: {cause.verify_message or cause.reason}. "
                "IDP_OUTGOING__CA takes the certificate of its authority, in PEM form."
            )
        if isinstance(cause, ssl.SSLError):
            reason = (cause.reason or "unknown").replace("_", " ").lower()
            return f"{host} does not agree on TLS: {reason}."
    return None


def causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and what led to it, nearest first, through the wrappers of libraries."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or one in found or len(found) >= 20:
            continue
        found.append(one)
        waiting += [getattr(one, "orig", None), one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return found
