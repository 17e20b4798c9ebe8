"""How Alembic runs a migration: on the connection, and under the lock, of `idp.storage.migrations`."""

from alembic import context

from idp.errors import ConfigurationError
from idp.storage.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise ConfigurationError("Migrations are run by the program: idp migrate.")

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_type=True,
    # SQLite cannot alter most of a table in place.
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
