"""Any JSON: what the others' side of a protocol may send."""

from typing import Any

from hypothesis import strategies as st

_SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63), 10**30, 1e308, -1e308, 0.5])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", "true", "1", "\x00", "\ud800", "x" * 5000, "sig", "RS256", "https://x.example/"])
)
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=10) | st.sampled_from(["keys", "kty", "sub"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def altered(document: dict[str, Any], data: st.DataObject) -> Any:
    """Return any JSON, or `document` with one or two of its members, or others, as any JSON."""
    if data.draw(st.integers(0, 9)) == 0:
        return data.draw(ANY_JSON)
    changed = dict(document)
    names = st.sampled_from(sorted(document)) | st.text(max_size=8) if document else st.text(max_size=8)
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(names)
        value = document.get(name)
        if isinstance(value, list) and value and isinstance(value[0], dict) and data.draw(st.booleans()):
            changed[name] = [altered(value[0], data), *value]  # beside the right one
        else:
            changed[name] = data.draw(ANY_JSON | st.just(value).map(lambda right: [right]))
    return changed
