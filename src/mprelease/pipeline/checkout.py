"""The first stage: fetch the one ref, and place exactly its commit in the workspace."""

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.projects import ProjectSecret
from mprelease.domain.releases import Stage
from mprelease.pipeline.run import Run
from mprelease.source.access import Access
from mprelease.source.checkout import fetch, place
from mprelease.source.git import Git
from mprelease.source.repository import Repository
from mprelease.workspace.dependencies import MODULES


def checkout(run: Run) -> bool:
    """Bring the tree to the commit of the release's ref."""
    secrets = run.job.project_secrets
    access = Access(secrets.get(ProjectSecret.GIT_TOKEN), secrets.get(ProjectSecret.SSH_KEY))
    repository = Repository(run.job.project.repository, access)
    git = Git(
        run.workshop.layout.mirrors,
        run.workshop.environment,
        stop=run.stop,
        on_line=run.say,
        time_limit=run.seconds(Stage.CHECKOUT),
    )
    fetched = fetch(git, repository, run.job.release.ref)
    run.commit = fetched.commit
    run.recorder.checked_out(fetched.commit)
    run.say(f"{fetched.commit.id[:12]} {fetched.commit.subject} ({fetched.commit.author})")
    place(git, repository, fetched, run.workspace.tree, keep=(MODULES,))
    _refuse_wrong_folder(run)
    return False


def _refuse_wrong_folder(run: Run) -> None:
    directory = run.job.app.build.directory
    if not run.folder.is_dir():
        raise StageFailed(Problem.DIRECTORY_MISSING, directory=directory)
    if not run.folder.resolve().is_relative_to(run.workspace.tree.resolve()):
        raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=directory)
