"""Messages between the worker and the supervisor of a command, over a stream socket.

Standard library only, for the supervisor: see `supervisor`.
"""

import marshal
import os

_LENGTH = 4

ITSELF = "itself"
LIMIT = "limit"
ASKED = "asked"
SIGNALED = "signaled"
PROCESSES = "processes"
MEMORY = "memory"
DISK = "disk"

MEBI = 1 << 20


class Order:
    """The command to run, see `command.Command`; time limit in seconds, other limits in MiB.

    With `events`, the supervisor's standard error is the pipe for events: the command gets it as
    descriptor `child_process.EVENTS`, and standard output also as standard error.
    """

    def __init__(
        self,
        *,
        arguments: list[str],
        folder: str,
        environment: dict[str, str],
        time_limit: float,
        user: int | None,
        events: bool,
        processes: int | None,
        memory: int | None,
        disk: int | None,
        disk_folders: list[str],
        niceness: int,
        expendable: bool,
        sweep_user: bool,
        scoped: bool,
    ) -> None:
        """Take every field by name."""
        self.arguments = arguments
        self.folder = folder
        self.environment = environment
        self.time_limit = time_limit
        self.user = user
        self.events = events
        self.processes = processes
        self.memory = memory
        self.disk = disk
        self.disk_folders = disk_folders
        self.niceness = niceness
        self.expendable = expendable
        self.sweep_user = sweep_user
        self.scoped = scoped

    def packed(self) -> bytes:
        """Return the encoded order: its length, then the content."""
        # Both ends run the same interpreter, so marshal's format is the same.
        return _message(marshal.dumps(vars(self)))

    @classmethod
    def of(cls, body: bytes) -> "Order":
        """Decode an order."""
        return cls(**marshal.loads(body))  # noqa: S302 (from our own worker)


def new_limit(seconds: float) -> bytes:
    """Return the message that sets a new time limit, in seconds from its arrival."""
    return _message(str(seconds).encode())


class Report:
    """The end of the command: its exit code, or 128 + n after signal n, and the cause.

    `cause` is ITSELF (it exited), LIMIT (the time limit), PROCESSES, MEMORY or DISK (those limits),
    ASKED (the worker requested it, or died) or SIGNALED (the supervisor received a signal).
    """

    def __init__(self, code: int, cause: str) -> None:
        """Take the code and one of the causes."""
        self.code = code
        self.cause = cause

    def line(self) -> str:
        """Return the encoded report."""
        return f"{self.code} {self.cause}\n"

    @classmethod
    def of(cls, line: str) -> "Report":
        """Decode a report."""
        code, cause = line.split()
        return cls(int(code), cause)


def read_message(channel: int) -> bytes:
    """Return the next message of the worker; empty if it has closed the connection."""
    return _read(channel, int.from_bytes(_read(channel, _LENGTH)))


def _message(body: bytes) -> bytes:
    return len(body).to_bytes(_LENGTH) + body


def _read(channel: int, length: int) -> bytes:
    read = b""
    while len(read) < length:
        chunk = os.read(channel, length - len(read))
        if not chunk:
            return b""
        read += chunk
    return read
