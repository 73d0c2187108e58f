"""Compile the catalogs and bring the front end when the package is built or installed."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# What the pages load, and what it is called here. Tabler is MIT, htmx and idiomorph are 0BSD,
# Swagger UI is Apache-2.0.
_FRONTEND = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.css",
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "idiomorph/dist/idiomorph.esm.js": "idiomorph.js",
    "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui.js",
    "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui.js.LICENSE.txt",
}


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
    """Install the pinned packages of the pages from npm, and keep the files that they load."""
    source, target = root / "src/mprelease/web/frontend", root / "src/mprelease/web/static/vendor"
    lock = source / "package-lock.json"
    digest, stamp = hashlib.sha256(lock.read_bytes()).hexdigest(), target / ".installed"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        # Their install scripts are not needed: only files are taken.
        install = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        subprocess.run(install, cwd=folder, check=True)
        for path, name in _FRONTEND.items():
            shutil.copy(Path(folder) / "node_modules" / path, target / name)
    stamp.write_text(digest)


if __name__ == "__main__":
    compile_catalogs(Path(__file__).parent)
    bring_frontend(Path(__file__).parent)
