"""HTTP between a vendor's tool and a simulated service: requests, replies, forms, the ASGI app.

The server is uvicorn, the request and response objects inside the ASGI app are Starlette's, and
forms are parsed by python-multipart. A simulated service gets a `Request` and returns a `Reply`,
which are plain records, so that a service is ordinary synchronous code.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

import starlette.requests
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_BODY = 64 * 1024 * 1024
"""The longest request body that is read, in bytes."""


@dataclass(frozen=True)
class Request:
    """One request of a vendor's tool.

    `path` is as it was sent, percent-encoded. `query` holds the last value of each name. `client`
    is the caller's IP address; `at` the time of arrival in milliseconds since the epoch. `headers`
    have names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    client: str
    at: int
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Return the host of the Host header in lower case, without the port 443."""
        return _host(self.headers)


@dataclass(frozen=True)
class Reply:
    """One reply, and how it is delivered.

    `delay` is the time in seconds until the first byte. A reply that `is_cut` announces its whole
    body, sends half of it and closes the connection.
    """

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = "application/json; charset=utf-8"
    delay: float = 0
    is_cut: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


class Service(Protocol):
    """Answer for one or more hosts of a vendor.

    `answer` is called once per request, from several threads at the same time. Invalid requests are
    answered with an error; an exception is a bug of the simulator: uvicorn logs it, answers 500 and
    closes the connection.
    """

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names of the hosts, in lower case."""
        ...

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        ...


class Rejected(Exception):
    """A call is answered with an error of the vendor."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body)
        self.reply = reply


class InvalidRequest(ValueError):
    """A call violates the vendor's protocol; the text describes how."""


def json_reply(content: Mapping[str, object], status: int = HTTPStatus.OK) -> Reply:
    """Return a reply with a JSON body."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Reply(body, status)


def gateway_error() -> Reply:
    """Return the page of a gateway whose upstream service has failed, status 502."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
    return Reply(page, status=HTTPStatus.BAD_GATEWAY, content_type="text/html")


@dataclass(frozen=True)
class Form:
    """The fields of a form as text and its files as bytes, by name."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes]


def read_form(request: Request) -> Form:
    """Return the multipart/form-data body of a request.

    Raise InvalidRequest for any other body, an incomplete one, and a repeated name.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidRequest(f"the content type {kind.decode('latin-1')!r} is not a form")
    fields, files, ends = list[Field](), list[File](), list[bool]()
    parser = FormParser(
        "multipart/form-data",
        fields.append,
        files.append,
        lambda: ends.append(True),
        boundary,
        config={"MAX_MEMORY_FILE_SIZE": MAX_BODY},
    )
    try:
        parser.write(request.body)
        parser.finalize()
        if not ends:
            raise InvalidRequest("the form is incomplete")
        return _form(fields, files)
    except FormParserError as error:
        raise InvalidRequest(f"the form cannot be read ({error})") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("a field of the form is not UTF-8") from error
    finally:
        parser.close()


def _form(fields: list[Field], files: list[File]) -> Form:
    form = Form(
        {_name(each): (each.value or b"").decode("utf-8") for each in fields},
        {_name(each): _content(each) for each in files},
    )
    if len(form.fields.keys() | form.files.keys()) < len(fields) + len(files):
        raise InvalidRequest("a name is repeated in the form")
    return form


def _name(part: Field | File) -> str:
    return (part.field_name or b"").decode("utf-8")


def _content(file: File) -> bytes:
    file.file_object.seek(0)
    return file.file_object.read()


def asgi_app(service: Service, host: str) -> ASGIApp:
    """Return the ASGI app that answers for one host of a service.

    A request with another Host header is answered with 421, a body over `MAX_BODY` with 413. The
    server puts a function `close_connection` without arguments into the app's state; a reply that
    is cut needs it.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = starlette.requests.Request(scope, receive)
        if _host(request.headers) != host:
            await _refusal(HTTPStatus.MISDIRECTED_REQUEST)(scope, receive, send)
            return
        try:
            body = await _body(request)
        except ClientDisconnect:
            return
        if body is None:
            await _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)(scope, receive, send)
            return
        reply = await asyncio.to_thread(service.answer, _record(request, body))
        if reply.delay and await _is_gone_after(receive, reply.delay):
            return
        await _send(reply, scope, receive, send)

    return app


def _host(headers: Mapping[str, str]) -> str:
    return headers.get("host", "").lower().removesuffix(":443")


def _refusal(status: HTTPStatus) -> Response:
    # The connection cannot be used again: the body of the request has not been read.
    return PlainTextResponse(status.phrase, status, headers={"Connection": "close"})


async def _body(request: starlette.requests.Request) -> bytes | None:
    """Return the body, or None as soon as it is known to be longer than `MAX_BODY`."""
    if int(request.headers.get("content-length", "0")) > MAX_BODY:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _record(request: starlette.requests.Request, body: bytes) -> Request:
    return Request(
        method=request.method,
        path=request.scope["raw_path"].decode("ascii"),
        query=dict(request.query_params),
        body=body,
        client=request.client.host if request.client else "",
        at=time.time_ns() // 1_000_000,
        headers=dict(request.headers),
    )


async def _is_gone_after(receive: Receive, seconds: float) -> bool:
    """Wait, and return whether the client has closed the connection meanwhile."""
    try:
        # After the body, the only message that can come is that the client has disconnected.
        await asyncio.wait_for(receive(), seconds)
    except TimeoutError:
        return False
    return True


async def _send(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Content-Type": reply.content_type, **reply.headers}
    response = Response(reply.body, reply.status, headers)
    if not reply.is_cut:
        await response(scope, receive, send)
        return
    start = {"type": "http.response.start", "status": reply.status}
    await send({**start, "headers": response.raw_headers})
    half = reply.body[: len(reply.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    scope["state"]["close_connection"]()
    # Wait for the disconnect: otherwise uvicorn logs an incomplete response.
    await receive()
