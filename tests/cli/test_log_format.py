"""The two formats of mprelease's own log."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from mprelease import log_context
from mprelease.cli.log_file import SharedLogFile
from mprelease.cli.log_format import formatter
from mprelease.domain.logs import LogFormat

SERVER = """
import logging
from mprelease.cli.startup import log_to_stderr, opening
with opening() as application:
    log_to_stderr(application.settings.log_format)
    logging.getLogger("mprelease.web").warning("one %s", "line")
    logging.getLogger("uvicorn.error").warning("two")
    logging.getLogger("uvicorn.error").info("not told")
"""


def record(message: str = "no\nspace", error: Exception | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, None) if error else None
    return logging.LogRecord("mprelease.web", logging.ERROR, "f", 1, message, (), exc_info)


def test_a_record_is_one_line_of_json_with_what_it_is_about() -> None:
    with log_context.about_release(17):
        text = formatter(LogFormat.JSON).format(record(error=ValueError("不行")))
    assert "\n" not in text
    fields = json.loads(text)
    assert fields.pop("time").endswith("Z")
    assert fields == {
        "level": "error",
        "logger": "mprelease.web",
        "message": "no\nspace",
        "release": 17,
        "exception": "ValueError: 不行",
    }
    assert "release" not in json.loads(formatter(LogFormat.JSON).format(record()))


def test_text_names_the_request_before_the_traceback() -> None:
    token = log_context.request_id.set("4bf9")
    try:
        text = formatter(LogFormat.TEXT).format(record("failed", ValueError("x")))
    finally:
        log_context.request_id.reset(token)
    first, *rest = text.splitlines()
    assert first.endswith(" ERROR mprelease.web: failed [request 4bf9]")
    assert rest == ["ValueError: x"]
    assert "request" not in formatter(LogFormat.TEXT).format(record("failed"))


def test_lines_in_the_file_stay_json_whatever_they_say(tmp_path: Path) -> None:
    handler = SharedLogFile(tmp_path / "log", largest=10_000, kept=1)
    handler.setFormatter(formatter(LogFormat.JSON))
    handler.emit(record('\x1b[2J\x9b31m\r\u202e\u2028"\\'))
    [line] = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["level"] == "error"


@pytest.mark.lasting
@pytest.mark.parametrize("chosen", ["json", "text"])
def test_the_setting_decides_about_both_places(tmp_path: Path, chosen: str) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "MPRELEASE_DATA_DIR": str(tmp_path / "data"),
        "MPRELEASE_CONFIG": str(tmp_path / "none.toml"),
        "MPRELEASE_LOG_FORMAT": chosen,
    }
    ended = subprocess.run(
        [sys.executable, "-c", SERVER], env=environment, capture_output=True, text=True, check=True
    )
    shown, kept = ended.stderr, (tmp_path / "data" / "mprelease.log").read_text()
    if chosen == "json":
        assert [json.loads(line)["message"] for line in shown.splitlines()] == ["one line", "two"]
        assert [json.loads(line)["logger"] for line in kept.splitlines()] == ["mprelease.web"]
    else:
        assert [line.split(" WARNING ")[1] for line in shown.splitlines()] == ["one line", "two"]
        assert kept.endswith(" WARNING mprelease.web: one line\n")
