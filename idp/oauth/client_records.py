"""The row of a client: each attribute is kept where the table of client metadata says."""

from typing import Any

from idp.oauth.client_metadata import ATTRIBUTES, MANY, ClientMetadata
from idp.storage.models import ClientRecord


def write_metadata(record: ClientRecord, metadata: ClientMetadata, now: float) -> None:
    """Write every attribute to where the table says that it is kept."""
    kept = dict(metadata.other)
    for attribute in ATTRIBUTES:
        value = getattr(metadata, attribute.field)
        if attribute.kind in MANY:
            value = list(dict.fromkeys(value))
        if attribute.column:
            setattr(record, attribute.field, value)
        elif value is not None and value != []:
            kept[attribute.field] = value
    record.client_name = metadata.client_name.strip()
    record.token_endpoint_auth_method = metadata.auth_method
    record.metadata_ = kept
    record.updated_at = now


def read_metadata(record: ClientRecord) -> ClientMetadata:
    """Read what `write_metadata` wrote, or what another version of this program did."""
    other = dict(record.metadata_)
    values: dict[str, Any] = {}
    for attribute in ATTRIBUTES:
        if attribute.column:
            value = getattr(record, attribute.field)
        elif attribute.field in other:
            value = other.pop(attribute.field)
        else:
            continue
        values[attribute.field] = tuple(value) if attribute.kind in MANY else value
    return ClientMetadata(**values, other=other)
