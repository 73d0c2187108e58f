"""A host that answers by a byte now and then, or without an end."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"


class DrippingHost:
    """Sends `begin` to each client at once, then `more` again and again, `seconds` apart."""

    def __init__(self, begin: bytes, more: bytes, seconds: float) -> None:
        self._begin = begin
        self._more = more
        self._seconds = seconds
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.is_asked = threading.Event()
        self._threads = [self._started(self._take)]

    def _started(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                self._threads.append(self._started(lambda client=taken: self._drip(client)))

    def _drip(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.recv(65536)
            client.sendall(self._begin)
            self.is_asked.set()
            while not self._over.wait(self._seconds):
                client.sendall(self._more)

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()
