"""What a project names outside of itself never gets to a platform: the real tools, unconfined."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.driver import Failure, PublishOrder, Result
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.wechat import WeChat
from publishing import Publishing, failed, write_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SECRET = "the-master-key-of-this-server"
SETTING = {"setting": {"es6": True, "useCompilerPlugins": ["less", "sass"]}}
PACKAGE = {"package.json": '{"name":"shop","version":"1.0.0","dependencies":{"m":"1.0.0"}}'}


class CarelessWeChat(WeChatDriver):
    """One that does not look at the project before the tool does."""

    def prepare(self, order: PublishOrder) -> None:
        pass


class CarelessDouyin(DouyinDriver):
    """One that does not look at the packages to be packed before the tool does."""

    def prepare(self, order: PublishOrder) -> None:
        super().prepare(replace(order, pack_npm=False))


@dataclass(frozen=True)
class Careless:
    """Publishes for WeChat without a look at the project."""

    publishing: Publishing
    order: PublishOrder
    service: WeChat


@pytest.fixture
def careless(wechat_tool: Path, tmp_path: Path, order: PublishOrder, wechat: WeChat) -> Careless:
    publishing = Publishing(wechat_tool, tmp_path / "tools", driver=CarelessWeChat())
    return Careless(publishing, order, wechat)


@dataclass(frozen=True)
class QueryEnvironment:
    """A folder of ours beside the scratch folder."""

    folder: Path

    @property
    def secret(self) -> Path:
        return self.folder / "secret.txt"


@pytest.fixture
def outside(tmp_path: Path) -> QueryEnvironment:
    folder = tmp_path / "ours"
    names = ("secret.txt", "secret.less", "secret.scss", "secret.wxss", "secret.wxml", "secret.wxs")
    write_files(folder, dict.fromkeys(names, f"/* {SECRET} */ .a {{ color: red }}"))
    write_files(folder, {"secret.json": json.dumps({"key": SECRET})})
    write_files(folder, {"package.json": '{"name":"shop","dependencies":{"m":"1.0.0"}}'})
    write_files(folder, package("m", {"index.js": f"module.exports = '{SECRET}'"}))
    return QueryEnvironment(folder)


def package(name: str, files: Mapping[str, str], /, **manifest: str) -> Mapping[str, str]:
    """The files of a package in node_modules, whose folder may be named otherwise."""
    content = json.dumps({"name": "m", "version": "1.0.0", **manifest})
    all_files = {"package.json": content, "index.js": "module.exports = 1", **files}
    return {f"node_modules/{name}/{file}": text for file, text in all_files.items()}


def has_secret(service: WeChat | Douyin) -> bool:
    """Tell whether the platform got it, as it stands or as base64 whatever stands before it."""
    sent = b"".join(content for one in service.received for content in one.files.values())
    shifted = (b64encode(b"x" * shift + SECRET.encode())[4:-4] for shift in range(3))
    return any(form in sent for form in (SECRET.encode(), *shifted))


@pytest.fixture
def wechat_publishing(wechat_tool: Path, tmp_path: Path) -> Publishing:
    return Publishing(wechat_tool, tmp_path / "tools")


LESS = {
    "import inline": "@import (inline) '{secret}';",
    "import inline, relative": "@import (inline) '../../../ours/secret.txt';",
    "import less": "@import (less) '{secret}';",
}


@pytest.mark.parametrize("attack", LESS)
def test_less_shows_no_file_of_ours(
    wechat_publishing: Publishing,
    order: PublishOrder,
    wechat: WeChat,
    outside: QueryEnvironment,
    attack: str,
) -> None:
    text = LESS[attack].format(secret=outside.secret)
    write_files(order.built, {"pages/a.less": text, "project.config.json": json.dumps(SETTING)})
    failure = failed(wechat_publishing.publish(order))
    problem_detail = failure.error.problem_detail
    assert problem_detail.problem is Problem.PROJECT_PATH_OUTSIDE
    assert problem_detail.parameters["path"] == str(outside.secret)
    assert wechat.received == []


@pytest.fixture
def our_page() -> Iterator[str]:
    """A service that only this machine can reach."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"/* {SECRET} */".encode())

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/secret.css"
        server.shutdown()


def test_less_asks_no_service_of_this_machine(
    wechat_publishing: Publishing, order: PublishOrder, wechat: WeChat, our_page: str
) -> None:
    text = f"@import (inline) '{our_page}';"
    write_files(order.built, {"pages/a.less": text, "project.config.json": json.dumps(SETTING)})
    wechat_publishing.publish(order)
    assert not has_secret(wechat)


# What the tool compiles without a word, each in a page of its own.
PASSED_OVER: Mapping[str, str] = {
    "pages/data.less": ".x {{ background: data-uri('{folder}/secret.txt') }}",
    "pages/relative.less": ".x {{ background: data-uri('../../../ours/secret.txt') }}",
    "pages/import.wxss": "@import '../../../ours/secret.wxss';",
    "pages/absolute.wxss": "@import '{folder}/secret.wxss';",
    "pages/include.wxml": "<include src='../../../ours/secret.wxml'/>",
    "pages/script.wxml": "<wxs src='../../../ours/secret.wxs' module='m'/>",
    "pages/require.js": "require('../../../ours/secret.json'); Page({{}})",
    "app.js": (
        "require('../../ours/secret.json'); App({{}})\n//# sourceMappingURL=../../ours/secret.json"
    ),
}


def test_what_the_compiler_passes_over_is_not_sent(
    careless: Careless, outside: QueryEnvironment
) -> None:
    pages = [name.partition(".")[0] for name in PASSED_OVER if name.startswith("pages/")]
    files = {
        "project.config.json": json.dumps(SETTING),
        "app.json": json.dumps({"pages": pages}),
        **{f"{page}.js": "Page({})" for page in pages},
        **{f"{page}.wxml": "<view/>" for page in pages},
        **{name: text.format(folder=outside.folder) for name, text in PASSED_OVER.items()},
    }
    write_files(careless.order.built, files)
    # A result says that the tool has come to the end of each of them.
    assert isinstance(careless.publishing.publish(careless.order), Result)
    (received,) = careless.service.received
    assert {f"{page}.js" for page in pages} <= received.files.keys()
    assert not has_secret(careless.service)


COMPILED: Mapping[str, Mapping[str, str]] = {
    "less, size": {"pages/a.less": ".x {{ width: image-width('{folder}/secret.txt') }}"},
    "sass import": {"pages/a.scss": "@import '{folder}/secret.scss';"},
    "sass use": {"pages/a.scss": "@use '{folder}/secret.scss';"},
    "sass use, relative": {"pages/a.scss": "@use '../../../ours/secret.scss';"},
    "page": {"app.json": '{{"pages":["../../ours/secret"]}}'},
    "root": {"project.config.json": '{{"miniprogramRoot":"../../ours/"}}'},
    "private root": {"project.private.config.json": '{{"miniprogramRoot":"../../ours/"}}'},
    "cloud": {"project.config.json": '{{"cloudfunctionRoot":"../../ours/"}}'},
    "theme": {"app.json": '{{"pages":["pages/a"],"themeLocation":"../../ours/secret.json"}}'},
    "tab bar": {
        "app.json": '{{"pages":["pages/a","sub/b"],"tabBar":{{"list":['
        '{{"pagePath":"pages/a","text":"a","iconPath":"../../ours/secret.txt"}},'
        '{{"pagePath":"sub/b","text":"b","iconPath":"../../ours/secret.txt"}}]}}}}'
    },
}


@pytest.mark.parametrize("attack", COMPILED)
def test_what_the_compiler_is_led_to_is_not_sent(
    careless: Careless, outside: QueryEnvironment, attack: str
) -> None:
    config = {"project.config.json": json.dumps(SETTING)}
    planted = COMPILED[attack].items()
    files = {name: text.format(folder=outside.folder) for name, text in planted}
    write_files(careless.order.built, {**config, **files})
    # Some are refused, for some the tool finds nothing there.
    assert isinstance(careless.publishing.publish(careless.order), Result | Failure)
    assert not has_secret(careless.service)


PACKED: Mapping[str, Mapping[str, str]] = {
    "root": package("root", {}, name="root", miniprogram="../../../../ours"),
    "main": package("main", {}, name="main", main="../../../../ours/node_modules/m/index.js"),
    "requires": package(
        "requires", {"index.js": "require('../../../../ours/secret.json')"}, name="requires"
    ),
    "by-path": package("by-path", {"index.js": 'require("{folder}/secret.json")'}, name="by-path"),
    "mapped": package(
        "mapped",
        {"index.js": "1\n//# sourceMappingURL=../../../../ours/secret.json"},
        name="mapped",
    ),
}


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
def test_npm_packing_takes_no_file_of_ours(
    request: pytest.FixtureRequest, tmp_path: Path, outside: QueryEnvironment, platform: str
) -> None:
    name = {"wechat": "order", "douyin": "douyin_order"}[platform]
    order: PublishOrder = request.getfixturevalue(name)
    tool: Path = request.getfixturevalue(f"{platform}_tool")
    service: WeChat | Douyin = request.getfixturevalue(platform)
    manifest = {"name": "shop", "version": "1.0.0", "dependencies": dict.fromkeys(PACKED, "1.0.0")}
    planted = {
        file: text.replace("{folder}", str(outside.folder))
        for attack in PACKED.values()
        for file, text in attack.items()
    }
    write_files(order.built, {"package.json": json.dumps(manifest), **planted})
    driver = CarelessWeChat() if platform == "wechat" else CarelessDouyin()
    before = set(outside.folder.rglob("*"))
    publishing = Publishing(tool, tmp_path / "tools", driver=driver)
    # None of them stops the tool: it has come to each.
    assert isinstance(publishing.publish(replace(order, pack_npm=True)), Result)
    assert not has_secret(service)
    assert set(outside.folder.rglob("*")) == before


RELATIONS: Mapping[str, tuple[str, str]] = {
    "from elsewhere": ("../../ours/package.json", "."),
    "to elsewhere": ("package.json", "../../ours"),
    "by a link": ("package.json", "away"),
}


@pytest.mark.parametrize("attack", RELATIONS)
def test_npm_packages_come_from_the_project_and_stay_there(
    careless: Careless, outside: QueryEnvironment, attack: str
) -> None:
    order = replace(careless.order, pack_npm=True)
    write_files(order.built, {**PACKAGE, **package("m", {}), **manually(*RELATIONS[attack])})
    (order.built / "away").symlink_to(outside.folder)
    failure = failed(careless.publishing.publish(order))
    assert failure.error.problem_detail.problem is Problem.PROJECT_PATH_OUTSIDE
    assert careless.service.received == []
    assert not (outside.folder / "miniprogram_npm").exists()


def manually(manifest: str, target: str) -> Mapping[str, str]:
    relation = {"packageJsonPath": manifest, "miniprogramNpmDistDir": target}
    setting = {"packNpmManually": True, "packNpmRelationList": [relation]}
    return {"project.config.json": json.dumps({"setting": setting})}


def test_a_module_folder_that_leads_away_writes_nothing_there(
    wechat_tool: Path, tmp_path: Path, order: PublishOrder
) -> None:
    files = {**PACKAGE, **package("m@..", {}), **manually("package.json", ".")}
    write_files(order.built, files)
    with pytest.raises(StageFailed) as refused:
        WeChatDriver().prepare(replace(order, pack_npm=True))
    assert refused.value.problem_detail.problem is Problem.PROJECT_PATH_OUTSIDE
    before = {*tmp_path.iterdir(), tmp_path / "wechat"}
    publishing = Publishing(wechat_tool, order.scratch / "tools", driver=CarelessWeChat())
    publishing.publish(replace(order, pack_npm=True))
    assert before >= set(tmp_path.iterdir())
