"""The command line: thin, in Chinese or English, and quick to explain itself."""

import os
import sys
import traceback

import typer

from mprelease import __version__
from mprelease.cli import (
    app,
    backup,
    demo,
    doctor,
    project,
    release,
    releases,
    serve,
    tools,
    user,
    worker,
)
from mprelease.cli.terminal import sanitized_streams
from mprelease.cli.translation import t
from mprelease.domain.errors import ProblemError, Refused
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.settings.environment import user_folder

_FAILED, _BAD_USE, _INTERRUPTED = 1, 2, 130


def main() -> None:
    """Run the command line; nobody sees a traceback."""
    # What we write is ours alone: logs, QR codes, the database.
    os.umask(0o077)
    with sanitized_streams():
        _run()


def _run() -> None:
    try:
        _refuse_what_is_no_text()
        commands()
    except ProblemError as error:
        sys.stderr.write(f"{t.of_problem(error.problem_detail)}\n")
        sys.exit(_BAD_USE if isinstance(error, Refused) else _FAILED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output (`| head`) has seen enough.
        sys.stderr.close()
        sys.exit(_FAILED)
    except Exception as error:  # noqa: BLE001 the last resort
        sys.exit(_told(error))


def _told(error: Exception) -> int:
    """Tell of a database that is away or busy, or of a mistake of ours; return the exit code.

    Whoever had something accepted before has turned the former into what ends with 1.
    """
    from mprelease.storage.outage import OUTAGE, problem_detail_of_outage

    if isinstance(error, OUTAGE):
        sys.stderr.write(f"{t.of_problem(problem_detail_of_outage(error))}\n")
        return _BAD_USE
    sys.stderr.write(f"{t.of_problem(ProblemDetail(Problem.INTERNAL, {'detail': repr(error)}))}\n")
    _keep("".join(traceback.format_exception(error)))
    return _FAILED


def _refuse_what_is_no_text() -> None:
    for argument in sys.argv[1:]:
        if not argument.isascii() and argument.encode(errors="replace").decode() != argument:
            shown = argument.encode(errors="replace").decode()
            raise Refused(Problem.NOT_TEXT, argument=shown)


def _keep(trace: str) -> None:
    file = user_folder("XDG_STATE_HOME", ".local/state") / "error.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(trace, encoding="utf-8")
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
    """Hold the options of the whole."""


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
    commands.command(help=t("cli.doctor"))(doctor.doctor)
    commands.command(help=t("cli.demo"))(demo.demo)
    return commands


commands = _assembled()
