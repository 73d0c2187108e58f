"""Run the steps on the connection that `migrate.py` hands over."""

from alembic import context

import mprelease.storage.migrations.resume  # noqa: F401 Alembic finds it by its dialect
from mprelease.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
