"""What this machine can do by itself: sign, and hash passwords."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from argon2 import PasswordHasher, Type
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from idp.config import PasswordSettings


def description() -> str:
    """Return processor, cores and memory in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {model}, {gigabytes:.0f} GB of memory"


def signatures_per_second(seconds: float) -> tuple[float, float]:
    """Return the RS256 (RSA-2048) signatures of one core: by the clock, and by processor time.

    They are the same on an idle machine.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    data, scheme, algorithm = b"x" * 500, padding.PKCS1v15(), SHA256()
    return _rates(lambda: key.sign(data, scheme, algorithm), seconds)


def argon2_per_second(settings: PasswordSettings, seconds: float) -> float:
    """Return the Argon2 verifications of all cores together, with as many threads."""
    hasher = PasswordHasher(
        time_cost=settings.time_cost,
        memory_cost=settings.memory_kib,
        parallelism=settings.parallelism,
        type=Type.ID,
    )
    hashed = hasher.hash("a password")
    threads = os.cpu_count() or 1
    deadline = time.perf_counter() + seconds
    started = time.perf_counter()

    def verify() -> int:
        done = 0
        while time.perf_counter() < deadline:
            hasher.verify(hashed, "a password")
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        total = sum(future.result() for future in [pool.submit(verify) for _ in range(threads)])
    return total / (time.perf_counter() - started)


def _rates(work: Callable[[], object], seconds: float) -> tuple[float, float]:
    started, used = time.perf_counter(), time.process_time()
    done = 0
    while time.perf_counter() - started < seconds:
        for _ in range(50):
            work()
        done += 50
    return done / (time.perf_counter() - started), done / (time.process_time() - used)
