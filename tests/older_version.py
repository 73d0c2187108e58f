"""The source of an older version, from git: rolling updates are promised from it on."""

import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from needs import lack

ROOT = Path(__file__).parents[1]
# Tables and columns were renamed with it: docs/operating.md, "Changes of the tables".
OLDEST = "b138a2303f36b6f4e2014a27468ac515a82825d9"
OLDEST_REVISION = "0010"


def older_source(folder: Path) -> Path:
    """Unpack the oldest version that may run beside this one, and return what PYTHONPATH needs."""
    archive = subprocess.run(
        ["git", "archive", OLDEST, "src/mprelease"], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode != 0:
        # CI may have been given one commit alone, and no host to fetch others from.
        lack("the history of this repository: git fetch --unshallow", in_ci=False)
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    source = folder / "src"
    for catalog in (source / "mprelease/i18n/locales").rglob("*.po"):
        with catalog.open("rb") as stream, catalog.with_suffix(".mo").open("wb") as compiled:
            write_mo(compiled, read_po(stream))
    # What pages load is not in git; these have the same names.
    vendor = "mprelease/web/static/vendor"
    shutil.copytree(ROOT / "src" / vendor, source / vendor)
    return source
