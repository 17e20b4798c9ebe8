"""The reference of client metadata and the pages of applications, read from where both are declared."""

from typing import TYPE_CHECKING

from idp.oauth.client_metadata import ATTRIBUTES, Attribute

if TYPE_CHECKING:
    from idp.administration.applications import Application

ISSUER, CLIENT_ID, CLIENT_SECRET = "https://id.example.com", "CLIENT_ID", "CLIENT_SECRET"

_INTRODUCTION = """# Client metadata

<!-- Written by `idp client metadata --markdown`; change idp/oauth/client_metadata.py instead. -->

The attributes that a client can be registered with. The names are those of RFC 7591 §2, OpenID Connect Dynamic Client
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


_WRITTEN = (
    "<!-- Written by `idp client presets --markdown docs/integrations`; "
    "change idp/administration/application_catalogue.py instead. -->"
)


def render_applications() -> dict[str, str]:
    """Return the pages of `docs/integrations/`, by file name."""
    from idp.administration.applications import APPLICATIONS

    pages = {f"{name}.md": _application(application) for name, application in APPLICATIONS.items()}
    lines = [
        f"| [{application.label}]({name}.md) | `--for {name}` | {_tried(application)} |\n"
        for name, application in APPLICATIONS.items()
    ]
    pages["README.md"] = (
        f"# Applications\n\n{_WRITTEN}\n\n"
        "Each application has a page: how to register it here, and what to enter there. `idp client create --for NAME` "
        "prints the same with your own values. An application that is not here needs the four things of "
        "[first-app.md](../first-app.md).\n\n"
        "Only `sub` always identifies the same user. Where an application lets you choose the claim that "
        "identifies accounts, choose `sub`.\n\n"
        "| Application | Preset | |\n|---|---|---|\n" + "".join(lines)
    )
    return pages


def _application(application: "Application") -> str:
    from idp.oauth.client_metadata import ClientMetadata

    url = f"https://{application.name.replace('_', '-')}.example.com" if application.needs_url else None
    metadata = ClientMetadata(**application.metadata_at(url))
    here = f" --url {url}" if url else ""
    settings = application.settings_for(
        url=url, issuer=ISSUER, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )
    rows = [
        f"| `{attribute.name}` | {_value(getattr(metadata, attribute.field))} |\n"
        for attribute in ATTRIBUTES
        if getattr(metadata, attribute.field) != attribute.default
    ]
    notes = "".join(f"- {note}\n" for note in application.notes)
    return (
        f"# {application.label}\n\n{_WRITTEN}\n\n"
        f"{_tried(application)}.\n\n"
        f"## Here\n\n```sh\nidp client create --for {application.name}{here}\n```\n\n"
        f"This registers a client with these values. Each option of `idp client create` overrides one of them.\n\n"
        f"| Attribute | Value |\n|---|---|\n{''.join(rows)}\n"
        f"## There\n\nIn {application.place}, with the issuer `{ISSUER}` and the id and secret "
        f"that the command printed:\n\n"
        f"```\n{settings}\n```\n" + (f"\n## Notes\n\n{notes}" if notes else "")
    )


def _tried(application: "Application") -> str:
    if application.tried is None:
        return "Not tried by us"
    return f"Tried: `{application.tried}` runs it against this provider"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(f"`{item}`" for item in value) if isinstance(value, tuple) else f"`{value}`"
