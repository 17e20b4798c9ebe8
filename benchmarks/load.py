"""The load generator: `wrk` with prepared requests."""

import json
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

SCRIPT = Path(__file__).with_name("replay.lua")
TOKEN = "@TOKEN@"


@dataclass(frozen=True, slots=True)
class Measured:
    """What `wrk` saw. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    max: float
    refused: int
    """Answers with a status of 400 or more."""
    broken: int
    """Connections that failed and requests that got no answer."""

    @property
    def rate(self) -> float:
        """Requests that were answered well, per second."""
        return (self.requests - self.refused) / self.seconds


def get(path: str, **headers: str) -> bytes:
    """Return a whole GET request."""
    return _request("GET", path, headers, b"")


def post(
    path: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None, **headers: str
) -> bytes:
    """Return a whole POST request with a form, and with the client's credentials where there are some."""
    if basic is not None:
        headers["Authorization"] = "Basic " + b64encode(":".join(basic).encode()).decode()
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return _request("POST", path, headers, urlencode(form, safe="@").encode())


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body and TOKEN.encode() not in body:  # where a token is put in, its length is known only then
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def measure(
    port: int,
    requests: Iterable[bytes],
    *,
    seconds: float,
    connections: int,
    cpus: str,
    chain: bool = False,
) -> Measured:
    """Send the requests for `seconds` from `cpus`, in a circle, or as a chain of refresh tokens."""
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        file.write(b"".join(request + b"\0" for request in requests))
        file.flush()
        command = [
            "taskset",
            "-c",
            cpus,
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{round(seconds)}s",
            "--latency",
        ]
        arguments = ["-s", str(SCRIPT), f"http://127.0.0.1:{port}", "--", file.name]
        arguments.append("chain" if chain else "cycle")
        done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
    result = Measured(**json.loads(done.stdout.splitlines()[-1]))
    if not result.requests:
        raise RuntimeError(f"Nothing was answered: {done.stdout}{done.stderr}")
    return result
