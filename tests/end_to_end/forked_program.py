"""A command that runs in a fork of the process that has loaded it, beside the test."""

import os
import select
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TextIO


@dataclass
class Pipes:
    """The reading and the writing ends for a program's output, its errors, and its exit code."""

    reading: list[int]
    writing: list[int]

    @classmethod
    def made(cls) -> "Pipes":
        ends = [os.pipe() for _ in range(3)]
        return cls([reading for reading, _ in ends], [writing for _, writing in ends])

    @property
    def files(self) -> list[str]:
        """The paths at which another process opens the writing ends."""
        return [f"/proc/{os.getpid()}/fd/{end}" for end in self.writing]

    def close_writing(self) -> None:
        for end in self.writing:
            os.close(end)


class ForkedProgram:
    """What tests use of a `subprocess.Popen`, for a process that is no child of this one."""

    def __init__(self, pid: int, pipes: Pipes) -> None:
        output, errors, self._status = pipes.reading
        self.pid = pid
        self.returncode: int | None = None
        self.stdout: TextIO = os.fdopen(output, encoding="utf-8")
        self.stderr: TextIO = os.fdopen(errors, encoding="utf-8")

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the program runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what the program has written, as soon as it has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        written = {self.stdout: b"", self.stderr: b""}
        with selectors.DefaultSelector() as selector:
            for stream in (each for each in written if not each.closed):
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                left = None if deadline is None else max(0, deadline - time.monotonic())
                ready = selector.select(left)
                if not ready:
                    raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
                for key, _ in ready:
                    part = os.read(key.fd, 65536)
                    written[key.fileobj] += part  # type: ignore[index]
                    if not part:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()  # type: ignore[union-attr]
        self.wait(None if deadline is None else max(0, deadline - time.monotonic()))
        return written[self.stdout].decode(), written[self.stderr].decode()

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(os.read(self._status, 20))
            os.close(self._status)
        return self.returncode
