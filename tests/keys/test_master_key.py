"""Where the master key comes from."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idp.config import Settings, load_settings
from idp.crypto import MasterKey
from idp.errors import ConfigurationError
from idp.keys import load_master_key


def of(directory: Path, **values: object) -> Settings:
    return load_settings({}, keys={"directory": directory}, **values)


def test_development_makes_a_master_key_once_that_only_its_owner_reads(tmp_path: Path) -> None:
    settings = of(tmp_path / "keys", dev=True)
    sealed = load_master_key(settings).seal(b"secret", context="x")
    assert load_master_key(settings).open(sealed, context="x") == b"secret"
    assert (tmp_path / "keys" / "master.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["master.key"]


def test_workers_that_start_at_once_agree_on_one_master_key(tmp_path: Path) -> None:
    settings = of(tmp_path, dev=True)
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_master_key(settings), range(8)))
    assert len({key.derive("x") for key in keys}) == 1


def test_production_never_makes_a_master_key_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="IDP_MASTER_KEY"):
        load_master_key(of(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_production_takes_the_key_from_the_environment_or_else_from_the_file(tmp_path: Path) -> None:
    given, filed = MasterKey.generate(), MasterKey.generate()
    (tmp_path / "master.key").write_text(filed + "\n")
    assert load_master_key(of(tmp_path)).derive("x") == MasterKey.parse(filed).derive("x")
    chosen = load_master_key(of(tmp_path, master_key=given))
    assert chosen.derive("x") == MasterKey.parse(given).derive("x")
