"""Rules of the house that no linter has: `make lint` runs this file over `idp`.

1. A regular expression has no two unbounded repetitions of characters that can take the same ones, one after the
   other or one inside the other: matching it could take quadratic or exponential time. What a search costs that
   starts anew at every character is timed by tests/ops/test_expressions.py.
2. No `await` between the check of an attribute and the write that follows from it, unless a lock is held: another
   task may have written meanwhile.
3. No `get` of an entry of the ephemeral store followed by a `put` or `delete` of the same entry: of two requests at
   once both would go on. `take` and `increment` are atomic.

A comment `# race: …` on the line, or on the line before, says why a race there does no harm. Rules 2 and 3 see one
function at a time. Whether a row is still what was proven is decided by the database, and tested by races
(tests/contracts).
"""

import ast
import re
import re._constants as names
import re._parser as parser
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, filterfalse, islice, product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LARGE = 100
"""A repetition that may go on longer than this counts as unbounded."""
MOST_VARIANTS = 200
ALL = frozenset(map(chr, range(256)))
"""The characters that stand for all: sets are compared on these."""


@dataclass(frozen=True, slots=True)
class Item:
    """One character, or a repetition of one, of a set."""

    characters: frozenset[str]
    optional: bool = False
    unbounded: bool = False


def is_ambiguous(pattern: str) -> bool:
    """Tell whether two unbounded repetitions of an expression can take the same characters."""
    variants = islice(_variants(list(parser.parse(pattern))), MOST_VARIANTS)
    return any(_overlaps(list(items)) for items in variants)


def _overlaps(items: list[Item]) -> bool:
    for (i, first), (j, second) in combinations(enumerate(items), 2):
        if first.unbounded and second.unbounded and first.characters & second.characters:
            between = items[i + 1 : j]
            if all(item.optional or item.characters & first.characters for item in between):
                return True
    return False


def _variants(tokens: list[Any]) -> Iterator[tuple[Item, ...]]:
    """Yield the sequences that an expression can be, a repeated group twice: it may follow itself."""
    parts = [list(islice(_variants_of(token), MOST_VARIANTS)) for token in tokens]
    for chosen in product(*parts):
        yield tuple(item for part in chosen for item in part)


def _variants_of(token: Any) -> Iterator[tuple[Item, ...]]:
    kind, value = token
    if kind in {names.MAX_REPEAT, names.MIN_REPEAT}:
        least, most, body = value
        inner = list(body)
        unbounded = most > LARGE
        if len(inner) == 1 and (characters := _characters(inner[0])) is not None:
            yield (Item(characters, least == 0, unbounded),)
            return
        if least == 0:
            yield ()
        for variant in _variants(inner):
            yield variant * (2 if most > 1 else 1)
    elif kind is names.SUBPATTERN:
        yield from _variants(list(value[3]))
    elif kind is names.BRANCH:
        for branch in value[1]:
            yield from _variants(list(branch))
    elif (characters := _characters(token)) is not None:
        yield (Item(characters),)
    else:  # an anchor, a look around, a reference: takes nothing that counts here
        yield ()


def _characters(token: Any) -> frozenset[str] | None:
    """Return what a token for one character can be, or None for another token."""
    kind, _ = token
    if kind not in {names.LITERAL, names.NOT_LITERAL, names.ANY, names.IN}:
        return None
    state = parser.State()
    state.flags = names.SRE_FLAG_UNICODE
    state.str = ""
    one = re._compiler.compile(parser.SubPattern(state, [token]))  # type: ignore[attr-defined]
    return frozenset(character for character in ALL if one.match(character))


# What is found in a file ----------------------------------------------------------------------------------


def faults(source: str, where: str) -> Iterator[str]:
    """Yield a sentence for each place where a rule is broken."""
    tree = ast.parse(source)
    lines = ["", *source.splitlines()]

    def is_explained(line: int) -> bool:
        return "# race: " in lines[line] or lines[line - 1].lstrip().startswith("# race: ")

    for line, pattern in _expressions(tree):
        if is_ambiguous(pattern):
            yield f"{where}:{line}: two repetitions of {pattern!r} can take the same characters"
    for function in ast.walk(tree):
        if isinstance(function, ast.AsyncFunctionDef):
            for line in filterfalse(is_explained, _late_writes(function)):
                yield f"{where}:{line}: an await between the check of an attribute and its write"
            for line in filterfalse(is_explained, _get_then_put(function)):
                yield f"{where}:{line}: an entry is read and written in two steps: use take or increment"


def _expressions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        of_re = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)
        of_re = of_re and call.func.value.id == "re"  # type: ignore[union-attr]
        given = [word.value for word in call.keywords if word.arg == "pattern"]
        for value in [*(call.args[:1] if of_re else []), *given]:
            if isinstance(value, ast.Constant) and isinstance(value.value, str | bytes):
                text = value.value
                yield value.lineno, text if isinstance(text, str) else text.decode("latin-1")


def _late_writes(function: ast.AsyncFunctionDef) -> Iterator[int]:
    locked = {
        inner
        for block in ast.walk(function)
        if isinstance(block, ast.AsyncWith)
        for inner in ast.walk(block)
        if inner is not block
    }
    for check in ast.walk(function):
        if not isinstance(check, ast.If) or check in locked:
            continue
        checked = {ast.dump(node) for node in ast.walk(check.test) if _is_own_attribute(node)}
        awaited = False
        for statement in check.body:
            awaited = awaited or any(isinstance(node, ast.Await) for node in ast.walk(statement))
            for node in ast.walk(statement):
                targets = node.targets if isinstance(node, ast.Assign) else []
                if awaited and any(_as_read(target) in checked for target in targets):
                    yield node.lineno


def _is_own_attribute(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _as_read(target: ast.expr) -> str:
    return ast.dump(target).replace("ctx=Store()", "ctx=Load()")


def _get_then_put(function: ast.AsyncFunctionDef) -> Iterator[int]:
    read: set[str] = set()
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args]
    for call in sorted(calls, key=lambda call: call.lineno):
        if not isinstance(call.func, ast.Attribute) or not ast.unparse(call.func.value).endswith(
            ("store", "_kept", "_drafts")
        ):
            continue
        entry = ast.unparse(call.func.value) + ast.unparse(call.args[0])
        if call.func.attr == "get":
            read.add(entry)
        elif call.func.attr in {"put", "delete"} and entry in read:
            yield call.lineno


def main() -> int:
    """Check the provider's source."""
    found = [
        fault
        for path in sorted((ROOT / "idp").rglob("*.py"))
        for fault in faults(path.read_text(), str(path.relative_to(ROOT)))
    ]
    for fault in found:
        print(fault)  # noqa: T201  this is a command
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
