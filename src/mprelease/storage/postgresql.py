"""A PostgreSQL connection that does not wait for ever; libpq knows no such limit."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

_T = TypeVar("_T")


class BoundedConnection(psycopg.Connection[Any]):
    """Close the connection when the server is silent in the middle of a statement."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        """Wait for the answer to a statement; raise OperationalError when none comes in time."""
        try:
            return super().wait(gen, interval, timeout or self.answer_seconds)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # The answer may still come, and must not be taken for that of the next statement.
                self.pgconn.finish()
            raise
