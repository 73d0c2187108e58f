"""Attacks that once succeeded: each with a real release, in the modes in which it did."""

import json
import os
import re
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from needs import needs
from repositories import commit, make_repository, switch
from sandbox_modes import MODES, give_folder, in_mode

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]
root = needs("root", "run the tests as root", there=os.geteuid() == 0)
bwrap = needs("bwrap", "apt-get install -y bubblewrap")

PAGE = {
    "app.json": json.dumps({"pages": ["pages/a/a"]}),
    "app.js": "App({})",
    "pages/a/a.js": "Page({})",
    "pages/a/a.wxml": "<view/>",
    "project.config.json": json.dumps({"compileType": "miniprogram", "appid": APP_ID}),
}
# Deeper than Python goes into itself, and longer in all than a path may be for the kernel.
DEEP = """
const fs = require("fs");
for (const place of [process.env.HOME, process.env.TMPDIR, __dirname]) {
  process.chdir(place);
  for (let depth = 0; depth < 1100; depth++) { fs.mkdirSync("deep"); process.chdir("deep"); }
}
"""


def shop(
    working: CommandLine, folder: Path, files: dict[str, str], build: str = "node build.cjs"
) -> Path:
    """A native mini program with a build of its own."""
    repository = make_repository(folder / "shop", {**PAGE, **files})
    give_folder(working)
    # What was built before would prove nothing.
    working.has_app(repository, "--build-command", build, "--output", ".", "--always-build")
    return repository


@root
@bwrap
@pytest.mark.parametrize("mode", MODES)
def test_folders_of_any_depth_spoil_the_releases_of_their_own_branch_alone(
    mode: str, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = in_mode(cli, mode, monkeypatch)
    manifest = {"name": "shop", "scripts": {"postinstall": "node build.cjs"}}
    repository = shop(working, tmp_path, {"build.cjs": ""})
    switch(repository, "evil")
    commit(repository, {"build.cjs": DEEP})
    switch(repository, "evil-install")
    commit(repository, {"package.json": json.dumps(manifest)})
    switch(repository, "main")
    give_folder(working)
    working.must("preview", "shop")
    for branch in ("evil", "evil-install"):
        error = working.run("preview", "shop", "--ref", branch, "--json").json["error"]
        assert error["problem"] == "folders_too_deep", error
        working.must("preview", "shop")


@root
@bwrap
def test_no_dependency_is_written_to_where_a_build_has_laid_a_link(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = in_mode(cli, "bwrap", monkeypatch)
    modules = "packages/a/node_modules/planted"
    manifest = {
        "name": "shop",
        "scripts": {"postinstall": f"mkdir -p {modules}; touch {modules}/x"},
    }
    build = "const fs = require('fs'); fs.renameSync('packages/a', 'packages/b');"
    files = {
        "package.json": json.dumps(manifest),
        "packages/a/package.json": "{}",
        "build.cjs": f"{build} fs.symlinkSync('/usr/local/bin', 'packages/a')",
    }
    shop(working, tmp_path, files)
    assert working.run("preview", "shop", "--json").json["error"]["problem"] == "link_leads_outside"
    assert not Path("/usr/local/bin/node_modules").exists()


@root
def test_no_cache_is_moved_to_where_a_build_has_laid_a_link(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = in_mode(cli, "user", monkeypatch)
    ours = tmp_path / "ours"
    ours.mkdir()
    build = f"""
        const fs = require("fs");
        try {{
            fs.rmSync("../caches/0", {{recursive: true}});
            fs.symlinkSync("{ours}", "../caches/0");
        }} catch (error) {{ console.log(error.code); }}
    """
    files = {
        "package.json": json.dumps({"name": "shop", "dependencies": {"x": "file:x"}}),
        "x/package.json": json.dumps({"name": "x", "version": "1.0.0"}),
        "build.cjs": build,
    }
    shop(working, tmp_path, files)
    working.must("preview", "shop")
    assert "EACCES" in working.log()
    assert list(ours.iterdir()) == []


MEMORY = """
const fs = require("fs");
const lines = fs.readFileSync("/proc/self/mounts", "utf8").split("\\n");
const mounts = lines.map((line) => line.split(" "));
// A later mount covers an earlier one at the same place.
for (const [place, kind] of new Map(mounts.map((each) => [each[1], each[2]]))) {
  if (kind !== "tmpfs") continue;
  try { fs.writeFileSync(`${place}/file`, ""); } catch { continue; }
  const { blocks, bsize } = fs.statfsSync(place);
  console.log(`WRITABLE ${place} ${blocks * bsize / 2 ** 20}`);
}
"""


@root
@bwrap
@pytest.mark.parametrize("mode", ["bwrap", "ordinary"])
def test_what_a_build_can_write_to_memory_has_a_limit(
    mode: str, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = in_mode(cli, mode, monkeypatch)
    shop(working, tmp_path, {"build.cjs": MEMORY})
    working.must("preview", "shop")
    found = re.findall(r"WRITABLE (\S+) (\d+)", working.log())
    assert sorted(place for place, _ in found) == ["/dev/shm", "/var/tmp"]
    assert all(int(size) <= 256 for _, size in found)
