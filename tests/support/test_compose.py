"""docker-compose.yml and Dockerfile, checked without an engine: else a misspelt name shows in production."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from idp.config import load_settings
from idp.storage.ephemeral.redis import KEEPS_ALL

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def default_of(value: str) -> str:
    """What compose puts for ${NAME:-default} when NAME is not set."""
    return value.removeprefix("${").removesuffix("}").partition(":-")[2] if value.startswith("${") else value


def test_every_setting_in_the_compose_file_exists(compose: dict[str, Any], tmp_path: Path) -> None:
    environment = {
        name: default_of(value) for name, value in compose["services"]["provider"]["environment"].items()
    }
    secrets = {"database_url": "postgresql://idp:secret@postgres/idp", "master_key": "A" * 43}
    for name, value in environment.items():
        if name.endswith("_FILE"):
            file = tmp_path / Path(value).name
            file.write_text(secrets[file.name])
            environment[name] = str(file)
    settings = load_settings(environment, file=tmp_path / "none.toml")
    assert settings.database_url == secrets["database_url"]
    assert settings.redis_url == "redis://redis:6379/0"


def test_services_refer_to_what_the_compose_file_defines(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        for needed, condition in service.get("depends_on", {}).items():
            assert needed in services, name
            if condition["condition"] == "service_healthy":
                assert "test" in services[needed]["healthcheck"], needed
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in compose["volumes"], name


def test_the_containers_of_the_provider_are_locked_down(compose: dict[str, Any]) -> None:
    for name in ("provider", "migrate"):
        service = compose["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_the_image_takes_only_files_that_exist_and_no_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert [name for name in allowed if not (ROOT / name).exists()] == []
    assert not {"keys/", "tests/", ".git/", "secrets/"} & set(allowed)


def test_redis_evicts_nothing(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == KEEPS_ALL
