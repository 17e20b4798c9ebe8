"""`make check` runs the tests that a change concerns."""

from pathlib import Path

from tests.support.affected import JOURNEYS, ROOT, SLOW, concerned


def test_a_changed_module_brings_the_tests_that_name_it_and_the_folder_that_mirrors_it() -> None:
    found = concerned(["idp/flow/steps.py"])
    assert "tests/flow" in found
    assert set(JOURNEYS) <= set(found)
    assert not any(path.startswith(SLOW) for path in found)


def test_a_changed_test_runs_wherever_it_is() -> None:
    assert "tests/browser/test_pages.py" in concerned(["tests/browser/test_pages.py"])


def test_what_all_tests_use_brings_every_fast_one() -> None:
    found = concerned(["tests/support/provider.py"])
    folders = {Path(path).parts[1] for path in found}
    assert {"api", "identity", "oauth", "pages"} <= folders
    assert not folders & {"browser", "clients", "contracts"}


def test_only_tests_that_exist_are_named() -> None:
    found = concerned(["idp/no/such/module.py", "README.md", "tests/oauth/test_gone.py"])
    assert all((ROOT / path).exists() for path in found)
    assert "tests/oauth/test_gone.py" not in found
