"""Links in what a build made: none may lead the vendor's tool to a file of ours."""

import os
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem


def refuse_links_outside(folder: Path, tree: Path) -> None:
    """Raise StageFailed when a link below a folder leads out of the tree.

    The tool that publishes runs with rights that the build never had, and follows links.
    """
    root = tree.resolve()
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=str(path.relative_to(folder)))
