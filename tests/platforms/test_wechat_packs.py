"""What npm packages were packed to is used again, and nothing else of the project."""

import json
from pathlib import Path

import pytest

from mprelease.domain.releases import Kind
from mprelease.platforms.driver import OwnProgress, PublishOrder
from mprelease.simulator.wechat import WeChat
from publishing import Publishing, write_files
from test_wechat_results import PACKAGES, Releases

pytestmark = pytest.mark.slow
# A package that is copied as it is, one with a dependency of its own, and one that was committed.
PROJECT = {
    **PACKAGES,
    "package.json": json.dumps(
        {"name": "shop", "version": "1.0.0", "dependencies": {"dep": "1.0.0", "kit": "1.0.0"}}
    ),
    "node_modules/dep/package.json": json.dumps(
        {"name": "dep", "version": "1.0.0", "main": "lib", "dependencies": {"inner": "1.0.0"}}
    ),
    "node_modules/dep/lib/index.js": "module.exports = require('inner') + require('../package')",
    "node_modules/inner/package.json": '{"name":"inner","version":"1.0.0"}',
    "node_modules/inner/index.js": "module.exports = 'inner'",
    "node_modules/kit/package.json": '{"name":"kit","version":"1.0.0","miniprogram":"dist"}',
    "node_modules/kit/dist/button.js": "Component({})",
    "node_modules/kit/dist/button.json": '{"component":true}',
    "node_modules/kit/dist/button.wxml": "<view/>",
    "miniprogram_npm/old/index.js": "module.exports = 'committed'",
    "pages/a.js": "require('dep'); require('old'); Page({})",
    "pages/a.json": '{"usingComponents":{"x":"kit/button"}}',
}


@pytest.fixture
def releases(wechat_tool: Path, order: PublishOrder, tmp_path: Path) -> Releases:
    write_files(order.built, PROJECT)
    return Releases(wechat_tool, order, tmp_path / "releases")


def has_packed(publishing: Publishing) -> bool:
    notes = [each.message.id for each in publishing.events if isinstance(each, OwnProgress)]
    return "log.npm_packed" in notes


def test_kept_packs_are_sent_as_a_plain_call_sends_them(
    releases: Releases, wechat: WeChat, order: PublishOrder
) -> None:
    plain = releases.made(pack_npm=True, kind=Kind.PREVIEW)
    packs = releases.packs
    kept = releases.made(pack_npm=True, kind=Kind.PREVIEW, packs=packs)
    assert [has_packed(each) for each in (plain, kept)] == [True, False]
    first, second = (one.files for one in wechat.received)
    assert first == second
    assert {"miniprogram_npm/dep/index.js", "miniprogram_npm/kit/button.js"} <= second.keys()
    assert "miniprogram_npm/old/index.js" not in second, "the tool removes what was committed"
    # The rest of the project is its own.
    write_files(order.built, {"pages/a.js": "require('dep'); Page({ changed: true })"})
    assert not has_packed(releases.made(pack_npm=True, kind=Kind.PREVIEW, packs=packs))
    assert b"changed" in wechat.received[-1].files["pages/a.js"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null\nx",
        b'[["miniprogram_npm/dep/index.js",9]]\nshort',
        b'[["app.js",4]]\nevil',
        b'[["../evil.js",4]]\nevil',
        b'[["miniprogram_npm/../../evil.js",4]]\nevil',
        b'[["/tmp/miniprogram_npm/evil.js",4]]\nevil',
    ],
)
def test_unusable_packs_are_made_anew(
    content: bytes, releases: Releases, wechat: WeChat, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(content)
    assert has_packed(releases.made(pack_npm=True, kind=Kind.PREVIEW, packs=kept))
    files = wechat.received[-1].files
    assert "miniprogram_npm/dep/index.js" in files
    assert b"evil" not in files["app.js"]
    assert not list(releases.folder.rglob("evil.js"))


@pytest.mark.parametrize(
    "changes",
    [
        {"node_modules/dep/lib/index.js": "module.exports = require('../../../pages/shared')"},
        {"node_modules/dep/package.json": '{"name":"dep","main":"../../pages/shared.js"}'},
    ],
)
def test_packs_of_other_files_are_not_written(
    changes: dict[str, str], releases: Releases, order: PublishOrder
) -> None:
    write_files(order.built, {"pages/shared.js": "module.exports = 1", **changes})
    assert has_packed(releases.made(pack_npm=True, kind=Kind.PREVIEW))
    assert not releases.packs.exists()


def test_with_a_list_of_its_own_a_project_is_packed_each_time(
    releases: Releases, order: PublishOrder
) -> None:
    relation = {"packageJsonPath": "package.json", "miniprogramNpmDistDir": "."}
    setting = {"packNpmManually": True, "packNpmRelationList": [relation]}
    config = json.loads((order.built / "project.config.json").read_text())
    write_files(order.built, {"project.config.json": json.dumps({**config, "setting": setting})})
    releases.made(pack_npm=True, kind=Kind.PREVIEW)
    assert not releases.packs.exists()
