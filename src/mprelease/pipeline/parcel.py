"""What is handed to the vendor's tool: a copy of what was built, in a folder of the tool's own.

A copy and no hard links: tools write into what they publish, and a second name would change the
files' change time, by which git and the kept dependencies tell that nobody has touched them.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mprelease.pipeline.links import inside, leads_outside, names_a_program, refuse_links_outside
from mprelease.process.tree import Stop
from mprelease.workspace.dependencies import MODULES, module_folders

_LEFT_OUT = frozenset({MODULES, ".git"})
_CHUNK = 16 * 2**20


@contextmanager
def packed(
    built: Path, tree: Path, scratch: Path, *, with_modules: bool, stop: Stop
) -> Iterator[Path]:
    """Copy the built folder of a tree into a private one during the block; yield the copy.

    Version control and dependencies stay where they are. Where the tool needs dependencies, or a
    link leads to something else in the tree, all of the tree is copied, and the dependencies lie
    in the copy until the end of the block. Raise StageFailed(LINK_LEADS_OUTSIDE).
    """
    built, tree, place = built.resolve(), tree.resolve(), scratch / "project"
    if not with_modules and _is_complete(built):
        _Copier(built, place, stop).copy(built)
        yield place
        return
    refuse_links_outside(built, tree)
    _Copier(tree, place, stop).copy(tree)
    with ExitStack() as lent:
        for folder in list(module_folders(tree)):
            lent.enter_context(_lent(folder, place / folder.relative_to(tree)))
        yield place / built.relative_to(tree)


def _is_complete(built: Path) -> bool:
    """Tell whether every link in a folder leads to something that is copied with it."""
    for folder, folders, files in os.walk(built):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for link in (Path(folder, name) for name in (*folders, *files)):
            if link.is_symlink() and not _leads_to_a_copy(link, built):
                return False
    return True


def _leads_to_a_copy(link: Path, built: Path) -> bool:
    target = inside(link, built)
    return target is not None and _LEFT_OUT.isdisjoint(target.parts)


@dataclass(frozen=True)
class _Copier:
    """Copies a folder to a place, and follows no link while it does.

    In mode "user" the builder's user id may still write to the tree, from another workspace's
    build: whatever takes the place of a file or folder meanwhile must not lead us elsewhere.
    """

    top: Path
    place: Path
    stop: Stop

    def copy(self, folder: Path) -> None:
        for path, folders, files, descriptor in os.fwalk(folder):
            here = Path(path)
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
            (self.place / here.relative_to(self.top)).mkdir(mode=0o700)
            for name in (*folders, *(name for name in files if name not in _LEFT_OUT)):
                self._copy_entry(here / name, descriptor)
            self.stop.raise_if_asked()

    def _copy_entry(self, source: Path, descriptor: int) -> None:
        target = self.place / source.relative_to(self.top)
        mode = os.stat(source.name, dir_fd=descriptor, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            target.symlink_to(self._destination(source, target))
        elif stat.S_ISREG(mode):
            self._copy_file(source.name, descriptor, target)

    def _destination(self, link: Path, copied: Path) -> str:
        # Straight to the end: what lies on the way may not have been copied.
        target = inside(link, self.top)
        if target is not None:
            return os.path.relpath(self.place / target, copied.parent)
        if names_a_program(link):
            return os.path.realpath(link)
        raise leads_outside(link, self.top)

    def _copy_file(self, name: str, descriptor: int, target: Path) -> None:
        # Without O_NONBLOCK a pipe that has taken the file's place would hold us up.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            source = os.open(name, flags, dir_fd=descriptor)
        except PermissionError:
            return  # Closed to us is closed to the tool.
        with os.fdopen(source, "rb") as reader, target.open("xb") as writer:
            while os.sendfile(writer.fileno(), reader.fileno(), None, _CHUNK):
                self.stop.raise_if_asked()


@contextmanager
def _lent(folder: Path, place: Path) -> Iterator[None]:
    """Put a folder of dependencies elsewhere during the block; renaming changes none of its files.

    Should this process die in between, the next install finds them missing and installs again.
    """
    try:
        folder.rename(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copytree(folder, place, symlinks=True)  # the scratch folder is on another disk
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            place.rename(folder)
