"""The body of a request: of a length that is told, or in chunks."""

from email.message import Message
from http import HTTPStatus
from io import BufferedIOBase

MAX_BODY = 64 * 1024 * 1024
"""The longest request body that is read, in bytes."""

_MAX_LINE = 1024


class Unreadable(Exception):
    """A body is not read: it is too long, or does not say where it ends."""

    def __init__(self, status: HTTPStatus) -> None:
        """Name the status that is the answer."""
        super().__init__(status)
        self.status = status


def read_body(stream: BufferedIOBase, headers: Message) -> bytes:
    """Return the whole body; raise Unreadable, or EOFError when the client hangs up before."""
    coding = headers.get("Transfer-Encoding", "identity").lower()
    length = headers.get("Content-Length", "0")
    if coding == "chunked":
        return _joined(stream)
    if coding != "identity" or not length.isdecimal():
        raise Unreadable(HTTPStatus.LENGTH_REQUIRED)
    return _exactly(stream, int(length), MAX_BODY)


def _joined(stream: BufferedIOBase) -> bytes:
    body = bytearray()
    while size := _size(stream):
        body += _exactly(stream, size, MAX_BODY - len(body))
        _line(stream)
    while _line(stream):
        pass  # Trailers, which nobody here needs.
    return bytes(body)


def _size(stream: BufferedIOBase) -> int:
    try:
        return int(_line(stream).partition(b";")[0], 16)
    except ValueError:
        raise Unreadable(HTTPStatus.BAD_REQUEST) from None


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise EOFError
    return line.strip()


def _exactly(stream: BufferedIOBase, size: int, limit: int) -> bytes:
    if not 0 <= size <= limit:
        raise Unreadable(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
