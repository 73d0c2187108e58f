"""What a release leaves out is packed all the same, or said (issue 12, numbers 14 and 25)."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from alipay_samples import ALIPAY_DRIVER, ALIPAY_PROJECT
from douyin_samples import DOUYIN_PROJECT
from mprelease.domain.apps import ProjectType
from mprelease.domain.problems import Message
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.driver import Driver, PublishOrder, Result
from mprelease.platforms.loaded_packages import missing
from mprelease.platforms.wechat.content import bring_packages
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.wechat import WeChat
from publishing import ORDER, PROJECT, Publishing, write_files

WECHAT, DOUYIN = WeChatDriver(), DouyinDriver()
DEPENDS = json.dumps({"name": "shop", "dependencies": {"dep": "1", "@s/dep": "1"}})
PACKAGES: Mapping[str, str] = {
    "package.json": DEPENDS,
    "node_modules/dep/package.json": '{"name":"dep","version":"1.0.0"}',
    "node_modules/dep/index.js": "module.exports = 'packed'",
    "node_modules/@s/dep/package.json": '{"name":"@s/dep","version":"1.0.0"}',
    "node_modules/@s/dep/index.js": "module.exports = 'scoped'",
}
LOADS = "const a = require('dep'); const b = require('@s/dep');\nApp({ a, b })"


def warnings_of(
    driver: Driver, folder: Path, kind: ProjectType = ProjectType.MINI_PROGRAM
) -> list[str]:
    order = replace(ORDER, built=folder, project_type=kind)
    messages = driver.left_out(order, {"dep", "@s/dep", "unused"})
    assert all(isinstance(each, Message) for each in messages)
    return [f"{each.id} {' '.join(map(str, each.parameters.values()))}" for each in messages]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("require('dep')", ("dep",)),
        ('import dep from "dep"', ("dep",)),
        ("import 'dep/lib/x'", ("dep",)),
        ("import {\n  a,\n} from '@s/dep/lib'", ("@s/dep",)),
        ("export * from 'dep'", ("dep",)),
        ("const x = a ? require('dep') : 1; require('@s/dep')", ("@s/dep", "dep")),
        ("// require('dep')", ()),
        ("import type { X } from 'dep'", ()),
        ("require('./dep')", ()),
        ("requirePlugin('dep')", ()),
        ("require('other')", ()),
    ],
)
def test_packages_are_found_by_how_code_loads_them(
    code: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    write_files(tmp_path, {"pages/a.js": f"'use strict'\n{code}\n"})
    assert missing(tmp_path, tmp_path, {"dep", "@s/dep"}, "miniprogram_npm") == names


def test_nobody_finds_out_by_a_warning_which_files_the_machine_has(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (tmp_path / "secret").touch()
    code = [f"require('dep/../../{name}')" for name in ("secret", "nothing")]
    found = []
    for line in code:
        write_files(project, {"a.js": line, "dep/x": ""})
        found.append(missing(project, project, {"dep"}, "miniprogram_npm"))
    assert found[0] == found[1]


@pytest.mark.lasting
def test_no_amount_of_code_holds_the_worker_up(tmp_path: Path) -> None:
    (tmp_path / "0.js").write_text("require ( " * 400_000)
    for number in range(1, 100):
        (tmp_path / f"{number}.js").hardlink_to(tmp_path / "0.js")
    began = time.process_time()
    missing(tmp_path, tmp_path, {"dep"}, "miniprogram_npm")
    assert time.process_time() - began < 15.0


def test_components_are_loaded_as_well(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.json": '{"usingComponents":{"x":"dep/x","y":"/y","z":"./dep"}}'})
    assert missing(tmp_path, tmp_path, {"dep"}, "miniprogram_npm") == ("dep",)


@pytest.mark.parametrize("there", ["miniprogram_npm/dep/index.js", "pages/dep.js", "dep/x.js"])
def test_what_is_there_is_not_missing(there: str, tmp_path: Path) -> None:
    write_files(tmp_path, {"pages/a.js": "require('dep')", there: ""})
    assert missing(tmp_path, tmp_path, {"dep"}, "miniprogram_npm") == ()


@pytest.mark.parametrize(
    ("driver", "files"),
    [(WECHAT, PROJECT), (DOUYIN, DOUYIN_PROJECT), (ALIPAY_DRIVER, ALIPAY_PROJECT)],
)
def test_packages_that_have_not_arrived_are_named(
    driver: Driver, files: Mapping[str, str], tmp_path: Path
) -> None:
    write_files(tmp_path, {**files, "app.js": LOADS})
    assert warnings_of(driver, tmp_path) == ["warning.packages_left_out @s/dep, dep"]


@pytest.mark.parametrize(
    ("driver", "config", "words"),
    [
        (
            WECHAT,
            {"compileType": "plugin"},
            "plugin_left_out miniProgramPlugin project.config.json",
        ),
        (WECHAT, {"cloudfunctionRoot": "cloud/"}, "functions_left_out cloud"),
        (WECHAT, {"cloudfunctionRoot": "not-there"}, None),
        (WECHAT, {"cloudfunctionRoot": "../.."}, None),
        (ALIPAY_DRIVER, {"compileType": "plugin"}, "plugin_not_served mini.project.json"),
        (ALIPAY_DRIVER, {"serverlessRoot": "cloud"}, "functions_left_out cloud"),
    ],
)
def test_plugins_and_cloud_functions_that_stay_behind_are_named(
    driver: Driver, config: Mapping[str, str], words: str | None, tmp_path: Path
) -> None:
    name = "mini.project.json" if driver is ALIPAY_DRIVER else "project.config.json"
    files = ALIPAY_PROJECT if driver is ALIPAY_DRIVER else PROJECT
    write_files(tmp_path, {**files, name: json.dumps(config), "cloud/login/index.js": ""})
    assert warnings_of(driver, tmp_path) == ([f"warning.{words}"] if words else [])


def test_a_plugin_that_is_published_as_one_is_not_left_out(tmp_path: Path) -> None:
    write_files(tmp_path, {"project.config.json": '{"compileType":"plugin"}'})
    assert warnings_of(WECHAT, tmp_path, ProjectType.MINI_PROGRAM_PLUGIN) == []


def test_links_of_a_workspace_are_right_after_packages_have_moved(tmp_path: Path) -> None:
    config = {"project.config.json": '{"miniprogramRoot":"mini"}', "package.json": DEPENDS}
    files = {f"mini/{name}": text for name, text in PROJECT.items() if "config" not in name}
    write_files(tmp_path, {**files, **config, "mini/app.js": LOADS, "shared/index.js": "shared"})
    (tmp_path / "node_modules/@s").mkdir(parents=True)
    (tmp_path / "node_modules/dep").symlink_to("../shared")
    (tmp_path / "node_modules/@s/dep").symlink_to("../../shared")
    WECHAT.prepare(replace(ORDER, built=tmp_path, pack_npm=True))
    for name in ("dep", "@s/dep"):
        assert (tmp_path / "mini/node_modules" / name / "index.js").read_text() == "shared"


def laid_out(root: str, beside: bool) -> Mapping[str, str]:
    """A mini program in a root, with its packages beside the root or in it."""
    place = "" if beside else root
    return {
        "project.config.json": json.dumps({"miniprogramRoot": root, "setting": {"es6": True}}),
        **{f"{place}{name}": text for name, text in PACKAGES.items()},
    }


@pytest.mark.slow
@pytest.mark.parametrize("beside", [True, False])
def test_wechat_packs_packages_in_the_root_and_beside_it(
    *, beside: bool, order: PublishOrder, wechat: WeChat, wechat_tool: Path, tmp_path: Path
) -> None:
    mine = {f"mini/{name}": text for name, text in PROJECT.items() if "config" not in name}
    built = order.scratch / "other"
    write_files(built, {**mine, **laid_out("mini/", beside), "mini/app.js": LOADS})
    ordered = replace(order, built=built, pack_npm=True)
    assert isinstance(Publishing(wechat_tool, tmp_path / "tools").publish(ordered), Result)
    sent = wechat.received[0].files
    assert b"packed" in sent["miniprogram_npm/dep/index.js"]
    assert b"scoped" in sent["miniprogram_npm/@s/dep/index.js"]
    assert warnings_of(WECHAT, built) == []


TOOLS = json.dumps({"name": "shop", "devDependencies": {"eslint": "9"}})
LAYOUTS: Mapping[str, tuple[Mapping[str, str], bool]] = {
    "at the top": (PACKAGES, True),
    "in the root": (laid_out("mini/", beside=False), True),
    "beside the root": (laid_out("mini/", beside=True), True),
    "tools only": ({"package.json": TOOLS, "node_modules/eslint/package.json": "{}"}, False),
    "no dependencies": ({"package.json": '{"name":"shop"}'}, False),
    "tools beside the root": (
        {"package.json": TOOLS, "project.config.json": '{"miniprogramRoot":"mini/"}'},
        False,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_douyin_takes_a_package_json_wherever_it_lies(
    layout: str, douyin_order: PublishOrder, douyin: Douyin, douyin_tool: Path, tmp_path: Path
) -> None:
    """Issue 12, number 25: four of these six were refused."""
    files, has_packages = LAYOUTS[layout]
    root = "mini/" if "project.config.json" in files else ""
    mine = {f"{root}{name}": text for name, text in DOUYIN_PROJECT.items() if "config" not in name}
    built = douyin_order.scratch / "other"
    code = {f"{root}app.js": LOADS} if has_packages else {}
    write_files(built, {"project.config.json": "{}", **mine, **files, **code})
    publishing = Publishing(douyin_tool, tmp_path / "tools", driver=DOUYIN)
    ordered = replace(douyin_order, built=built, pack_npm=True)
    assert isinstance(publishing.publish(ordered), Result), publishing.lines
    sent = {name.removeprefix("mini/"): text for name, text in douyin.received[0].files.items()}
    assert "app.json" in sent
    assert (b"packed" in sent.get("miniprogram_npm/dep/index.js", b"")) is has_packages
    assert warnings_of(DOUYIN, built) == []


def test_no_number_of_blank_lines_holds_up_who_looks_for_packages(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("\n" * 200_000 + "require('dep')")
    began = time.process_time()
    assert missing(tmp_path, tmp_path, {"dep"}, "node_modules") == ("dep",)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("setting", ["[]", '"x"', "null"])
def test_settings_of_a_wrong_shape_are_no_fault_of_ours(tmp_path: Path, setting: str) -> None:
    (tmp_path / "project.config.json").write_text(f'{{"setting": {setting}}}')
    bring_packages(tmp_path)
    assert warnings_of(WECHAT, tmp_path) == []
