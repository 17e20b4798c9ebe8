"""Signing keys: where they come from, which one signs, which are published, when they go.

The private parts live in the database, sealed under the master key; every worker holds an immutable
snapshot of them and looks for changes every few seconds, so that signing and verifying ask nobody.
Nothing about clients, users or HTTP may come in.
"""

from idp.keys.keyring import Keyring
from idp.keys.master import load_master_key
from idp.keys.signing import InvalidToken
from idp.keys.snapshot import SigningKey

__all__ = ["InvalidToken", "Keyring", "SigningKey", "load_master_key"]
