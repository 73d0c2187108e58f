"""The first stage: fetch the release's ref, and place exactly its commit in the workspace."""

from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.pipeline.job_secrets import access_of
from mprelease.pipeline.run import Run, Source
from mprelease.source.checkout import fetch, forget, place
from mprelease.source.git import Git
from mprelease.source.mirror import ResolvedRef
from mprelease.source.repository import Repository


def fetch_ref(run: Run, git: Git) -> ResolvedRef:
    """Fetch the release's ref, and record its commit; raise StageFailed."""
    fetched = fetch(git, repository_of(run), run.job.release.ref)
    run.fetched, run.commit = fetched, fetched.commit
    run.source = _source(run, fetched)
    run.recorder.checked_out(fetched.commit)
    run.log(f"{fetched.commit.id[:12]} {fetched.commit.subject} ({fetched.commit.author})")
    return fetched


def place_commit(run: Run, git: Git, fetched: ResolvedRef) -> None:
    """Make the tree contain the fetched commit; raise StageFailed."""
    _forget_others(run)
    place(git, repository_of(run), fetched, run.workspace.tree, run.uid)
    _refuse_wrong_folder(run)


def place_anew(run: Run) -> None:
    """Make the tree contain the run's commit, and nothing of what was there; raise StageFailed."""
    assert run.fetched is not None
    forget(run.workspace.tree)
    place_commit(run, git_of(run), run.fetched)


def repository_of(run: Run) -> Repository:
    """Return the repository of a run, with its access."""
    return Repository(run.job.project.repository, access_of(run.job))


def git_of(run: Run) -> Git:
    """Return git with the limits of the checkout stage, from now on."""
    return Git(
        run.machine.layout.mirrors,
        run.machine.environment,
        stop=run.stop,
        on_line=run.log,
        time_limit=run.seconds(Stage.CHECKOUT),
        disk_limit=run.machine.limits.resources.disk,
        memory_limit=run.machine.limits.resources.memory,
        words=run.machine.words,
    )


def _source(run: Run, fetched: ResolvedRef) -> Source:
    """Return the trust of the code: that of its branch; a tag or commit id has one of its own."""
    default = run.job.project.default_branch
    trust = f"branch {fetched.branch}" if fetched.branch else f"commit {fetched.commit.id}"
    return Source(trust, fetched.tree_id, fetched.branch == default, f"branch {default}")


def _forget_others(run: Run) -> None:
    """Recreate the tree if code of another trust was built in it before.

    git compares files by size and time, so an earlier build could have set modification times that
    mislead the caches of the next one.
    """
    assert run.source is not None
    tree = run.workspace.tree
    note = _note(tree)
    if not note.is_file() or note.read_text(encoding="utf-8") != run.source.trust:
        forget(tree)
        note.write_text(run.source.trust, encoding="utf-8")


def _note(tree: Path) -> Path:
    return tree.with_name("trust")


def _refuse_wrong_folder(run: Run) -> None:
    directory = run.job.app.build.directory
    if not run.folder.is_dir():
        raise StageFailed(Problem.DIRECTORY_MISSING, directory=directory)
    if not run.folder.resolve().is_relative_to(run.workspace.tree.resolve()):
        raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=directory)
