"""Output that cannot be encoded, or cannot be written, is no internal error (issue 12)."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
import segno

from mprelease.application import opened
from mprelease.cli.log_file import SharedLogFile
from mprelease.cli.qr import drawn, has_blocks
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Stage
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.security.private_files import create_private
from mprelease.services import apps, projects, releases
from mprelease.settings.settings import Settings
from mprelease.storage import logs

pytestmark = pytest.mark.lasting

LINE = "✔ 构建完成 🎉"
FULL = Path("/dev/full")


@pytest.fixture
def environment(tmp_path: Path, data: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MPRELEASE_DATA_DIR": str(data),
        "MPRELEASE_CONFIG": str(tmp_path / "none.toml"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "MPRELEASE_LANGUAGE": "en",
    }


@pytest.fixture
def release_id(data: Path, upload_key: str) -> int:
    application = opened(Settings(data_dir=data))
    services, who = application.services, Actor("林🎉")
    change = ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    projects.add(services, who, change)
    new = AppChange(
        name="小程序", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    apps.add(services, who, "web", Platform.WECHAT, new)
    number = releases.request(services, who, ReleaseRequest(app="小程序", kind=Kind.PREVIEW))
    with services.database.writing() as db:
        logs.append(db, number, [LogLine(Position(1, 1), 1, Stage.BUILD, LINE)])
    releases.cancel(services, who, number)
    application.close()
    return number


def run(
    environment: dict[str, str], *arguments: str, to: Path | None = None
) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "mprelease", *arguments]
    if to is None:
        return subprocess.run(command, env=environment, capture_output=True, check=False)
    with to.open("wb") as target:
        return subprocess.run(
            command, env=environment, stdout=target, stderr=subprocess.PIPE, check=False
        )


@pytest.mark.parametrize("encoding", ["gbk", "latin-1", "ascii", "utf-8"])
def test_a_character_that_an_encoding_lacks_is_written_as_an_escape(
    environment: dict[str, str], release_id: int, encoding: str
) -> None:
    """Issue 12, numbers 7 and 10."""
    narrow = environment | {"PYTHONIOENCODING": encoding, "MPRELEASE_LANGUAGE": "zh_CN"}
    log = run(narrow, "log", str(release_id))
    assert (log.returncode, log.stderr) == (0, b"")
    written = LINE.encode(encoding, "backslashreplace").decode(encoding)
    assert log.stdout.decode(encoding) == f"{written}\n"
    doctor = run(narrow, "doctor")
    assert doctor.returncode in {0, 1}
    assert b"UnicodeEncodeError" not in doctor.stderr
    listed = json.loads(run(narrow, "releases", "--json").stdout.decode(encoding))
    assert (listed[0]["app"], listed[0]["requested_by"]) == ("小程序", "林🎉")


def test_a_folder_whose_name_is_no_text_is_shown(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Issue 12, number 7."""
    folder = os.fsencode(tmp_path) + b"/\xc4\xe3"
    strict = environment | {"PYTHONIOENCODING": "utf-8:strict"}
    doctor = run({**strict, "MPRELEASE_DATA_DIR": os.fsdecode(folder)}, "doctor")
    assert b"UnicodeEncodeError" not in doctor.stderr
    assert b"\\udcc4" in doctor.stdout + doctor.stderr


def test_a_code_is_drawn_in_any_encoding() -> None:
    """Issue 12, number 10."""
    assert has_blocks("utf-8")
    assert not any(map(has_blocks, ("gbk", "latin-1", "ascii", "unknown")))
    image, code = BytesIO(), segno.make("x", error="m", micro=False)
    code.save(image, kind="png", scale=5, border=4)
    for colours, light in ((False, "##"), (True, "\x1b[7m  \x1b[0m")):
        drawing = drawn(image.getvalue(), blocks=False, colours=colours)
        assert drawing
        assert drawing.isascii()
        rows = [line.replace(light, "#").replace("  ", " ") for line in drawing.splitlines()]
        size = len(code.matrix)
        shown = [row[2 : 2 + size] for row in rows[2 : 2 + size]]
        assert shown == ["".join(" " if module else "#" for module in row) for row in code.matrix]
        assert {len(row) for row in rows} == {size + 4}


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("releases",), ("releases", "--json"), ("log", "{id}"), ()])
def test_output_that_cannot_be_written_is_one_sentence(
    environment: dict[str, str], release_id: int, arguments: tuple[str, ...], unbuffered: str
) -> None:
    """Issue 12, numbers 6 and 10."""
    words = [each.format(id=release_id) for each in arguments]
    mode = {"PYTHONUNBUFFERED": unbuffered}
    ended = run(environment | mode, *(words or ["--help"]), to=FULL)
    assert ended.returncode == 1
    message = ended.stderr.decode()
    assert message.startswith("The command's output cannot be written (No space left on device).")
    assert message.count("\n") == 1


def test_messages_that_cannot_be_written_change_no_result(environment: dict[str, str]) -> None:
    """Issue 12, number 6."""
    command = [sys.executable, "-m", "mprelease", "app", "show", "none"]
    with FULL.open("wb") as target:
        ended = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=target, check=False
        )
    assert (ended.returncode, ended.stdout) == (2, b"")


@pytest.mark.parametrize("arguments", [("backup", str(FULL)), ("backup", str(FULL), "--json")])
def test_a_file_that_cannot_be_written_is_named(
    environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    """Issue 12, numbers 6 and 10."""
    ended = run(environment, *arguments)
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines() == [
        "The file /dev/full cannot be written (No space left on device). Choose another path."
    ]
    assert ended.stdout == b""


def test_a_full_disk_below_any_other_file_is_no_internal_error(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Issue 12, number 6: where a command writes a file that it was not told to."""
    script = tmp_path / "full.py"
    script.write_text(
        "import errno, sys\n"
        "from mprelease import cli\n"
        "def full():\n"
        "    raise OSError(errno.ENOSPC, 'No space left on device', '/srv/data/x')\n"
        "cli.commands = lambda only: full\n"
        "cli.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"The file /srv/data/x cannot be written")


def test_a_private_file_is_created_as_a_whole_and_once(tmp_path: Path) -> None:
    """Issue 12, number 10: a kill left an empty password and an empty master key."""
    file = tmp_path / "secret"
    assert create_private(file, "first")
    assert not create_private(file, "second")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("first", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]
    with pytest.raises(UnicodeEncodeError):
        create_private(tmp_path / "other", "\udcc4")
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def test_the_log_of_errors_keeps_those_of_all_processes(tmp_path: Path) -> None:
    """Issue 12, numbers 10 and 33."""
    log = SharedLogFile(tmp_path / "error.log", largest=1 << 20, kept=1)
    for number in range(3):
        log.append(f"Traceback {number}\n")
    assert (tmp_path / "error.log").read_text().splitlines() == [
        "Traceback 0",
        "Traceback 1",
        "Traceback 2",
    ]
