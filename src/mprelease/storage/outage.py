"""Tell a database that is away, full or locked from a mistake of ours."""

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.storage.contention import is_contention

# No connection, no disk, read-only, a deadlock: each may be over in a moment.
OUTAGE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)


def problem_detail_of_outage(error: Exception) -> ProblemDetail:
    """Return DATABASE_BUSY where others kept us waiting and nothing was changed, else what it is.

    The detail is the driver's own.
    """
    if isinstance(error, PoolTimeoutError):
        return ProblemDetail(Problem.DATABASE_BUSY)
    if not isinstance(error, DBAPIError):
        return ProblemDetail(Problem.DATABASE_UNUSABLE, {"detail": type(error).__name__})
    if is_contention(error):
        return ProblemDetail(Problem.DATABASE_BUSY)
    return ProblemDetail(Problem.DATABASE_UNUSABLE, {"detail": str(error.orig)})
