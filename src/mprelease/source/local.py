"""Local repositories: where on this machine's disk git looks, and which places are allowed."""

import os
from pathlib import Path
from urllib.parse import unquote


def lies_in(url: str, folder: Path) -> bool:
    """Tell whether git could find the local repository `url` in a folder or below it."""
    return any(place.is_relative_to(folder.resolve()) for place in _places(url))


def is_near(url: str, parent: str) -> bool:
    """Tell whether a local repository lies beside or below the folder of another one.

    Symbolic links count as what they lead to. What lies below may have come in by a commit, so
    it must not borrow from other folders either.
    """
    home = _folder(_places(parent)[0])
    folders = {_folder(place) for place in _places(url)}
    return all(
        folder.parent == home.parent or (folder.is_relative_to(home) and _is_self_contained(folder))
        for folder in folders
    )


def _places(url: str) -> tuple[Path, ...]:
    """Return where git looks, links followed: at the path, and with each ending that it adds."""
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
        if _BORROWING & {*files} or any(Path(top, name).is_symlink() for name in names):
            return False
    return True


_ENDINGS = ("", "/.git", ".git", ".git/.git")
# By these files git finds objects, and settings, in other folders.
_BORROWING = {"alternates", "http-alternates", "commondir"}
