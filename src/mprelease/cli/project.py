"""`mprelease project …`: manage repositories and the credentials for them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mprelease.cli import board, show, startup
from mprelease.cli.options import Json, ProjectName, spread
from mprelease.cli.translation import t
from mprelease.cli.worker_queries import ask
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.schemas.projects import NewProject, ProjectChange

commands = typer.Typer(no_args_is_help=True, help=t("cli.project"))

TokenFile = Annotated[Path | None, typer.Option(metavar="FILE", help=t("option.git_token_file"))]
KeyFile = Annotated[Path | None, typer.Option(metavar="FILE", help=t("option.ssh_key_file"))]
NpmrcFile = Annotated[Path | None, typer.Option(metavar="FILE", help=t("option.npmrc_file"))]


@commands.command(help=t("cli.project.add"))
@spread
def add(
    name: ProjectName,
    git_token_file: TokenFile = None,
    ssh_key_file: KeyFile = None,
    npmrc_file: NpmrcFile = None,
    json: Json = False,
    *,
    given: NewProject,
) -> None:
    """Add a project."""
    from mprelease.services import projects

    secrets = _secrets(git_token_file, ssh_key_file, npmrc_file)
    new = given.with_(name=name, secrets=secrets)
    with startup.opening() as application:
        project = projects.add(application.services, startup.me(), new)
    _done("cli.project.added", project, json=json)


commands.command("board", help=t("cli.project.board"))(board.of_project)


@commands.command(help=t("cli.project.edit"))
@spread
def edit(
    name: ProjectName,
    new_name: Annotated[str | None, typer.Option("--name", help=t("option.new_name"))] = None,
    git_token_file: TokenFile = None,
    ssh_key_file: KeyFile = None,
    npmrc_file: NpmrcFile = None,
    json: Json = False,
    *,
    given: ProjectChange,
) -> None:
    """Change a project."""
    from mprelease.services import projects

    secrets = _secrets(git_token_file, ssh_key_file, npmrc_file)
    change = given.with_(name=new_name, secrets=secrets)
    with startup.opening() as application:
        edited = projects.edit(application.services, startup.me(), name, change)
    _done("cli.project.edited", edited.project, json=json)
    if edited.removed:
        typer.echo(t("project.secrets_removed"), err=True)


@commands.command("list", help=t("cli.project.list"))
def list_(json: Json = False) -> None:
    """List all projects."""
    from mprelease.storage import projects

    with startup.reading() as db:
        found = projects.every(db)
    if json:
        show.as_json([show.plain(project) for project in found])
    else:
        columns = ("name", "repository", "default_branch")
        show.table(columns, [[p.name, p.repository, p.default_branch] for p in found])


@commands.command("show", help=t("cli.project.show"))
def show_(name: ProjectName, json: Json = False) -> None:
    """Show one project."""
    from mprelease.services import projects

    with startup.opening() as application, application.services.database.reading() as db:
        project = projects.get(db, name)
        secrets = projects.kept_secrets(db, project)
    show.record({**show.plain(project), "secrets": secrets}, json=json)


@commands.command(help=t("cli.project.refs"))
def refs(name: ProjectName, json: Json = False) -> None:
    """List the branches and tags of a project's repository."""
    facts = _answer(WorkerQuery(WorkerQueryKind.REFS, name))
    if json:
        show.as_json(facts)
    else:
        branches = [[t("ref.branches"), ref] for ref in facts["branches"]]
        tags = [[t("ref.tags"), ref] for ref in facts["tags"]]
        show.table(("kind", "ref"), branches + tags)


@commands.command(help=t("cli.project.commits"))
def commits(
    name: ProjectName,
    ref: Annotated[str | None, typer.Option("--ref", help=t("option.ref"))] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help=t("option.limit"))] = 20,
    json: Json = False,
) -> None:
    """List the newest commits of a branch, tag or commit."""
    from mprelease.services import projects
    from mprelease.source.repository import check_ref

    with startup.opening() as application, application.services.database.reading() as db:
        wanted = check_ref(ref or projects.get(db, name).default_branch)
    found = _answer(WorkerQuery(WorkerQueryKind.COMMITS, name, {"ref": wanted, "count": limit}))[
        "commits"
    ]
    if json:
        show.as_json(found)
    else:
        columns = ("commit", "by", "subject")
        show.table(columns, [[c["id"][:12], c["author"], c["subject"]] for c in found])


@commands.command(help=t("cli.project.remove"))
def remove(name: ProjectName) -> None:
    """Remove a project."""
    from mprelease.services import projects

    with startup.opening() as application:
        projects.remove(application.services, startup.me(), name)
    typer.echo(t("cli.project.removed", name=name))


def _answer(query: WorkerQuery) -> dict[str, Any]:
    from mprelease.services import worker_queries

    with startup.opening() as application:
        return ask(application, worker_queries.label_of(application.services, query.subject), query)


def _secrets(token: Path | None, key: Path | None, npmrc: Path | None) -> dict[ProjectSecret, str]:
    files = {
        ProjectSecret.GIT_TOKEN: token,
        ProjectSecret.SSH_KEY: key,
        ProjectSecret.NPMRC: npmrc,
    }
    return {name: startup.text(file) for name, file in files.items() if file}


def _done(message: str, project: Project, *, json: bool) -> None:
    if json:
        show.as_json(show.plain(project))
    else:
        typer.echo(t(message, name=project.name))
