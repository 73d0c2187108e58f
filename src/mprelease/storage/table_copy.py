"""Read the rows of all tables for a backup, and insert them into an empty database of any kind."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import LargeBinary, Table, func, insert, literal, select
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from sqlalchemy.types import TypeEngine

from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import metadata

Row = Mapping[str, Any]
"""A row as a JSON object; bytes are in base64."""

# Rows about the nodes of this database, which are meaningless in another one.
_NOT_COPIED = {"workers", "worker_queries"}
_BATCH = 200


def names() -> list[str]:
    """Return the tables that are copied, each after those to which its foreign keys refer."""
    return [table.name for table in metadata.sorted_tables if table.name not in _NOT_COPIED]


def rows(db: Reader, name: str) -> Iterator[Row]:
    """Yield the rows of a table; they are read in batches of 200."""
    table = metadata.tables[name]
    ordered = select(table).order_by(*table.primary_key.columns)
    streaming = db.connection.execution_options(stream_results=True, yield_per=_BATCH)
    for row in streaming.execute(ordered):
        yield {column.name: _encoded(column.type, row[at]) for at, column in enumerate(table.c)}


def is_empty(db: Reader) -> bool:
    """Return whether all tables that are copied are empty."""
    first = (select(literal(1)).select_from(metadata.tables[name]).limit(1) for name in names())
    return not any(db.connection.scalar(query) for query in first)


def insert_rows(db: Writer, name: str, given: Iterable[Row]) -> int:
    """Insert rows into a table and return their number.

    Unknown columns are ignored. Raise ValueError for rows that violate types or constraints.
    """
    table = metadata.tables[name]
    count, left = 0, iter(given)
    while batch := [_decoded(table, row) for row in islice(left, _BATCH)]:
        _insert(db, table, batch)
        count += len(batch)
    return count


def _insert(db: Writer, table: Table, values: list[dict[str, Any]]) -> None:
    try:
        db.connection.execute(insert(table), values)
    except (DataError, IntegrityError, ProgrammingError) as error:
        raise ValueError(table.name) from error


def continue_numbering(db: Writer) -> None:
    """Advance PostgreSQL's sequences beyond the inserted ids; other databases do so themselves."""
    if db.connection.dialect.name != "postgresql":
        return
    for name in names():
        table = metadata.tables[name]
        if table.autoincrement_column is None:
            continue
        column = table.autoincrement_column
        newest = db.connection.scalar(select(func.max(column)))
        sequence = func.pg_get_serial_sequence(name, column.name)
        if newest is not None:
            db.connection.execute(select(func.setval(sequence, newest)))


def _encoded(kind: TypeEngine[Any], value: Any) -> Any:
    is_binary = isinstance(kind, LargeBinary) and value is not None
    return b64encode(value).decode() if is_binary else value


def _decoded(table: Table, row: Row) -> dict[str, Any]:
    values = {name: value for name, value in row.items() if name in table.c}
    for column in table.c:
        if isinstance(column.type, LargeBinary) and values.get(column.name) is not None:
            values[column.name] = b64decode(values[column.name], validate=True)
    return values
