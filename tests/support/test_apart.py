"""A run of the tests does not depend on what else is on the machine."""

import os
import socket
from pathlib import Path

import pytest

from idp.config import Settings, load_settings
from tests.support.apart import is_ours
from tests.support.servers import free_port


def test_no_setting_of_the_machine_reaches_the_tests() -> None:
    assert [name for name in os.environ if is_ours(name)] == []
    assert not Path("idp.toml").exists()
    assert load_settings() == Settings()


def test_a_port_that_a_run_has_chosen_is_left_alone_by_another_run() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))


def test_what_the_tests_make_can_be_read_by_the_account_of_their_servers(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
