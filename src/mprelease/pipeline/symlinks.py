"""Links in what a build made: none may lead the vendor's tool to a file of ours."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem

# node-gyp leaves a link to the machine's Python beside every native module that it compiles.
_PROGRAMS = ("/usr/bin", "/usr/local/bin")
_MOST_LINKS = 40  # as Linux follows


def refuse_links_outside(
    folder: Path,
    tree: Path,
    shown: Path | None = None,
    on_link: Callable[[], None] = lambda: None,
) -> None:
    """Raise StageFailed when a folder of a tree, or a link below it, leads out of the tree.

    The tool that publishes runs with rights that the build never had, and follows links. Those in
    folders that a link leads to count as well; a link elsewhere in the tree concerns nobody.
    `shown` is where the commands that made the links have seen the tree. `on_link` is called for
    each of them, and may raise to end the work.
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
    """Remove every link below a folder that leads out of it, by itself or the next one, or nowhere.

    Platforms refuse packages with a link that leads nowhere. `on_link` is called for each of them,
    and may raise to end the work.
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
    """Tell whether a path is one of some folders or lies in one."""
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
    """Return where a path leads by all its links, with `shown` standing for `tree`.

    Where more links follow each other than the system would follow, return where the last one lies.
    Paths that turn out to be none are added to `no_links`, and not looked at again.
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
        # Anything else, such as a path that is too long, leaves open where it leads.
        if error.errno not in {errno.EINVAL, errno.ENOENT, errno.ENOTDIR}:
            raise
        return None


def _parts(path: str) -> list[str]:
    """Return the parts of a path that lead somewhere, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def refuse_outside(path: Path, tree: Path) -> None:
    """Raise StageFailed when a path in a tree leads out of it by a link on the way."""
    if not _lies_in(os.path.realpath(path), (os.path.realpath(tree),)):
        raise leads_outside(path, tree)


def names_a_program(link: Path) -> bool:
    """Tell whether a link leads to a program of the machine, which is harmless.

    Their folder is not: what is written below the link would be written there.
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
            continue  # Closed to us is closed to the tool.
        except OSError:
            # Too deep to be named, hence to be searched; no honest build needs such a folder.
            raise StageFailed(Problem.FOLDERS_TOO_DEEP) from None


def _lies_in(target: str, folders: tuple[str, ...]) -> bool:
    return any(target == folder or target.startswith(f"{folder}/") for folder in folders)
