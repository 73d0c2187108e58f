"""JavaScript modules that hold logic, by Node's own test runner: one test for each of its files."""

import subprocess
from pathlib import Path

import pytest

from needs import needs

FOLDER = Path(__file__).parent
FILES = sorted(path.name for path in FOLDER.glob("*.test.mjs"))


@pytest.mark.parametrize("name", FILES)
@needs("node", "apt-get install -y nodejs")
def test_javascript(name: str) -> None:
    ended = subprocess.run(
        ("node", "--test", name), cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_module_with_logic_has_tests() -> None:
    tested = "".join((FOLDER / name).read_text(encoding="utf-8") for name in FILES)
    static = FOLDER.parents[1] / "src/mprelease/web/static"
    untested = {path.name for path in static.glob("*.js") if f"/{path.name}" not in tested}
    # Browsers alone have what these are about; end_to_end/ looks at them there.
    elements = {"live.js", "codes.js", "log.js", "log_view.js", "log_search.js", "notices.js"}
    elements |= {"home.js", "ref_box.js"}
    assert untested == elements | {"theme.js", "api-docs.js", "socket.js"}
