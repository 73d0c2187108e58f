"""What the worker and the supervisor of a command say to each other, by a stream socket.

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
    """Say what the worker wants; a `command.Command`, time limit in seconds, the others in MiB.

    With `events` standard error is the pipe for them: the command finds it as `child.EVENTS`, and
    gets standard output twice.
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
        """Take every field by its name."""
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
        """Return the order as it is sent: its length, then itself."""
        # Both ends are the same interpreter, so that marshal's format is no matter.
        return _message(marshal.dumps(vars(self)))

    @classmethod
    def of(cls, body: bytes) -> "Order":
        """Read an order that was sent."""
        return cls(**marshal.loads(body))  # noqa: S302 (from our own worker)


def new_limit(seconds: float) -> bytes:
    """Return the message that gives the command so many seconds from now on."""
    return _message(str(seconds).encode())


class Report:
    """Tell how the command ended: its exit code, or 128 + n for signal n, and who ended it.

    `cause` is ITSELF, LIMIT (the time limit), PROCESSES, MEMORY or DISK (those limits), ASKED (by
    the worker or by its death) or SIGNALED (somebody sent the supervisor a signal).
    """

    def __init__(self, code: int, cause: str) -> None:
        """Take the code and one of the causes."""
        self.code = code
        self.cause = cause

    def line(self) -> str:
        """Return the report as it is sent."""
        return f"{self.code} {self.cause}\n"

    @classmethod
    def of(cls, line: str) -> "Report":
        """Read a report that was sent."""
        code, cause = line.split()
        return cls(int(code), cause)


def read_message(channel: int) -> bytes:
    """Return what the worker sent; nothing when it has hung up."""
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
