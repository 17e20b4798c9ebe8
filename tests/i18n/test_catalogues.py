"""The catalogues: complete, with the placeholders of the source, and cheap to read."""

import ast
import importlib.util
import re
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog

from idp.i18n import Catalogue, read_catalogue
from idp.resources import TEMPLATES, TRANSLATIONS

LANGUAGES = sorted(TRANSLATIONS.glob("*.po"))
ERRORS = {"FlowError", "InvalidValue", "NotFound", "Conflict", "Unavailable", "Throttled"}

_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
_MARKUP = re.compile(r"</?\w[^>]*>")
_TAGS = re.compile(
    r"\{% trans\b.*?endtrans %\}|\{% block \w+_class %\}.*?endblock %\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}"
    r"|<script.*?</script>|<[^>]*>|&\w+;",
    re.DOTALL,
)


@pytest.fixture(scope="module")
def update() -> ModuleType:
    """`translations/update.py`, which is a program and not part of the package."""
    spec = importlib.util.spec_from_file_location("update", TRANSLATIONS / "update.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source(update: ModuleType) -> Catalog:
    """Every sentence of code and templates."""
    catalogue = update.sentences()
    assert isinstance(catalogue, Catalog)
    return catalogue


@pytest.fixture(scope="module", params=LANGUAGES, ids=lambda path: path.stem)
def translations(request: pytest.FixtureRequest) -> Catalogue:
    """A language."""
    return read_catalogue(request.param)


def test_every_sentence_is_translated_into_every_language(translations: Catalogue, source: Catalog) -> None:
    ids = [message.id for message in source if message.id]
    missing = [each for each in ids if isinstance(each, str) and each not in translations.sentences]
    missing += [each[0] for each in ids if isinstance(each, tuple) and each[0] not in translations.plurals]
    assert not missing, "run: make messages, and translate what it names"


def test_a_translation_has_the_placeholders_and_the_markup_of_its_source(translations: Catalogue) -> None:
    pairs = list(translations.sentences.items())
    pairs += [(one, form) for one, forms in translations.plurals.items() for form in forms]
    for message, translation in pairs:
        for pattern in (_PLACEHOLDER, _MARKUP):
            assert sorted(pattern.findall(message)) == sorted(pattern.findall(translation)), message


def test_sentences_are_found_in_code_in_templates_and_in_the_library_that_judges_passwords(
    source: Catalog,
) -> None:
    for sentence in (
        "Nobody is signed in any more. Start again.",  # the argument of an error
        "Use at least %(number)d characters.",  # a Text inside a call
        "Forgot your password?",  # a page
        "Confirm your e-mail address for %(brand)s",  # the subject of a mail
        "This is a top-10 common password.",  # a library
    ):
        assert sentence in source


def test_every_sentence_of_an_error_is_written_out_where_babel_finds_it(update: ModuleType) -> None:
    for path in update.python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in ERRORS and node.args:
                glued = isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
                assert not glued, f"{path}:{node.lineno}: use Text(…, name=value)"


def test_no_template_shows_words_that_cannot_be_translated() -> None:
    for path in sorted((TEMPLATES).rglob("*.html")):
        shown = _TAGS.sub("", path.read_text())
        assert not re.findall(r"[A-Za-z]{3,}", shown), path.name


def _name(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))
