"""The command line, in Chinese or English; heavy modules are imported by the commands only."""

import errno
import gc
import os
import sys
import traceback
from importlib import import_module

import typer

from mprelease import __version__
from mprelease.cli.log_file import SharedLogFile
from mprelease.cli.terminal import sanitized_streams
from mprelease.cli.translation import t
from mprelease.domain.errors import ProblemError, Refused
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.settings.environment import disable_pydantic_plugins, user_folder

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_LARGEST_ERROR_LOG = 1 << 20
_FAILED, _BAD_USE, _INTERRUPTED = 1, 2, 130
# In the order of the help: each command and group, with its module and its name there.
_COMMANDS = {
    "project": ("project", "commands"),
    "app": ("app", "commands"),
    "preview": ("release", "preview"),
    "upload": ("release", "upload"),
    "again": ("release", "again"),
    "cancel": ("releases", "cancel"),
    "releases": ("releases", "releases"),
    "log": ("releases", "log"),
    "release": ("releases", "resolving"),
    "serve": ("serve", "serve"),
    "user": ("user", "commands"),
    "worker": ("worker", "worker"),
    "workers": ("worker", "commands"),
    "tools": ("tools", "commands"),
    "backup": ("backup", "backup"),
    "restore": ("backup", "restore"),
    "cleanup": ("cleanup", "cleanup"),
    "doctor": ("doctor", "doctor"),
    "healthcheck": ("healthcheck", "healthcheck"),
    "demo": ("demo", "demo"),
}


def main() -> None:
    """Run the command line and exit; errors are shown as messages, without tracebacks."""
    # Files that we write are private: logs, QR codes, the database.
    os.umask(0o077)
    # While modules are imported nothing becomes garbage; `opening` enables it.
    gc.disable()
    disable_pydantic_plugins()
    try:
        with sanitized_streams():
            _run()
    finally:
        # The end of the process frees the modules: searching them for garbage takes a tenth of it.
        gc.freeze()


def _run() -> None:
    try:
        try:
            _refuse_undecodable_arguments()
            commands(_typed(sys.argv[1:]))()
        finally:
            sys.stdout.flush()
    except ProblemError as error:
        sys.stderr.write(f"{t.of_problem(error.problem_detail)}\n")
        sys.exit(_BAD_USE if isinstance(error, Refused) else _FAILED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has ended, as in `| head`.
        sys.stderr.close()
        sys.exit(_FAILED)
    except Exception as error:  # noqa: BLE001 the last resort
        sys.exit(_report(error))


def _report(error: Exception) -> int:
    """Report an unusable database, a full disk, or a bug with its traceback; return the exit code.

    If a release was accepted before, `after_acceptance` has turned the former into exit code 1.
    """
    from mprelease.storage.outage import OUTAGE, problem_detail_of_outage

    if isinstance(error, OUTAGE):
        sys.stderr.write(f"{t.of_problem(problem_detail_of_outage(error))}\n")
        return _BAD_USE
    if isinstance(error, OSError) and error.errno in _FULL:
        sys.stderr.write(f"{t.of_problem(_full_disk(error))}\n")
        return _FAILED
    sys.stderr.write(f"{t.of_problem(ProblemDetail(Problem.INTERNAL, {'detail': repr(error)}))}\n")
    _write_traceback("".join(traceback.format_exception(error)))
    return _FAILED


def _full_disk(error: OSError) -> ProblemDetail:
    if error.filename is None:
        return ProblemDetail(Problem.DISK_FULL)
    words = {"file": str(error.filename), "detail": error.strerror or str(error)}
    return ProblemDetail(Problem.FILE_UNWRITABLE, words)


def _refuse_undecodable_arguments() -> None:
    for argument in sys.argv[1:]:
        if not argument.isascii() and argument.encode(errors="replace").decode() != argument:
            shown = argument.encode(errors="replace").decode()
            raise Refused(Problem.NOT_TEXT, argument=shown)


def _write_traceback(trace: str) -> None:
    file = user_folder("XDG_STATE_HOME", ".local/state") / "error.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        SharedLogFile(file, largest=_LARGEST_ERROR_LOG, kept=1).append(trace)
        sys.stderr.write(f"{file}\n")
    except OSError:
        sys.stderr.write(trace)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False,
        "--version",
        callback=_version,
        is_eager=True,
        help=t("option.show_version"),
    ),
) -> None:
    """Define the options of the program itself."""


def commands(only: str | None = None) -> typer.Typer:
    """Return all commands, or `only` that one, without importing what the others need."""
    made = typer.Typer(
        name="mprelease",
        help=t("cli.mprelease"),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_root)
    for name in [only] if only else _COMMANDS:
        module, attribute = _COMMANDS[name]
        command = getattr(import_module(f"mprelease.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            made.add_typer(command, name=name)
        else:
            made.command(name, help=t(f"cli.{name}"))(command)
    return made


def _typed(arguments: list[str]) -> str | None:
    """Return the command of a command line; None if all must be known, e.g. for a proposal."""
    first = arguments[0] if arguments else ""
    completes = any(name.endswith("_COMPLETE") for name in os.environ)
    return first if first in _COMMANDS and not completes else None
