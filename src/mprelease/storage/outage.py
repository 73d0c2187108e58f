"""Errors of a database that is unreachable, full or locked, as opposed to programming errors."""

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.storage.contention import is_contention

# No connection, disk full, read-only, deadlock: all may be temporary.
OUTAGE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)


def problem_detail_of_outage(error: Exception) -> ProblemDetail:
    """Return DATABASE_BUSY if other transactions or the pool caused it, else DATABASE_UNUSABLE.

    The detail is the driver's message, or the name of another exception.
    """
    if isinstance(error, PoolTimeoutError):
        return ProblemDetail(Problem.DATABASE_BUSY)
    if not isinstance(error, DBAPIError):
        return ProblemDetail(Problem.DATABASE_UNUSABLE, {"detail": type(error).__name__})
    if is_contention(error):
        return ProblemDetail(Problem.DATABASE_BUSY)
    return ProblemDetail(Problem.DATABASE_UNUSABLE, {"detail": str(error.orig)})
