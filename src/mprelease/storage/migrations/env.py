"""Alembic's environment: run the steps on the connection that `migrate.py` passes."""

from alembic import context

import mprelease.storage.migrations.resume  # noqa: F401 registers itself for its dialect
from mprelease.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
