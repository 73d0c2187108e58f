"""The command line, in Chinese or English; heavy modules are imported by the commands only."""

import errno
import os
import sys
import traceback

import typer

from mprelease import __version__
from mprelease.cli import (
    app,
    backup,
    cleanup,
    demo,
    doctor,
    healthcheck,
    project,
    release,
    releases,
    serve,
    tools,
    user,
    worker,
)
from mprelease.cli.log_file import SharedLogFile
from mprelease.cli.terminal import sanitized_streams
from mprelease.cli.translation import t
from mprelease.domain.errors import ProblemError, Refused
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.settings.environment import user_folder

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_LARGEST_ERROR_LOG = 1 << 20
_FAILED, _BAD_USE, _INTERRUPTED = 1, 2, 130


def main() -> None:
    """Run the command line and exit; errors are shown as messages, without tracebacks."""
    # Files that we write are private: logs, QR codes, the database.
    os.umask(0o077)
    with sanitized_streams():
        _run()


def _run() -> None:
    try:
        try:
            _refuse_undecodable_arguments()
            commands()
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


def _assembled() -> typer.Typer:
    commands = typer.Typer(
        name="mprelease",
        help=t("cli.mprelease"),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    commands.callback()(_root)
    commands.add_typer(project.commands, name="project")
    commands.add_typer(app.commands, name="app")
    commands.command(help=t("cli.preview"))(release.preview)
    commands.command(help=t("cli.upload"))(release.upload)
    commands.command(help=t("cli.again"))(release.again)
    commands.command(help=t("cli.cancel"))(releases.cancel)
    commands.command(help=t("cli.releases"))(releases.releases)
    commands.command(help=t("cli.log"))(releases.log)
    commands.add_typer(releases.resolving, name="release")
    commands.command(help=t("cli.serve"))(serve.serve)
    commands.add_typer(user.commands, name="user")
    commands.command(help=t("cli.worker"))(worker.worker)
    commands.add_typer(worker.commands, name="workers")
    commands.add_typer(tools.commands, name="tools")
    commands.command(help=t("cli.backup"))(backup.backup)
    commands.command(help=t("cli.restore"))(backup.restore)
    commands.command(help=t("cli.cleanup"))(cleanup.cleanup)
    commands.command(help=t("cli.doctor"))(doctor.doctor)
    commands.command(help=t("cli.healthcheck"))(healthcheck.healthcheck)
    commands.command(help=t("cli.demo"))(demo.demo)
    return commands


commands = _assembled()
