"""Queries about log lines, in compressed chunks; a line's position is (attempt, line)."""

import json
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, tuple_

from mprelease.domain.logs import START, LogLine, Passage, Position
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import Stage
from mprelease.storage.database import Reader, Writer
from mprelease.storage.storable_text import storable
from mprelease.storage.tables import log_chunks

_LEVEL = 3  # Nearly as small as the default, in half the time.
# Far below MySQL's limit of a statement (max_allowed_packet, 4 MiB or more), even if the text
# cannot be compressed and every byte is escaped by a backslash.
_CHUNK_CHARACTERS = 256 * 1024
# Chunks per query: drivers hold the whole result in memory.
_CHUNKS_PER_QUERY = 16


def append(db: Writer, release_id: int, lines: Sequence[LogLine]) -> None:
    """Insert consecutive lines of one attempt and one stage; a repeated call is harmless."""
    first = lines[0].position
    db.connection.execute(
        delete(log_chunks)
        .where(log_chunks.c.release_id == release_id)
        .where(log_chunks.c.attempt == first.attempt)
        .where(log_chunks.c.first_line >= first.line)
    )
    for chunk in _chunks(lines):
        _insert(db, release_id, chunk)


def after(db: Reader, release_id: int, position: Position = START) -> Iterator[LogLine]:
    """Yield the lines after a position, in order."""
    for passage in passages(db, release_id, position):
        first = passage.first
        for number, (at, text) in enumerate(passage.entries, start=first.line):
            yield LogLine(Position(first.attempt, number), at, passage.stage, text)


def passages(db: Reader, release_id: int, position: Position = START) -> Iterator[Passage]:
    """Yield the same lines in passages, at a quarter of the cost."""
    for row in _rows(db, release_id, position):
        is_begun = row.attempt == position.attempt
        known = max(0, position.line + 1 - row.first_line) if is_begun else 0
        first = Position(row.attempt, row.first_line + known)
        yield Passage(first, known_or_newer(Stage, row.stage), _unpacked(row.body)[known:])


def last_line(db: Reader, release_id: int, attempt: int) -> int:
    """Return the number of an attempt's last line; 0 if there are no lines."""
    mine = (log_chunks.c.release_id == release_id) & (log_chunks.c.attempt == attempt)
    return int(db.connection.scalar(select(func.max(log_chunks.c.last_line)).where(mine)) or 0)


def ends(db: Reader, release_ids: Collection[int]) -> dict[int, Position]:
    """Return the position of the last line of each of these releases that has lines."""
    chunk = log_chunks.c
    rows = db.connection.execute(
        select(chunk.release_id, chunk.attempt, func.max(chunk.last_line))
        .where(chunk.release_id.in_(release_ids))
        .group_by(chunk.release_id, chunk.attempt)
        .order_by(chunk.attempt)
    )
    return {release_id: Position(attempt, line) for release_id, attempt, line in rows}


def _rows(db: Reader, release_id: int, position: Position) -> Iterator[Row[Any]]:
    chunk = log_chunks.c
    while True:
        rows = db.connection.execute(
            select(log_chunks)
            .where(chunk.release_id == release_id)
            .where(tuple_(chunk.attempt, chunk.last_line) > (position.attempt, position.line))
            .order_by(chunk.attempt, chunk.first_line)
            .limit(_CHUNKS_PER_QUERY)
        ).all()
        yield from rows
        if len(rows) < _CHUNKS_PER_QUERY:
            return
        position = Position(rows[-1].attempt, rows[-1].last_line)


def _insert(db: Writer, release_id: int, lines: Sequence[LogLine]) -> None:
    first, last = lines[0], lines[-1]
    body = json.dumps([(line.at, storable(line.text)) for line in lines], ensure_ascii=False)
    db.connection.execute(
        insert(log_chunks).values(
            release_id=release_id,
            attempt=first.position.attempt,
            first_line=first.position.line,
            last_line=last.position.line,
            stage=first.stage,
            body=zlib.compress(body.encode(), _LEVEL),
        )
    )


def _chunks(lines: Sequence[LogLine]) -> Iterator[list[LogLine]]:
    chunk: list[LogLine] = []
    length = 0
    for line in lines:
        if chunk and length + len(line.text) > _CHUNK_CHARACTERS:
            yield chunk
            chunk, length = [], 0
        chunk.append(line)
        length += len(line.text)
    yield chunk


def _unpacked(body: bytes) -> list[tuple[int, str]]:
    unpacked: list[tuple[int, str]] = json.loads(zlib.decompress(body))
    return unpacked
