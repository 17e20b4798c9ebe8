"""The reference of client metadata, read from where the attributes are declared."""

from idp.oauth.client_metadata import ATTRIBUTES, Attribute

_INTRODUCTION = """# Client metadata

<!-- Written by `idp client metadata --markdown`; change idp/oauth/client_metadata.py instead. -->

What a client can be registered with. The names are those of RFC 7591 §2, OpenID Connect Dynamic Client
Registration 1.0 §2 and RP-Initiated Logout 1.0 §3.1; some attributes are this provider's own. The options are
those of `idp client create` and `idp client update`.

"Set by: client" means that a client that registers itself may choose the value; "operator" means that only the
operator may.

| Attribute | Option | Default | Meaning | Defined in | Set by |
|---|---|---|---|---|---|
"""


def render_markdown() -> str:
    """Return the reference as it stands in the documentation."""
    return _INTRODUCTION + "".join(map(_line, ATTRIBUTES))


def _line(attribute: Attribute) -> str:
    option = " ".join(f"`{spelling}`" for spelling in attribute.option.split("/"))
    cells = (
        f"`{attribute.name}`",
        option,
        _default(attribute),
        attribute.help,
        attribute.defined_in,
        attribute.set_by,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(attribute: Attribute) -> str:
    default = attribute.default
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return f"`{' '.join(default)}`" if default else ""
    return f"`{default}`" if isinstance(default, str) else ""
