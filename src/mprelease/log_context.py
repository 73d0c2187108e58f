"""What the log lines of the present thread or task are about: a request, a release."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
release_id: ContextVar[int | None] = ContextVar("release_id", default=None)


@contextmanager
def about_release(number: int) -> Iterator[None]:
    """Mark the lines of this thread during the block as lines about a release."""
    token = release_id.set(number)
    try:
        yield
    finally:
        release_id.reset(token)
