"""Run git under supervision, independent of the machine's configuration."""

import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.i18n import Language, Translator
from mprelease.process.command import Command
from mprelease.process.copying import plain_entries
from mprelease.process.limits import LimitName, ResourceLimits
from mprelease.process.line_splitter import LastLines
from mprelease.process.programs import GIT
from mprelease.process.supervisor_protocol import MEBI
from mprelease.process.tree import Stop, run
from mprelease.source.git_errors import failure_in
from mprelease.source.repository import host_of

_NOTHING: Mapping[str, str] = {}


class Git:
    """Runs the git commands of one checkout.

    `mirrors` is the folder of all mirrors, in the data folder. `environment` is passed to git:
    PATH, proxies, CA certificates. `on_line` gets git's output, from a reader thread. `words`
    translates mprelease's own lines in it, by default into English. `time_limit` applies to all
    commands together, in seconds since the construction.
    """

    def __init__(
        self,
        mirrors: Path,
        environment: Mapping[str, str],
        *,
        stop: Stop,
        on_line: Callable[[str], None],
        time_limit: float,
        disk_limit: int | None = None,
        memory_limit: int | None = None,
        words: Translator | None = None,
    ) -> None:
        """Start the time limit; the other limits are in MiB.

        `disk_limit` applies to what one command writes into a tree or a mirror: a small commit can
        contain any number of files of any size, and a host can send any amount of data.
        """
        self.mirrors = mirrors
        self._words = words or Translator(Language.ENGLISH)
        self.on_line = on_line
        self._environment = {**environment, **_QUIET}
        self._stop = stop
        self._time_limit = time_limit
        self._disk_limit = disk_limit
        self._memory_limit = memory_limit
        self._deadline = time.monotonic() + time_limit

    def with_listener(self, on_line: Callable[[str], None]) -> "Git":
        """Return a copy with another listener and the same deadline."""
        other = copy(self)
        other.on_line = on_line
        return other

    def note(self, message: Message) -> None:
        """Add a translated line to git's output."""
        self.on_line(self._words.of(message))

    def note_problem(self, problem_detail: ProblemDetail) -> None:
        """Add a translated problem, with its remedy, to git's output."""
        self.on_line(self._words.of_problem(problem_detail))

    def has(self, program: str) -> bool:
        """Return whether a program is on git's PATH."""
        return shutil.which(program, path=self._environment.get("PATH")) is not None

    def run(
        self,
        folder: Path,
        *arguments: str,
        environment: Mapping[str, str],
        repository: str,
        tree: Path | None = None,
        answer_seconds: float | None = None,
    ) -> None:
        """Run a git command that may take long on the git folder `folder`.

        `tree` is the working tree if it writes one; `answer_seconds` is the time that the host has
        for a short answer. Raise the reason of a stop, StageFailed with TIME_LIMIT,
        GIT_HOST_SILENT, DISK_LIMIT or MEMORY_LIMIT, and for any other failure the StageFailed
        that matches git's output; `repository` is named in it.
        """
        self.raise_if_over()
        left = max(self._deadline - time.monotonic(), _LEAST_TIME)
        last = LastLines(_LINES_FOR_DIAGNOSIS)
        command = Command(
            arguments=("git", *arguments),
            folder=folder,
            environment={**self._of(folder), **environment},
            time_limit=left if answer_seconds is None else min(left, answer_seconds),
            limits=ResourceLimits(memory=self._memory_limit, disk=self._disk(folder, tree)),
            disk_folders=(tree or folder,),
            # The host may not be trusted, and git unpacks what it sends in memory.
            expendable=True,
        )
        exit_ = run(command, stop=self._stop, on_line=lambda line: self._filter(line, last))
        self._stop.raise_if_asked()
        if exit_.timed_out:
            self.raise_if_over()
            if answer_seconds is not None:
                host, seconds = host_of(repository), int(answer_seconds)
                raise StageFailed(Problem.GIT_HOST_SILENT, host=host, seconds=seconds)
            raise self._too_late()
        if exit_.limit is LimitName.MEMORY:
            raise StageFailed(Problem.MEMORY_LIMIT, mebibytes=self._memory_limit or 0)
        if exit_.limit or exit_.code == _FILE_TOO_LARGE or (exit_.code and _has_filled(command)):
            raise StageFailed(Problem.DISK_LIMIT, mebibytes=self._disk_limit or 0)
        if exit_.code == _NOT_FOUND:
            raise _no_git()
        if exit_.code != 0:
            raise failure_in(list(last), repository)

    def output(
        self,
        folder: Path,
        *arguments: str,
        repository: str,
        environment: Mapping[str, str] = _NOTHING,
    ) -> bytes:
        """Return the standard output of a short git command; raise StageFailed if it fails."""
        # Without a supervisor: such a command takes milliseconds, starts no other process and needs
        # no network; its output contains file names as bytes, which are not valid text.
        with tempfile.TemporaryFile() as tool_error:
            try:
                process = subprocess.Popen(
                    ("git", *arguments),
                    cwd=folder,
                    env={**self._of(folder), **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=tool_error,
                    # Ctrl-C in a terminal must stop mprelease, not make git fail.
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise _no_git() from error
            answer = self._answer(process)
            if process.returncode != 0:
                tool_error.seek(0)
                error_text = tool_error.read(_LONGEST_ERROR).decode(errors="replace")
                raise failure_in(error_text.splitlines(), repository)
        return answer

    def _answer(self, process: "subprocess.Popen[bytes]") -> bytes:
        """Return the output of a process; kill it if that is too large, or takes too long."""
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(_TIME_FOR_READING, end)
        timer.start()
        unregister_stop = self._stop.on_ask(process.kill)
        try:
            with process:
                assert process.stdout
                answer = process.stdout.read(_LONGEST_ANSWER + 1)
                if len(answer) > _LONGEST_ANSWER:
                    process.kill()
        finally:
            timer.cancel()
            unregister_stop()
        self._stop.raise_if_asked()
        if is_late.is_set():
            raise self._too_late()
        if len(answer) > _LONGEST_ANSWER:
            raise StageFailed(Problem.COMMIT_TOO_LARGE)
        return answer

    def raise_if_over(self) -> None:
        """Raise the reason of a stop, or StageFailed(TIME_LIMIT) after the deadline."""
        self._stop.raise_if_asked()
        if time.monotonic() > self._deadline:
            raise self._too_late()

    def refuse_more_than_limit(self, size: int) -> None:
        """Raise StageFailed(DISK_LIMIT) if `size` bytes exceed the disk limit."""
        if self._disk_limit is not None and size > self._disk_limit * MEBI:
            raise StageFailed(Problem.DISK_LIMIT, mebibytes=self._disk_limit)

    def _disk(self, folder: Path, tree: Path | None) -> int | None:
        """Return the limit (MiB) of the folder to be written; a mirror's present size is added."""
        if self._disk_limit is None:
            return None
        return self._disk_limit + (0 if tree else _size_of(folder) // MEBI)

    def _of(self, folder: Path) -> Mapping[str, str]:
        return {**self._environment, "GIT_DIR": str(folder)}

    def _filter(self, line: str, last: LastLines) -> None:
        if not _PROGRESS.search(line):
            last.add(line)
            if not _OMITTED.search(line):
                self.on_line(line.rstrip(" \t\r\n"))  # names may end with other white space

    def _too_late(self) -> StageFailed:
        return StageFailed(Problem.TIME_LIMIT, seconds=int(self._time_limit))


# An empty GIT_ASKPASS also disables SSH_ASKPASS: git must not prompt.
_QUIET: Mapping[str, str] = {
    "GIT_ASKPASS": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": str(Path(__file__).with_name("gitconfig")),
    "LC_ALL": "C",
}
_LINES_FOR_DIAGNOSIS = 100
_NOT_FOUND = 127
_LEAST_TIME = 0.001
_ROOM = 2**20
_TIME_FOR_READING = 60
# Bytes: half a million files.
_LONGEST_ANSWER = 64 * 2**20
_LONGEST_ERROR = 64 * 2**10
_FILE_TOO_LARGE = 128 + signal.SIGXFSZ
# Intermediate states of progress bars; the final line of a phase ("…, done.") is kept.
_PROGRESS = re.compile(
    r"^(remote: )?[A-Z][A-Za-z ]+: +\d+(% \(\d+/\d+\))?(, [\d.]+ \w+( \| [\d.]+ \w+/s)?)?\s*$"
)
# Lines with the mirror's internal names of refs, and errors while trying a name as branch and tag.
_OMITTED = re.compile(r"^From |^ [ *+t=-] |^fatal: couldn't find remote ref |^\s*$")


def _has_filled(command: Command) -> bool:
    """Return whether the folders of a failed command have reached its disk limit.

    git reports only that one of its child processes has ended.
    """
    most = command.limits.disk
    if most is None:
        return False
    return sum(map(_size_of, command.disk_folders)) > most * MEBI - _ROOM


def _size_of(folder: Path) -> int:
    return sum(state.st_blocks * 512 for _, state in plain_entries(folder))


def _no_git() -> StageFailed:
    return StageFailed(Problem.TOOL_MISSING, tool=GIT.name, version=GIT.oldest_text)
