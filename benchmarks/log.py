"""Reading a long log, compared to reading the same lines from a plain file."""

import re
import subprocess
from pathlib import Path

from benchmarks import repository
from benchmarks.installation import Installation, installed, native
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, medians
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.storage import logs

_ROUNDS = 3
_LINES = 50_000
_LINES_PER_CHUNK = 500
_TARGET = Target(Of.ALONE, 1000)
_COLOURS = re.compile(r"\x1b\[\d+m")


def measure(folder: Path) -> list[Measurement]:
    """Read 50,000 lines from the database, and print them with the command line."""
    made = repository.make(folder / "repository", {"app.json": "{}"})
    with installed(folder, made, native()) as installation:
        release_id = installation.request()
        plain = folder / "plain.log"
        plain.write_text(
            "".join(f"{line.text}\n" for line in _written(installation, release_id)), "utf-8"
        )
        ours, theirs, printed, cat = medians(
            _ROUNDS,
            lambda: _refuse_loss(_read(installation, release_id)),
            lambda: _refuse_loss(plain.read_text("utf-8").splitlines()),
            lambda: _refuse_loss(installation.command("log", str(release_id)).splitlines()),
            lambda: _refuse_loss(_cat(plain).splitlines()),
        )
    return [
        Measurement("log of 50,000 lines, read", ours, "read_text().splitlines()", theirs, _TARGET),
        Measurement("log of 50,000 lines, mprelease log", printed, "cat", cat),
    ]


def _written(installation: Installation, release_id: int) -> list[LogLine]:
    lines = [_line(number) for number in range(1, _LINES + 1)]
    with installation.application.services.database.writing() as db:
        for first in range(0, _LINES, _LINES_PER_CHUNK):
            logs.append(db, release_id, lines[first : first + _LINES_PER_CHUNK])
    return lines


def _line(number: int) -> LogLine:
    text = f"\x1b[32m✔\x1b[0m src/pages/page-{number}/index.vue 编译完成 {number * 7919 % 1000} ms"
    return LogLine(Position(1, number), 1_795_320_000_000 + number, Stage.BUILD, text)


def _read(installation: Installation, release_id: int) -> list[str]:
    with installation.application.services.database.reading() as db:
        return [line.text for line in logs.after(db, release_id)]


def _cat(file: Path) -> str:
    return subprocess.run(("cat", str(file)), capture_output=True, text=True, check=True).stdout


def _refuse_loss(lines: list[str]) -> None:
    # The command line writes colours to a terminal only.
    last, expected = (_COLOURS.sub("", text) for text in (lines[-1], _line(_LINES).text))
    if len(lines) != _LINES or last != expected:
        raise InvalidMeasurement(f"{len(lines)} of {_LINES} lines came back")
