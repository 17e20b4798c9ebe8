"""RSA keys for tests: a worker makes a few and hands them out in turn, as making one takes longer than a test.

Whoever asks `cryptography` for a 2048-bit key gets one from here, the provider too. The same key comes again after
`NUMBER` others, so no test may need more than that many different ones.
"""

import itertools
from functools import cache, wraps
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

NUMBER = 16

_generate = rsa.generate_private_key
_turns = itertools.cycle(range(NUMBER))


@cache
def _made(_turn: int) -> rsa.RSAPrivateKey:
    return _generate(65537, 2048)


@wraps(_generate)
def _from_the_stock(public_exponent: int, key_size: int, backend: Any = None) -> rsa.RSAPrivateKey:
    if (public_exponent, key_size) != (65537, 2048):
        return _generate(public_exponent, key_size, backend)
    return _made(next(_turns))


rsa.generate_private_key = _from_the_stock
