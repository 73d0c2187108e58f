"""Let a migration go on where a killed one stopped: MySQL cannot undo what changes tables.

Each such statement is committed by itself there, so a step may be found half done. This takes the
place of Alembic's own implementation for MySQL and MariaDB, and leaves out what is there already.
"""

from typing import Any

from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Column, Index, Table, inspect


class ResumingMySQLImpl(MySQLImpl):
    """Change tables, unless an earlier try has done so."""

    __dialect__ = "mysql"

    def create_table(self, table: Table, **named: Any) -> None:
        """Create a table that keeps every character, whatever the database was created for."""
        table.dialect_options["mysql"].update(
            {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
        )
        super().create_table(table, **named | {"if_not_exists": True})

    def add_column(self, table_name: str, column: Column[Any], **named: Any) -> None:
        """Add a column."""
        known = {known["name"] for known in inspect(self.connection).get_columns(table_name)}
        if column.name not in known:
            super().add_column(table_name, column, **named)

    def create_index(self, index: Index, **named: Any) -> None:
        """Create an index."""
        if not self._has(index):
            super().create_index(index, **named)

    def drop_index(self, index: Index, **named: Any) -> None:
        """Drop an index."""
        if self._has(index):
            super().drop_index(index, **named)

    def _has(self, index: Index) -> bool:
        assert index.table is not None
        known = inspect(self.connection).get_indexes(index.table.name)
        return index.name in {each["name"] for each in known}
