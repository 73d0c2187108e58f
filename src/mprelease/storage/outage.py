"""Tell a database that is away, full or locked from a mistake of ours."""

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# No connection, no disk, read-only, a deadlock: each may be over in a moment.
OUTAGE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
