"""A small but real native mini program in a git repository of its own, for the demo."""

import shutil
import subprocess
from pathlib import Path

_FILES = Path(__file__).with_name("sample_files")
_IDENTITY = ("-c", "user.name=mprelease", "-c", "user.email=mprelease@example.invalid")


def make_sample(folder: Path) -> Path:
    """Return a repository with the sample on its branch `main`; it is made when it is not there."""
    if not (folder / ".git").is_dir():
        shutil.copytree(_FILES, folder, dirs_exist_ok=True)
        _git(folder, "init", "--quiet", "--initial-branch=main")
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message=feat: 一周的日历")
    return folder


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", *_IDENTITY, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )
