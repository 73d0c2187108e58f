"""Create real git repositories for tests."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, str | bytes]


def make_repository(folder: Path, files: Files, message: str = "First commit") -> Path:
    """Make a repository with one commit on the branch main and return its folder."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, files, message)
    return folder


def commit(repository: Path, files: Files, message: str = "Change") -> str:
    """Write files, commit all changes in the folder, and return the commit's id."""
    for name, content in files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(repository, "rev-parse", "HEAD")


def switch(repository: Path, branch: str) -> None:
    """Check out a branch; create it at the current commit if it is new."""
    exists = git(repository, "branch", "--list", branch) != ""
    git(repository, "checkout", "--quiet", *([] if exists else ["-b"]), branch)


def add_submodule(repository: Path, path: str, url: str, commit_id: str) -> str:
    """Add a submodule without fetching it, commit, and return the commit's id."""
    # Without the folder, the next `git add --all` would remove the submodule.
    (repository / path).mkdir(parents=True, exist_ok=True)
    name = f"submodule.{path}"
    git(repository, "config", "--file", ".gitmodules", f"{name}.path", path)
    git(repository, "config", "--file", ".gitmodules", f"{name}.url", url)
    git(repository, "add", ".gitmodules")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{commit_id},{path}")
    git(repository, "commit", "--quiet", "--message", f"Add submodule {path}")
    return git(repository, "rev-parse", "HEAD")


def git(repository: Path, *arguments: str) -> str:
    """Run git in a repository and return its output without the last newline."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        # A test may have given the repository to another user.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_AUTHOR_NAME": "林 Author",
        "GIT_AUTHOR_EMAIL": "author@example.com",
        "GIT_AUTHOR_DATE": "2026-01-05T10:00:00+08:00",
        "GIT_COMMITTER_NAME": "Committer",
        "GIT_COMMITTER_EMAIL": "committer@example.com",
        "GIT_COMMITTER_DATE": "2026-01-05T12:00:00+08:00",
    }
    done = subprocess.run(
        ("git", *arguments), cwd=repository, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode(errors="replace").rstrip("\n")
