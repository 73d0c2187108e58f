"""Take a multipart/form-data body apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser


class BrokenForm(ValueError):
    """What was sent is no form."""


@dataclass(frozen=True)
class Form:
    """Fields as text, and files as bytes; each name once."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes]


def form_of(body: bytes, content_type: str) -> Form:
    """Return the form in a body; raise BrokenForm."""
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for head, content in _parts(body, _boundary(content_type)):
        name = head.get_param("name", header="Content-Disposition")
        if not isinstance(name, str) or name in fields or name in files:
            raise BrokenForm(f"a part has no name, or one that is taken: {name!r}")
        if head.get_filename() is None:
            fields[name] = _text(content)
        else:
            files[name] = content
    return Form(fields, files)


def _boundary(content_type: str) -> bytes:
    head = Message()
    head["Content-Type"] = content_type
    boundary = head.get_boundary()
    if head.get_content_type() != "multipart/form-data" or not boundary:
        raise BrokenForm(f"the content type {content_type!r} is no form")
    return boundary.encode()


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[Message, bytes]]:
    line = b"\r\n--" + boundary
    before, *parts = (b"\r\n" + body).split(line)
    if before or not parts or parts.pop() not in {b"--", b"--\r\n"}:
        raise BrokenForm("the form is incomplete")
    for part in parts:
        head, blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not blank:
            raise BrokenForm("a part has no head")
        yield BytesParser().parsebytes(head, headersonly=True), content


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenForm("a field is no text") from error
