"""Messages between the processes of one installation, over Redis if it is configured."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mprelease.supervision import LoopSupervisor

if TYPE_CHECKING:
    from mprelease.engine.dispatch import Dispatch
    from mprelease.engine.local_dispatch import LocalDispatch
    from mprelease.live.relay import Publisher, Subscriber


class Messaging:
    """Wake-up calls for workers, log lines and states for watchers, between processes.

    Dramatiq and Redis are imported on first use.
    """

    def __init__(
        self, redis_url: str | None, socket_file: Path, name: str, key: bytes, loops: LoopSupervisor
    ) -> None:
        """Take the URL of Redis, None without it, and the name of the channels.

        Without Redis, wake-up calls between processes go through the socket file. Messages are
        signed with `key`, which all nodes share.
        """
        self._redis_url = redis_url
        self._socket_file = socket_file
        self._name = name
        self._key = key
        self._loops = loops

    @cached_property
    def dispatch(self) -> "Dispatch | LocalDispatch":
        """Return the sender and receiver of wake-up calls."""
        if self._redis_url is None:
            from mprelease.engine.local_dispatch import LocalDispatch  # noqa: PLC0415

            return LocalDispatch(self._socket_file, self._loops)
        from mprelease.engine.dispatch import Dispatch  # noqa: PLC0415

        return Dispatch(self._redis_url, self._loops)

    @cached_property
    def publisher(self) -> "Publisher | None":
        """Return the publisher of log lines and states to other nodes; None without Redis."""
        from mprelease.live.relay import Publisher  # noqa: PLC0415

        url = self._redis_url
        return Publisher(url, self._name, self._key, self._loops) if url else None

    def subscriber(self) -> "Subscriber | None":
        """Return a new subscriber to log lines and states of other nodes; None without Redis."""
        from mprelease.live.relay import Subscriber  # noqa: PLC0415

        url = self._redis_url
        return Subscriber(url, self._name, self._key, self._loops) if url else None

    def wake(self, label: str) -> None:
        """Wake the workers of a label, and publish that the state of a release has changed."""
        self.dispatch.wake(label)
        if self._redis_url and self.publisher:
            self.publisher.changed()

    def is_reachable(self) -> bool | None:
        """Return whether Redis answers within a second; None without Redis."""
        from mprelease.live.relay import answers  # noqa: PLC0415

        return answers(self._redis_url) if self._redis_url else None

    def close(self) -> None:
        """Send pending messages, for a few seconds at most, and close the connections."""
        if dispatch := vars(self).get("dispatch"):
            dispatch.close()
        if publisher := vars(self).get("publisher"):
            publisher.close()
