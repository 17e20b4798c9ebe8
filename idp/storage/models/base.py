"""The declarative base and the column types that every model shares."""

import uuid
from typing import Annotated, Any

from sqlalchemy import JSON, Double, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

Instant = Annotated[float, mapped_column(Double)]
"""Unix seconds."""

Identifier = Annotated[str, mapped_column(String(64))]
"""An identifier that we make (`new_id`)."""

Digest = Annotated[str, mapped_column(String(64))]
"""A SHA-256 in hex."""

Document = JSON().with_variant(JSONB(), "postgresql")
"""A JSON value."""


def new_id() -> str:
    """Return a new random identifier (UUID, 122 random bits)."""
    return str(uuid.uuid4())


class Base(DeclarativeBase):
    """Base of every model. Models import this and nothing above."""

    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's own protocol
        dict[str, Any]: Document,
        list[str]: Document,
    }
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
