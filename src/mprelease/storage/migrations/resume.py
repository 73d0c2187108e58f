"""Resume a migration that was killed: MySQL cannot roll back changes of tables.

MySQL commits each such statement, so a step may be half done. This replaces Alembic's
implementation for MySQL and MariaDB, and skips what was done already.
"""

from typing import Any

from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Column, Index, Table, inspect


class ResumingMySQLImpl(MySQLImpl):
    """Change tables, except where an earlier run has done so."""

    __dialect__ = "mysql"

    def create_table(self, table: Table, **named: Any) -> None:
        """Create a table in utf8mb4, independent of the database's default character set."""
        table.dialect_options["mysql"].update(
            {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
        )
        super().create_table(table, **named | {"if_not_exists": True})

    def add_column(self, table_name: str, column: Column[Any], **named: Any) -> None:
        """Add a column, unless it exists."""
        known = {known["name"] for known in inspect(self.connection).get_columns(table_name)}
        if column.name not in known:
            super().add_column(table_name, column, **named)

    def create_index(self, index: Index, **named: Any) -> None:
        """Create an index, unless it exists."""
        if not self._has(index):
            super().create_index(index, **named)

    def drop_index(self, index: Index, **named: Any) -> None:
        """Drop an index, if it exists."""
        if self._has(index):
            super().drop_index(index, **named)

    def _has(self, index: Index) -> bool:
        assert index.table is not None
        known = inspect(self.connection).get_indexes(index.table.name)
        return index.name in {each["name"] for each in known}
