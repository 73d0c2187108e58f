"""A file that was asked for is there whole, or not at all and with a word (issue 12, number 10)."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import segno

from mprelease.cli.output_file import refuse_unwritable, write_atomically
from mprelease.domain.errors import Refused
from mprelease.domain.releases import Stage
from mprelease.remote import api_client

pytestmark = pytest.mark.lasting

Call = Callable[..., Any]

RELEASE = {
    **dict.fromkeys(("ref", "requested_by", "description"), "x"),
    "id": 7,
    "app": "shop",
    "platform": "wechat",
    "kind": "upload",
    "state": "succeeded",
    "environment": "production",
    "robot": 1,
    "attempt": 1,
    "compile_settings": {},
    "warnings": [],
    **dict.fromkeys(("version", "start_page", "query", "scene", "commit", "sizes", "error")),
    **dict.fromkeys(("failed_stage", "ref_name", "started_at", "ended_at")),
    "created_at": "2026-11-23T00:00:00Z",
    "stages": [
        {"name": name, "state": "succeeded", "started_at": None, "ended_at": None, "cached": False}
        for name in Stage
    ],
}
NO_CODE = {"problem": "no_qr_code", "message": "There is none.", "remedy": "Make one."}
LOG = {"items": [], "is_over": True, "next": {"attempt": 0, "line": 0}}
Codes = list[tuple[int, str, bytes]]


def picture() -> bytes:
    image = BytesIO()
    segno.make("https://example.com").save(image, kind="png", scale=4)
    return image.getvalue()


PICTURE = picture()
FOUND = (200, "image/png", PICTURE)
BAD_GATEWAY = (502, "text/html", b"<h1>Bad Gateway</h1>")


@contextmanager
def serving(codes: Codes) -> Iterator[str]:
    """A server whose release has ended; asked for its code, it answers so, at last for ever so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.answer(202, "application/json", json.dumps(RELEASE).encode())

        def do_GET(self) -> None:
            if self.path.endswith("/qr-code"):
                self.answer(*(codes.pop(0) if len(codes) > 1 else codes[0]))
            elif "/log" in self.path:
                self.answer(200, "application/json", json.dumps(LOG).encode())
            elif "/live" in self.path:
                self.answer(404, "text/plain", b"")
            else:
                self.answer(200, "application/json", json.dumps(RELEASE).encode())

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def uploaded(call: Call, monkeypatch: pytest.MonkeyPatch, codes: Codes, *more: str) -> Any:
    monkeypatch.setattr(api_client, "_BETWEEN_TRIES", 0.01)
    with serving(codes) as url:
        monkeypatch.setenv("MPRELEASE_SERVER", url)
        monkeypatch.setenv("MPRELEASE_TOKEN", "token")
        monkeypatch.setenv("LANG", "en_US.UTF-8")
        return call("upload", "shop", *more)


def test_a_code_is_asked_for_again_after_a_bad_gateway(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "code.png"
    codes = [BAD_GATEWAY, BAD_GATEWAY, FOUND]
    answer = uploaded(call, monkeypatch, codes, "--qr-code", str(file))
    assert (answer.code, file.read_bytes()) == (0, PICTURE), answer.err


SPOILT = {
    "a bad gateway": BAD_GATEWAY,
    "a page of something between": (200, "text/html", b"<h1>Log in</h1>"),
    "an error of the server": (500, "text/plain", b"no"),
    "no code": (404, "application/json", json.dumps(NO_CODE).encode()),
}


@pytest.mark.parametrize("code", SPOILT.values(), ids=SPOILT.keys())
@pytest.mark.parametrize("before", [None, b"an older code"])
def test_without_a_code_there_is_no_file_but_a_word_and_an_exit_code(
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    code: tuple[int, str, bytes],
    before: bytes | None,
) -> None:
    file = tmp_path / "codes" / "code.png"
    if before:
        file.parent.mkdir()
        file.write_bytes(before)
    answer = uploaded(call, monkeypatch, [code], "--qr-code", str(file), "--json")
    assert answer.code == 1
    assert len(answer.err.strip().splitlines()) == 1
    assert json.loads(answer.out)["state"] == "succeeded"
    assert json.loads(answer.out)["qr_code"] is None
    assert (file.read_bytes() if file.exists() else None) == before
    assert [each.name for each in file.parent.iterdir()] == (["code.png"] if before else [])


def test_a_code_that_nobody_asked_for_is_a_word_and_no_failure(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = uploaded(call, monkeypatch, [BAD_GATEWAY])
    assert (answer.code, "Do not release again" in answer.err) == (0, True)


def test_half_a_picture_does_not_break_the_command(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = uploaded(call, monkeypatch, [(200, "image/png", PICTURE[:60])])
    assert answer.code == 0, answer.err


def test_what_refuses_a_file_leaves_none(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "new" / "code.png")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(Refused):
        refuse_unwritable(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(Refused):
        refuse_unwritable(tmp_path / "file" / "code.png")


def test_a_file_is_replaced_as_a_whole_and_keeps_its_mode_and_its_links(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"before")
    file.chmod(0o644)
    link.symlink_to("file")
    write_atomically(link, b"after")
    assert link.is_symlink()
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"after", 0o644)
    write_atomically(Path("/dev/null"), b"gone")
    assert not Path("/dev/null").is_file()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", b"no")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder", "link"]
