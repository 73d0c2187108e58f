"""Check links in a build's output: none may lead the vendor's tool out of it."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem

# node-gyp creates a link to the machine's Python next to every native module that it compiles.
_PROGRAMS = ("/usr/bin", "/usr/local/bin")
_MOST_LINKS = 40  # the limit of Linux


def refuse_links_outside(
    folder: Path,
    tree: Path,
    shown: Path | None = None,
    on_link: Callable[[], None] = lambda: None,
) -> None:
    """Raise StageFailed(LINK_LEADS_OUTSIDE) if a folder of a tree, or a link below it, does so.

    The publishing tool follows links, and has access to files that the build had not. Links in
    folders that a link leads to are checked too; other links in the tree are not relevant. `shown`
    is the tree's path for the commands that created the links. `on_link` is called for each link,
    and may raise to stop.
    """
    refuse_outside(folder, tree)
    tree = Path(os.path.realpath(tree))
    no_links: set[str] = set()
    ahead, seen = [os.path.realpath(folder)], set[str]()
    while ahead:
        here = ahead.pop()
        if _is_below(here, seen):
            continue
        seen.add(here)
        for link in links_below(Path(here)):
            on_link()
            target = destination(link, tree, shown or tree, no_links)
            if not _may_lead_to(target, tree):
                raise leads_outside(Path(link), tree)
            if not _is_below(target, seen) and _is_folder_of(target, tree):
                ahead.append(target)


def remove_useless_links(folder: Path, on_link: Callable[[], None] = lambda: None) -> None:
    """Remove all links below a folder that are broken or lead out of it, also through other links.

    Platforms refuse packages with broken links. `on_link` is called for each link, and may raise
    to stop.
    """
    place = Path(os.path.realpath(folder))
    no_links: set[str] = set()
    useless = []
    for link in links_below(place):
        on_link()
        target = destination(link, place, place, no_links)
        if not _may_lead_to(target, place) or not os.path.lexists(target):
            useless.append(link)
    for link in useless:
        Path(link).unlink()


def _is_below(path: str, folders: set[str]) -> bool:
    """Return whether a path is one of some folders, or is in one."""
    while path:
        if path in folders:
            return True
        path = path.rpartition("/")[0]
    return False


def _may_lead_to(target: str, tree: Path) -> bool:
    return _lies_in(target, (str(tree),)) or names_a_program(Path(target))


def _is_folder_of(target: str, tree: Path) -> bool:
    return _lies_in(target, (str(tree),)) and os.path.isdir(target)  # noqa: PTH112 (as below)


def destination(link: str, tree: Path, shown: Path, no_links: set[str]) -> str:
    """Resolve all links of a path; absolute targets below `shown` are mapped to `tree`.

    After more links than the system would follow, return the path of the last one. `no_links` is a
    cache of paths that are not links.
    """
    found, ahead, followed = "", _parts(link), 0
    while ahead:
        part = ahead.pop()
        step = found.rpartition("/")[0] if part == ".." else f"{found}/{part}"
        target = None if part == ".." or step in no_links else _link_text(step)
        if target is None:
            no_links.add(step)
            found = step
            continue
        followed += 1
        if followed > _MOST_LINKS:
            return step
        if target.startswith("/"):
            found = ""
            if Path(target).is_relative_to(shown):
                target = str(tree / Path(target).relative_to(shown))
        ahead += _parts(target)
    return found or "/"


def _link_text(path: str) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115 (there may be very many)
    except OSError as error:
        # After any other error, such as a path that is too long, the target is unknown.
        if error.errno not in {errno.EINVAL, errno.ENOENT, errno.ENOTDIR}:
            raise
        return None


def _parts(path: str) -> list[str]:
    """Return the parts of a path without empty ones and ".", in reverse order."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def refuse_outside(path: Path, tree: Path) -> None:
    """Raise StageFailed(LINK_LEADS_OUTSIDE) if links in a path of a tree lead out of it."""
    if not _lies_in(os.path.realpath(path), (os.path.realpath(tree),)):
        raise leads_outside(path, tree)


def names_a_program(link: Path) -> bool:
    """Return whether a link leads to a program of the machine, which is harmless.

    A link to their folder is not: files written below the link would be written there.
    """
    programs = tuple(os.path.realpath(each) for each in _PROGRAMS)
    target = os.path.realpath(link)
    return _lies_in(target, programs) and os.path.isfile(target)  # noqa: PTH113 (as elsewhere here)


def leads_outside(path: Path, tree: Path) -> StageFailed:
    """Return the failure of a path that leads out of its tree."""
    return StageFailed(Problem.LINK_LEADS_OUTSIDE, path=os.path.relpath(path, tree))


def links_below(folder: Path) -> Iterator[str]:
    """Yield every link below a folder; none is followed.

    Raise StageFailed for a folder that cannot be searched.
    """
    folders = [str(folder)]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        yield entry.path
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except PermissionError:
            continue  # The tool cannot read it either.
        except OSError:
            # The path is too long to be searched; no regular build needs such a folder.
            raise StageFailed(Problem.FOLDERS_TOO_DEEP) from None


def _lies_in(target: str, folders: tuple[str, ...]) -> bool:
    return any(target == folder or target.startswith(f"{folder}/") for folder in folders)
