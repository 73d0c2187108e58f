"""`mprelease project …`: repositories and how they are reached."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mprelease.cli import opening, show
from mprelease.cli.asking import ask
from mprelease.cli.options import Json, ProjectName
from mprelease.cli.words import say
from mprelease.domain.errands import Errand, ErrandKind
from mprelease.domain.projects import Project, ProjectSecret

commands = typer.Typer(no_args_is_help=True, help=say("cli.project"))

Repository = Annotated[str, typer.Option(help=say("option.repository"))]
Branch = Annotated[str | None, typer.Option("--branch", help=say("option.branch"))]
TokenFile = Annotated[Path | None, typer.Option(metavar="FILE", help=say("option.git_token_file"))]
KeyFile = Annotated[Path | None, typer.Option(metavar="FILE", help=say("option.ssh_key_file"))]
NpmrcFile = Annotated[Path | None, typer.Option(metavar="FILE", help=say("option.npmrc_file"))]


@commands.command(help=say("cli.project.add"))
def add(
    name: ProjectName,
    repository: Repository,
    branch: Branch = None,
    git_token_file: TokenFile = None,
    ssh_key_file: KeyFile = None,
    npmrc_file: NpmrcFile = None,
    json: Json = False,
) -> None:
    """Add a project."""
    from mprelease.services import projects

    secrets = _secrets(git_token_file, ssh_key_file, npmrc_file)
    new = projects.ProjectChange(name, repository, branch, secrets)
    with opening.opening() as application:
        project = projects.add(application.house, opening.me(), new)
    _done("cli.project.added", project, json=json)


@commands.command(help=say("cli.project.edit"))
def edit(
    name: ProjectName,
    new_name: Annotated[str | None, typer.Option("--name", help=say("option.new_name"))] = None,
    repository: Annotated[str | None, typer.Option(help=say("option.repository"))] = None,
    branch: Branch = None,
    git_token_file: TokenFile = None,
    ssh_key_file: KeyFile = None,
    npmrc_file: NpmrcFile = None,
    json: Json = False,
) -> None:
    """Change a project."""
    from mprelease.services import projects

    secrets = _secrets(git_token_file, ssh_key_file, npmrc_file)
    change = projects.ProjectChange(new_name, repository, branch, secrets)
    with opening.opening() as application:
        edited = projects.edit(application.house, opening.me(), name, change)
    _done("cli.project.edited", edited.project, json=json)
    if edited.removed:
        typer.echo(say("project.secrets_removed"), err=True)


@commands.command("list", help=say("cli.project.list"))
def list_(json: Json = False) -> None:
    """List all projects."""
    from mprelease.storage import projects

    with opening.opening() as application, application.house.database.reading() as db:
        found = projects.every(db)
    if json:
        show.as_json([show.plain(project) for project in found])
    else:
        columns = ("name", "repository", "default_branch")
        show.table(columns, [[p.name, p.repository, p.default_branch] for p in found])


@commands.command("show", help=say("cli.project.show"))
def show_(name: ProjectName, json: Json = False) -> None:
    """Show one project."""
    from mprelease.services import projects

    with opening.opening() as application, application.house.database.reading() as db:
        project = projects.found(db, name)
        secrets = projects.kept_secrets(db, project)
    show.record({**show.plain(project), "secrets": secrets}, json=json)


@commands.command(help=say("cli.project.refs"))
def refs(name: ProjectName, json: Json = False) -> None:
    """List the branches and tags of a project's repository."""
    facts = _asked(Errand(ErrandKind.REFS, name))
    if json:
        show.as_json(facts)
    else:
        branches = [[say("ref.branches"), ref] for ref in facts["branches"]]
        tags = [[say("ref.tags"), ref] for ref in facts["tags"]]
        show.table(("kind", "ref"), branches + tags)


@commands.command(help=say("cli.project.commits"))
def commits(
    name: ProjectName,
    ref: Annotated[str | None, typer.Option("--ref", help=say("option.ref"))] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help=say("option.limit"))] = 20,
    json: Json = False,
) -> None:
    """List the newest commits of a branch, tag or commit."""
    from mprelease.services import projects
    from mprelease.source.repository import check_ref

    with opening.opening() as application, application.house.database.reading() as db:
        wanted = check_ref(ref or projects.found(db, name).default_branch)
    found = _asked(Errand(ErrandKind.COMMITS, name, {"ref": wanted, "count": limit}))["commits"]
    if json:
        show.as_json(found)
    else:
        columns = ("commit", "by", "subject")
        show.table(columns, [[c["id"][:12], c["author"], c["subject"]] for c in found])


@commands.command(help=say("cli.project.remove"))
def remove(name: ProjectName) -> None:
    """Remove a project."""
    from mprelease.services import projects

    with opening.opening() as application:
        projects.remove(application.house, opening.me(), name)
    typer.echo(say("cli.project.removed", name=name))


def _asked(errand: Errand) -> dict[str, Any]:
    from mprelease.services import errands

    with opening.opening() as application:
        return ask(application, errands.label_of(application.house, errand.subject), errand)


def _secrets(token: Path | None, key: Path | None, npmrc: Path | None) -> dict[ProjectSecret, str]:
    files = {
        ProjectSecret.GIT_TOKEN: token,
        ProjectSecret.SSH_KEY: key,
        ProjectSecret.NPMRC: npmrc,
    }
    return {name: opening.text(file) for name, file in files.items() if file}


def _done(message: str, project: Project, *, json: bool) -> None:
    if json:
        show.as_json(show.plain(project))
    else:
        typer.echo(say(message, name=project.name))
