"""A kept result is sent as the tool would compile it again, and only where it still holds."""

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mprelease.domain.releases import Kind
from mprelease.platforms.driver import OwnProgress, PublishOrder
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from publishing import APP_ID, Publishing, accepted, failed, write_files

pytestmark = pytest.mark.slow
PACKAGES = {
    "package.json": '{"name":"shop","version":"1.0.0","dependencies":{"dep":"1.0.0"}}',
    "node_modules/dep/package.json": '{"name":"dep","version":"1.0.0","main":"index.js"}',
    "node_modules/dep/index.js": "module.exports = 'packed'",
    "pages/a.js": "require('dep'); Page({})",
    "pages/a.wxss": ".a { display: flex }",
}


@dataclass
class Releases:
    """Releases of one project, each by a process of its own in a new folder."""

    tool: Path
    order: PublishOrder
    folder: Path
    count: int = 0

    def made(
        self,
        kept: Path | None = None,
        files: Path | None = None,
        packs: Path | None = None,
        **changes: object,
    ) -> Publishing:
        """Publish a copy of the project, with a copy of a result; return the conversation."""
        self.count += 1
        scratch = self.folder / str(self.count)
        shutil.copytree(self.order.built, scratch / "project")
        for name, given in (("kept", kept), ("files", files), ("packs", packs)):
            if given:
                shutil.copyfile(given, scratch / name)
        order = replace(
            self.order,
            scratch=scratch,
            built=scratch / "project",
            kept_result=scratch / "kept" if kept else None,
            new_result=scratch / "new",
            kept_files=scratch / "files" if files else None,
            new_files=scratch / "new-files",
            kept_packs=scratch / "packs" if packs else None,
            new_packs=scratch / "new-packs",
            **changes,
        )
        publishing = Publishing(self.tool, scratch / "tools")
        publishing.publish(order)
        return publishing

    @property
    def files(self) -> Path:
        """The file with the results of single files that the last process has written."""
        return self.folder / str(self.count) / "new-files"

    @property
    def packs(self) -> Path:
        """The file with npm packs that the last process has written."""
        return self.folder / str(self.count) / "new-packs"

    @property
    def result(self) -> Path:
        """The file that the last process has written."""
        return self.folder / str(self.count) / "new"


@pytest.fixture
def releases(wechat_tool: Path, order: PublishOrder, tmp_path: Path) -> Releases:
    return Releases(wechat_tool, order, tmp_path / "releases")


def has_compiled(publishing: Publishing) -> bool:
    notes = [each.message.id for each in publishing.events if isinstance(each, OwnProgress)]
    return "log.compiled_before" not in notes


@pytest.mark.parametrize("pack_npm", [False, True])
def test_a_kept_result_is_sent_as_a_plain_call_sends_it(
    pack_npm: bool, releases: Releases, wechat: WeChat, order: PublishOrder
) -> None:
    write_files(order.built, {n: t for n, t in PACKAGES.items() if pack_npm or "dep" not in t})
    plain = releases.made(pack_npm=pack_npm, kind=Kind.PREVIEW)
    kept = releases.made(pack_npm=pack_npm, kept=releases.result)
    assert [has_compiled(each) for each in (plain, kept)] == [True, False]
    assert not releases.result.exists(), "there is nothing new to keep"
    first, second = wechat.received
    assert first.files == second.files
    assert (first.kind, second.kind) == (Kind.PREVIEW, Kind.UPLOAD)
    assert ("miniprogram_npm/dep/index.js" in second.files) is pack_npm
    assert b"=>" not in second.files["app.js"], "it was compiled"


def test_a_result_is_not_used_after_what_it_was_based_on_has_changed(
    releases: Releases, wechat: WeChat
) -> None:
    releases.made()
    header, content = releases.result.read_bytes().split(b"\n", 1)
    facts = json.loads(header)
    for name, value in (("tool", "2.1.41"), ("attributes", {}), ("extensions", [".js"])):
        kept = releases.folder / name
        changed = {**facts, "basis": {**facts["basis"], name: value}}
        kept.write_bytes(json.dumps(changed).encode() + b"\n" + content)
        assert has_compiled(releases.made(kept=kept))
        assert releases.result.read_bytes().split(b"\n", 1)[0] == header
    assert len({json.dumps(sorted(each.files)) for each in wechat.received}) == 1


@pytest.mark.parametrize("content", [b"", b"{}\n", b"null\nx", b'{"files":[["app.js",5]]}\nApp('])
def test_an_unreadable_result_is_not_used(
    content: bytes, releases: Releases, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(content)
    assert has_compiled(releases.made(kept=kept))
    assert releases.result.stat().st_size > 1000


def test_with_another_version_of_the_tool_there_is_the_plain_call(
    wechat_tool: Path, releases: Releases, wechat: WeChat, tmp_path: Path
) -> None:
    releases.made()
    result = releases.result
    releases.tool = _other_version(wechat_tool, tmp_path / "other")
    assert has_compiled(releases.made(kept=result))
    assert not releases.result.exists()
    first, second = (one.files for one in wechat.received)
    assert first.keys() == second.keys()


def test_a_refused_release_says_why_although_it_was_compiled_before(
    releases: Releases, wechat: WeChat
) -> None:
    releases.made()
    wechat.set_fault(APP_ID, Fault.TOO_LARGE)
    refused = releases.made(kept=releases.result)
    assert not has_compiled(refused)
    assert failed(refused.answers[0]).error.problem_detail.problem == "package_too_large"


def test_a_result_that_cannot_be_written_is_no_failure(
    releases: Releases, order: PublishOrder
) -> None:
    (order.scratch / "taken").mkdir()
    publishing = Publishing(releases.tool, order.scratch / "tools")
    accepted(publishing.publish(replace(order, new_result=order.scratch / "taken")))


SETTING = {
    "es6": True,
    "enhance": True,
    "postcss": True,
    "minified": True,
    "minifyWXSS": True,
    "minifyWXML": True,
}
LARGER = {
    "project.config.json": json.dumps({"setting": SETTING}),
    "utils/deep.js": "export const wait = async (...all) => (await all[0])?.length ?? 0;",
    "pages/a.js": "import { wait } from '../utils/deep'; Page({ onLoad: () => wait([1]) });",
    "pages/a.wxss": ".a { display: flex; transform: rotate(1deg) }",
    "pages/mapped.wxss": ".b { display: flex }\n/*# sourceMappingURL=mapped.wxss.map */",
    "pages/a.wxml": "<view>   <text>1</text>   </view>",
}


def keys_in(files: Path) -> list[str]:
    return [key for key, _ in json.loads(files.read_bytes().split(b"\n", 1)[0])]


@pytest.mark.parametrize("swc", [False, True])
def test_only_changed_files_are_compiled_again_and_the_package_is_the_same(
    swc: bool, releases: Releases, wechat: WeChat, order: PublishOrder
) -> None:
    setting = {**SETTING, "swc": swc, "disableSWC": not swc}
    write_files(order.built, {**LARGER, "project.config.json": json.dumps({"setting": setting})})
    releases.made()
    before = releases.files
    write_files(order.built, {"pages/a.js": "Page({ onLoad: () => 'changed' });"})
    releases.made(files=before)
    after = releases.files
    releases.made()
    _, kept, plain = (one.files for one in wechat.received)
    assert kept == plain
    assert b"changed" in kept["pages/a.js"]
    assert len(set(keys_in(after)) - set(keys_in(before))) == 1
    assert set(keys_in(after)) == set(keys_in(releases.files)), "no more than the project has"
    assert len(keys_in(after)) > 5


def test_a_setting_that_changes_the_code_changes_what_is_used(
    releases: Releases, wechat: WeChat, order: PublishOrder
) -> None:
    write_files(order.built, LARGER)
    releases.made()
    before = releases.files
    modern = json.dumps({"setting": {**SETTING, "minified": False}})
    write_files(order.built, {"project.config.json": modern})
    releases.made(files=before)
    releases.made()
    first, kept, plain = (one.files for one in wechat.received)
    assert first != kept == plain


def test_unreadable_results_of_files_are_not_used(
    releases: Releases, wechat: WeChat, tmp_path: Path
) -> None:
    releases.made()
    damaged = tmp_path / "damaged"
    for content in (releases.files.read_bytes()[:-1], b"[1]\n", b""):
        damaged.write_bytes(content)
        releases.made(files=damaged)
    first, *others = (one.files for one in wechat.received)
    assert others == [first] * 3


def _other_version(tool: Path, folder: Path) -> Path:
    """Return a tool of hard links that differs in its version only."""
    shutil.copytree(tool, folder, copy_function=os.link)
    config = folder / "node_modules/miniprogram-ci/dist/config/config.js"
    text = config.read_text()
    config.unlink()
    config.write_text(text.replace('"2.1.42"', '"2.1.43"'))
    return folder
