"""openid-client from npm, over HTTP."""

import json
import subprocess
from pathlib import Path

from tests.support.person import Person
from tests.support.running import ServedProvider, outside_environment

CALLBACK = "http://localhost:9101/callback"
GOODBYE = "http://localhost:9101/goodbye"


def test_signs_in_refreshes_introspects_revokes_and_signs_out(
    node: Path, running_provider: ServedProvider, person: Person
) -> None:
    client = running_provider.create_client(
        "openid-client", "--redirect-uri", CALLBACK, "--post-logout-redirect-uri", GOODBYE
    )
    given = {
        "issuer": running_provider.issuer,
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "redirect_uri": CALLBACK,
        "post_logout_redirect_uri": GOODBYE,
    }
    with subprocess.Popen(
        ["node", node / "relying_party.mjs", json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=outside_environment(),
    ) as relying_party:
        assert relying_party.stdin is not None
        assert relying_party.stdout is not None
        url = json.loads(relying_party.stdout.readline())["authorization"]
        relying_party.stdin.write(person.open(url, until=CALLBACK).headers["location"] + "\n")
        relying_party.stdin.close()
        result = json.loads(relying_party.stdout.readline())
    assert relying_party.returncode == 0
    assert result["claims"]["sub"] == result["renewed"] == person.account.id
    assert result["userinfo"]["email"] == person.account.email
    assert result["rotated"]
    assert (result["active"], result["activeAfterRevocation"]) == (True, False)
    assert person.open(result["logout"], until=GOODBYE).headers["location"] == f"{GOODBYE}?state=goodbye"
