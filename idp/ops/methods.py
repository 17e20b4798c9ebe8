"""The methods of a path: what a 405 tells in its Allow header (RFC 9110 §10.2.1)."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope


def allowed_methods(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """Return every method that some route takes at the path of `scope`. The router itself names those of one
    route only."""
    found: set[str] = set()
    for route in routes:
        match, child = route.matches(scope)
        if match is Match.NONE:
            continue
        if isinstance(route, Route):
            found |= route.methods or set()
        else:
            found.update(allowed_methods(getattr(route, "routes", None) or (), {**scope, **child}))
    return sorted(found)
