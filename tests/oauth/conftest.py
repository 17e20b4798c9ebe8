"""Fixtures of the protocol core's tests."""

from tests.support.client_auth import reception

__all__ = ["reception"]
