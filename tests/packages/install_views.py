"""What an install of a tree sees."""

from pathlib import Path

from mprelease.packages.install_plan import Install, find
from mprelease.packages.install_view import InstallRequest, InstallView, view_of


def installs(tree: Path) -> list[Install]:
    found = find(tree, ".", "20.0.0")
    assert found
    return [found]


def seen(tree: Path, command: str | None = None, globs: tuple[str, ...] = ()) -> InstallView:
    return view_of(InstallRequest(tree, installs(tree), command, globs))


def names(view: InstallView) -> set[str]:
    return {str(path) for path in view.files | view.manifests}
