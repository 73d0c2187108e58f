"""Databases of older versions."""

import json
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, Column, MetaData, String, Table, insert, text

from mprelease.storage import migrations
from mprelease.storage.database import Database, Writer

STEPS = Path(migrations.__file__).parent


def revision(database: Database) -> list[str]:
    with database.reading() as db:
        return list(db.connection.scalars(text("SELECT version_num FROM alembic_version")))


def upgrade(database: Database, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(STEPS))
    with database.writing() as db:
        config.attributes["connection"] = db.connection
        command.upgrade(config, to)


def insert_old_row(db: Writer, name: str, values: dict[str, Any]) -> None:
    """Write a row into a table as it is now in the database, with blanks where one is needed."""
    table = Table(name, MetaData(), autoload_with=db.connection)
    row = {
        column.name: values.get(column.name, blank_of(column))
        for column in table.c
        if column.name in values
        or not (column.nullable or column.primary_key or column.server_default is not None)
    }
    for column in table.c:
        # MariaDB keeps JSON as a text.
        if isinstance(row.get(column.name), dict | list) and not isinstance(column.type, JSON):
            row[column.name] = json.dumps(row[column.name])
    db.connection.execute(insert(table).values(row))


def blank_of(column: Column[Any]) -> object:
    if isinstance(column.type, JSON) or column.name in {"details", "build", "warnings", "labels"}:
        return {}
    return "" if isinstance(column.type, String) else 0
