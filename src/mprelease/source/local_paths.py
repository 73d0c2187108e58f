"""Local repositories: the paths at which git looks for them, and which are allowed."""

import os
from pathlib import Path
from urllib.parse import unquote


def lies_in(url: str, folder: Path) -> bool:
    """Return whether git could find the local repository `url` at or below a folder."""
    return any(place.is_relative_to(folder.resolve()) for place in _places(url))


def is_near(url: str, parent: str) -> bool:
    """Return whether a local repository is a sibling of another one, or within its folder.

    Symbolic links are resolved. One within the folder may have been committed, so it must not refer
    to objects or settings of other folders.
    """
    home = _folder(_places(parent)[0])
    folders = {_folder(place) for place in _places(url)}
    return all(
        folder.parent == home.parent or (folder.is_relative_to(home) and _is_self_contained(folder))
        for folder in folders
    )


def _places(url: str) -> tuple[Path, ...]:
    """Return the paths that git tries, with links resolved: the path, and with each suffix."""
    path = unquote(url.removeprefix("file://")) if url.startswith("file://") else url
    return tuple(Path(f"{path.rstrip('/')}{ending}").resolve() for ending in _ENDINGS)


def _folder(place: Path) -> Path:
    return place.parent if place.name == ".git" else place


def _is_self_contained(folder: Path) -> bool:
    git_folder = folder / ".git"
    if not os.path.lexists(git_folder):
        git_folder = folder
    if git_folder.is_symlink() or git_folder.is_file():
        return False
    if not (git_folder / "HEAD").exists():
        return True
    for top, folders, files in os.walk(git_folder):
        names = (*folders, *files)
        if _REFERRING & {*files} or any(Path(top, name).is_symlink() for name in names):
            return False
    return True


_ENDINGS = ("", "/.git", ".git", ".git/.git")
# Files by which git finds objects and settings in other folders.
_REFERRING = {"alternates", "http-alternates", "commondir"}
