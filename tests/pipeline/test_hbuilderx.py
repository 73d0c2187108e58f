"""Projects of HBuilderX get a build tool: issue 12, number 31."""

import json
from pathlib import Path

import pytest

from mprelease.domain.apps import Environment
from mprelease.domain.platforms import Platform
from mprelease.pipeline import hbuilderx
from mprelease.pipeline.recipes import recognise
from trees import write

WECHAT, PRODUCTION = Platform.WECHAT, Environment.PRODUCTION
VUE_3 = ('{ // a comment\n "vueVersion" : "3" }', '{"vueVersion": 3}')
VUE_2 = ("{ // a comment\n}", '{"vueVersion": "2"}')


def project(tree: Path, manifest: str, entry: str = "main.js") -> Path:
    write(tree, "manifest.json", manifest)
    write(tree, "pages.json", "{}")
    write(tree, entry)
    return tree


@pytest.mark.parametrize("own", [{}, {"name": "shop", "dependencies": {"dayjs": "1.11.0"}}])
@pytest.mark.parametrize("manifest", VUE_3)
def test_a_project_of_vue_3_gets_uni_apps_command_line(
    tmp_path: Path, manifest: str, own: dict[str, object]
) -> None:
    project(tmp_path, manifest)
    if own:
        write(tmp_path, "package.json", own)
    assert hbuilderx.complete(tmp_path, None)
    package = json.loads((tmp_path / "package.json").read_text())
    assert package["devDependencies"]["vue"] == "3.4.21"
    assert package.get("dependencies", {}) == own.get("dependencies", {}), "Douyin packs these"
    assert hbuilderx.is_pinned(tmp_path) != bool(own)
    assert (tmp_path / "vite.config.js").is_file()
    recipe = recognise(tmp_path, WECHAT, PRODUCTION)
    assert recipe.build_command == "UNI_INPUT_DIR=$PWD uni build -p mp-weixin"
    assert recipe.output == "dist/build/mp-weixin"
    assert not hbuilderx.complete(tmp_path, None), "what has a build tool stays as it is"


@pytest.mark.parametrize("own", [{}, {"name": "shop", "dependencies": {"dayjs": "1.11.0"}}])
@pytest.mark.parametrize("manifest", VUE_2)
def test_a_project_of_vue_2_gets_uni_apps_command_line_of_vue_cli(
    tmp_path: Path, manifest: str, own: dict[str, object]
) -> None:
    project(tmp_path, manifest)
    if own:
        write(tmp_path, "package.json", own)
    tool = hbuilderx.complete(tmp_path, None)
    assert tool
    package = json.loads((tmp_path / "package.json").read_text())
    assert package["devDependencies"]["vue"] == "2.6.14"
    assert package.get("dependencies", {}) == own.get("dependencies", {}), "Douyin packs these"
    assert hbuilderx.is_pinned(tmp_path) != bool(own)
    recipe = recognise(tmp_path, Platform.DOUYIN, PRODUCTION)
    assert recipe.build_command == "UNI_INPUT_DIR=$PWD vue-cli-service uni-build"
    assert recipe.output == "dist/build/mp-toutiao"
    assert recipe.variables["UNI_PLATFORM"] == "mp-toutiao"
    assert not hbuilderx.complete(tmp_path, None), "what has a build tool stays as it is"


def test_the_plug_in_that_says_where_a_project_lies_is_loaded_first(tmp_path: Path) -> None:
    assert hbuilderx.complete(project(tmp_path, "{}"), None)
    names = list(json.loads((tmp_path / "package.json").read_text())["devDependencies"])
    plugin = names.index("@dcloudio/vue-cli-plugin-hbuilderx")
    assert plugin < names.index(hbuilderx.VUE_CLI_PLUGIN)


@pytest.mark.parametrize(
    ("manifest", "own", "others"),
    [
        (VUE_3[0], "vite.config.mts", set()),
        (VUE_2[0], "postcss.config.js", {"babel.config.js"}),
        (VUE_2[0], "vue.config.js", {"babel.config.js", "postcss.config.js"}),
    ],
)
def test_a_configuration_of_the_repository_stays_as_it_is(
    tmp_path: Path, manifest: str, own: str, others: set[str]
) -> None:
    write(tmp_path, own, "// mine")
    assert hbuilderx.complete(project(tmp_path, manifest), None)
    assert {path.name for path in tmp_path.glob("*.config.*")} == {own, *others}
    assert (tmp_path / own).read_text() == "// mine"


@pytest.mark.parametrize("entry", ["App.uvue", "main.uts"])
def test_a_project_of_uni_app_x_gets_no_tool_that_cannot_build_it(
    tmp_path: Path, entry: str
) -> None:
    assert hbuilderx.complete(project(tmp_path, "{}", entry), None) is None
    assert not (tmp_path / "package.json").exists()
