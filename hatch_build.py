"""Compile the catalogs and bring the front end when the package is built or installed."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# What the pages load, and what it is called here. Tabler is MIT, htmx and idiomorph are 0BSD,
# Swagger UI is Apache-2.0.
_TABLER, _IDIOMORPH = "tabler.css", "idiomorph.js"
_FRONTEND = {
    "@tabler/core/dist/css/tabler.min.css": _TABLER,
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "idiomorph/dist/idiomorph.min.js": _IDIOMORPH,
    "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui.js",
    "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui.js.LICENSE.txt",
}


# In a folder of ours: the digest of what it was made from.
_STAMP = ".installed"


class BuildHook(BuildHookInterface[Any]):
    """Put what is made beside its sources, from where hatch takes it along."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile every catalog, and bring the front end."""
        compile_catalogs(Path(self.root))
        bring_frontend(Path(self.root))


def compile_catalogs(root: Path) -> None:
    """Compile each `.po` file of the package to the `.mo` file beside it."""
    for source in sorted((root / "src/mprelease/i18n/locales").glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as stream:
            catalog = read_po(stream)
        with source.with_suffix(".mo").open("wb") as stream:
            write_mo(stream, catalog)


def bring_frontend(root: Path) -> None:
    """Install the pinned packages of the pages from npm, and keep what the pages load of them.

    Of Tabler's styles those that no template or script of the pages names are left out: 9 of 10.
    """
    web = root / "src/mprelease/web"
    source, target = web / "frontend", web / "static/vendor"
    sources = [*sorted(source.glob("*.*")), *_with_styles(web), Path(__file__)]
    if _is_stamped(target, digest := _digest(sources)):
        return
    packages = _packages(source, root / ".cache/frontend")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path, name in _FRONTEND.items():
        shutil.copy(packages / path, target / name)
    with (target / _IDIOMORPH).open("a") as script:
        # The minified file, a quarter of the module, defines a global variable.
        script.write("export{Idiomorph};\n")
    _prune(packages, source, web, target / _TABLER)
    (target / _STAMP).write_text(digest)


def _packages(source: Path, folder: Path) -> Path:
    """Return the folder of the installed packages; install them if the lock file has changed."""
    lock = source / "package-lock.json"
    if not _is_stamped(folder, digest := _digest([lock])):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", lock.name):
            shutil.copy(source / name, folder)
        # Their install scripts are not needed: only files are taken.
        install = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        subprocess.run(install, cwd=folder, check=True)
        (folder / _STAMP).write_text(digest)
    return folder / "node_modules"


def _prune(packages: Path, source: Path, web: Path, styles: Path) -> None:
    """Remove from a style sheet what the pages do not use."""
    program, settings = packages / ".bin/purgecss", source / "purgecss.config.cjs"
    arguments = ("--config", settings, "--css", styles, "--output", styles)
    content = [path.relative_to(web) for path in _with_styles(web)]
    subprocess.run((program, *arguments, "--content", *content), cwd=web, check=True)


def _with_styles(web: Path) -> list[Path]:
    """Return the files that name classes and elements of pages."""
    patterns = ("templates/*.html", "static/*.js", "static/*.css", "*.py", "pages/*.py")
    return sorted(path for pattern in patterns for path in web.glob(pattern))


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _is_stamped(folder: Path, digest: str) -> bool:
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text() == digest


if __name__ == "__main__":
    compile_catalogs(Path(__file__).parent)
    bring_frontend(Path(__file__).parent)
