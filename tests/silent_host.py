"""A git host that never answers."""

import socket
import threading
from contextlib import suppress


class SilentHost:
    """A host that accepts every connection, but never sends a response."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._taken: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/web.git"
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    @property
    def connections(self) -> int:
        return len(self._taken)

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                self._taken.append(self._listener.accept()[0])

    def close(self) -> None:
        if self._listener.fileno() < 0:
            return
        # Closing alone does not wake a thread that is blocked in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for one in self._taken:
            one.close()
