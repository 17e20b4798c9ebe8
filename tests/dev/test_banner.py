"""What `idp dev` prints when it is ready."""

from idp.config import Settings
from idp.dev.runner import banner

DEMO = "http://localhost:8001"


def test_the_banner_gives_the_lines_to_export_for_another_issuer() -> None:
    text = banner(Settings(issuer="http://localhost:9700"), DEMO, 1.0)
    assert "export IDP_ISSUER=http://localhost:9700\n" in text
    assert "export ISSUER=http://localhost:9700\n" in text
    assert "export" not in banner(Settings(), DEMO, 1.0)


def test_the_banner_says_how_to_start_over() -> None:
    assert "To start over, stop and delete idp.db." in banner(Settings(), DEMO, 1.0)
    elsewhere = Settings(database_url="postgresql://idp@localhost/idp")
    assert "To start over, stop and choose an empty database." in banner(elsewhere, DEMO, 1.0)


def test_the_banner_has_no_password_of_a_database() -> None:
    elsewhere = Settings(database_url="postgresql://idp:the-password@localhost/idp")
    assert "on postgresql, for this machine only" in (text := banner(elsewhere, DEMO, 1.0))
    assert "the-password" not in text
    assert "on sqlite (sqlite:///idp.db), for this machine only" in banner(Settings(), DEMO, 1.0)
