import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from mprelease.domain.apps import Environment, ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.pipeline.output_search import made_since
from mprelease.pipeline.recipes import Framework, install_folders, recipe_of, recognise
from mprelease.schemas.apps import App, BuildSettings
from trees import write

WECHAT, PRODUCTION, DEVELOPMENT = Platform.WECHAT, Environment.PRODUCTION, Environment.DEVELOPMENT


def package(*needs: str, scripts: Mapping[str, str] | None = None) -> object:
    return {"devDependencies": dict.fromkeys(needs, "*"), "scripts": scripts or {}}


def test_a_vite_uni_app_is_built_by_its_own_script(tmp_path: Path) -> None:
    scripts = {"build:mp-weixin": "uni build -p mp-weixin"}
    write(tmp_path, "package.json", package("@dcloudio/vite-plugin-uni", scripts=scripts))
    recipe = recognise(tmp_path, WECHAT, PRODUCTION)
    assert recipe.framework is Framework.UNI_APP_VITE
    assert recipe.build_command == "npm run build:mp-weixin"
    assert recipe.output == "dist/build/mp-weixin"


@pytest.mark.parametrize(
    ("platform", "target"),
    [(WECHAT, "mp-weixin"), (Platform.ALIPAY, "mp-alipay"), (Platform.DOUYIN, "mp-toutiao")],
)
def test_a_vite_uni_app_without_scripts_is_built_for_each_platform(
    tmp_path: Path, platform: Platform, target: str
) -> None:
    write(tmp_path, "package.json", package("@dcloudio/vite-plugin-uni"))
    recipe = recognise(tmp_path, platform, PRODUCTION)
    assert recipe.build_command == f"uni build -p {target}"
    assert recipe.output == f"dist/build/{target}"


def test_a_development_build_of_a_vite_uni_app_ends_and_lies_in_the_build_folder(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        "package.json",
        package("@dcloudio/vite-plugin-uni", scripts={"dev:mp-weixin": "uni"}),
    )
    recipe = recognise(tmp_path, WECHAT, DEVELOPMENT)
    assert recipe.build_command == "uni build -p mp-weixin --mode development"
    assert recipe.output == "dist/build/mp-weixin"


def test_a_vue_cli_uni_app_is_told_platform_mode_and_old_hashes(tmp_path: Path) -> None:
    write(
        tmp_path, "package.json", package("@dcloudio/vue-cli-plugin-uni", scripts={"build:wx": "…"})
    )
    recipe = recognise(tmp_path, WECHAT, PRODUCTION)
    assert recipe.build_command == "vue-cli-service uni-build"
    assert recipe.output == "dist/build/mp-weixin"
    assert recipe.variables == {
        "NODE_ENV": "production",
        "UNI_PLATFORM": "mp-weixin",
        "NODE_OPTIONS": "--openssl-legacy-provider",
    }


def test_a_development_build_of_a_vue_cli_uni_app_lies_in_the_dev_folder(tmp_path: Path) -> None:
    scripts = {"build:mp-weixin": "cross-env NODE_ENV=production vue-cli-service uni-build"}
    write(tmp_path, "package.json", package("@dcloudio/vue-cli-plugin-uni", scripts=scripts))
    recipe = recognise(tmp_path, WECHAT, DEVELOPMENT)
    assert recipe.build_command == "vue-cli-service uni-build"
    assert recipe.output == "dist/dev/mp-weixin"
    assert recipe.variables["NODE_ENV"] == "development"


@pytest.mark.parametrize(
    ("platform", "target"),
    [(WECHAT, "weapp"), (Platform.ALIPAY, "alipay"), (Platform.DOUYIN, "tt")],
)
def test_a_taro_project_is_built_for_each_platform(
    tmp_path: Path, platform: Platform, target: str
) -> None:
    write(tmp_path, "package.json", package("@tarojs/cli"))
    write(tmp_path, "config/index.ts", "export default { sourceRoot: 'src', outputRoot: 'dist' }")
    recipe = recognise(tmp_path, platform, DEVELOPMENT)
    assert recipe.build_command == f"taro build --type {target}"
    assert recipe.output == "dist"
    assert recipe.variables == {"NODE_ENV": "development"}


@pytest.mark.parametrize(
    ("config", "output"),
    [
        ("outputRoot: `dist/${process.env.TARO_ENV}`", "dist/weapp"),
        ('outputRoot: "./build/"', "build"),
        ("outputRoot: process.env.TARO_ENV === 'h5' ? 'h5' : 'dist'", "dist"),
        ("outputRoot: `dist/${flavour}`", "dist"),
        ("", "dist"),
    ],
)
def test_the_output_of_a_taro_project_is_read_from_its_configuration(
    tmp_path: Path, config: str, output: str
) -> None:
    write(tmp_path, "package.json", package("@tarojs/cli"))
    write(tmp_path, "config/index.js", f"const config = {{ {config} }}")
    assert recognise(tmp_path, WECHAT, PRODUCTION).output == output


def test_a_taro_project_on_webpack_4_gets_old_hashes(tmp_path: Path) -> None:
    write(tmp_path, "package.json", package("@tarojs/cli", "@tarojs/mini-runner"))
    recipe = recognise(tmp_path, WECHAT, PRODUCTION)
    assert recipe.variables["NODE_OPTIONS"] == "--openssl-legacy-provider"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("app.json", {"pages": []}),
        ("game.json", {}),
        ("project.config.json", {"miniprogramRoot": "miniprogram/"}),
        ("project.config.json", {"pluginRoot": "plugin/"}),
        ("project.config.json", {"srcMiniprogramRoot": "dist/"}),
        ("mini.project.json", {"miniprogramRoot": "src"}),
    ],
)
def test_a_native_project_is_published_as_it_is(tmp_path: Path, name: str, content: object) -> None:
    write(tmp_path, name, content)
    recipe = recognise(tmp_path, WECHAT, PRODUCTION)
    assert (recipe.framework, recipe.build_command, recipe.output) == (Framework.NATIVE, None, ".")


def test_a_native_project_with_a_build_script_is_built_by_it(tmp_path: Path) -> None:
    write(tmp_path, "app.json", {"pages": []})
    write(tmp_path, "package.json", package("gulp", scripts={"build": "gulp build"}))
    assert recognise(tmp_path, WECHAT, PRODUCTION).build_command == "npm run build"


def test_the_tools_of_a_framework_count_more_than_its_project_file(tmp_path: Path) -> None:
    write(tmp_path, "package.json", package("@tarojs/cli"))
    write(tmp_path, "project.config.json", {"miniprogramRoot": "./dist"})
    assert recognise(tmp_path, WECHAT, PRODUCTION).framework is Framework.TARO


@pytest.mark.parametrize("content", ["", "{", "[]", '{"dependencies": 3}', "[" * 100_000])
def test_what_nobody_knows_is_said_to_be_unknown(tmp_path: Path, content: str) -> None:
    write(tmp_path, "package.json", content)
    with pytest.raises(StageFailed) as failure:
        recognise(tmp_path, WECHAT, PRODUCTION)
    assert failure.value.problem_detail.problem is Problem.BUILD_COMMAND_UNKNOWN


@pytest.mark.parametrize(
    ("settings", "environment", "problem", "asked_for"),
    [
        (BuildSettings(), PRODUCTION, Problem.BUILD_COMMAND_UNKNOWN, None),
        (BuildSettings(build_command="make"), PRODUCTION, Problem.OUTPUT_UNKNOWN, None),
        (
            BuildSettings(output="dist"),
            PRODUCTION,
            Problem.BUILD_COMMAND_MISSING,
            "--build-command",
        ),
        (
            BuildSettings(build_command="make", output="dist"),
            DEVELOPMENT,
            Problem.BUILD_COMMAND_MISSING,
            "--dev-build-command",
        ),
    ],
)
def test_only_the_setting_that_lacks_is_asked_for(
    tmp_path: Path,
    settings: BuildSettings,
    environment: Environment,
    problem: Problem,
    asked_for: str | None,
) -> None:
    """Issue 12, number 34: command and output were both asked for where one of them lacked."""
    app = App(1, 1, "x", WECHAT, "wx1", ProjectType.MINI_PROGRAM, settings, 1, None, None)
    with pytest.raises(StageFailed) as failure:
        recipe_of(tmp_path, app, environment, "20.0.0")
    assert failure.value.problem_detail.problem is problem
    assert failure.value.problem_detail.parameters.get("option") == asked_for


def test_a_package_file_that_leads_elsewhere_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere.json", package("@tarojs/cli"))
    (tmp_path / "package.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(StageFailed):
        recognise(tmp_path, WECHAT, PRODUCTION)


def test_a_native_project_is_installed_at_its_top_and_in_its_root(tmp_path: Path) -> None:
    write(tmp_path, "project.config.json", {"miniprogramRoot": "./miniprogram/"})
    write(tmp_path, "package.json", {})
    write(tmp_path, "miniprogram/package.json", {})
    assert install_folders(tmp_path) == (".", "miniprogram")


def test_a_plugin_and_the_mini_program_that_shows_it_are_both_installed(tmp_path: Path) -> None:
    roots = {"miniprogramRoot": "demo/", "pluginRoot": "./plugin"}
    write(tmp_path, "project.config.json", roots)
    write(tmp_path, "demo/package.json", {})
    write(tmp_path, "plugin/package.json", {})
    assert install_folders(tmp_path) == ("demo", "plugin")


@pytest.mark.parametrize("roots", [{"miniprogramRoot": "", "pluginRoot": "/"}, {"pluginRoot": "."}])
def test_a_root_that_is_the_top_is_installed_once(tmp_path: Path, roots: object) -> None:
    write(tmp_path, "project.config.json", roots)
    write(tmp_path, "app.json", {})
    write(tmp_path, "package.json", {})
    assert install_folders(tmp_path) == (".",)


def test_a_root_that_leads_outside_is_not_installed(tmp_path: Path) -> None:
    write(tmp_path, "app/project.config.json", {"miniprogramRoot": "../other"})
    write(tmp_path, "app/package.json", {})
    write(tmp_path, "other/package.json", {})
    assert install_folders(tmp_path / "app") == (".",)


def app_of(build: BuildSettings) -> App:
    return App(
        id=1,
        project_id=1,
        name="shop",
        platform=WECHAT,
        platform_app_id="wx0123456789abcdef",
        project_type=ProjectType.MINI_PROGRAM,
        build=build,
        robot=1,
        start_page=None,
        proxy=None,
    )


@pytest.mark.parametrize("output", [None, "out"])
def test_a_command_that_was_told_gets_no_variable_of_a_recipe(
    tmp_path: Path, output: str | None
) -> None:
    """Issue 12, number 31: an older Node refuses --openssl-legacy-provider."""
    write(tmp_path, "package.json", package("@dcloudio/vue-cli-plugin-uni"))
    given = app_of(BuildSettings(build_command="npx -p node@16 npm run mp", output=output))
    recipe = recipe_of(tmp_path, given, PRODUCTION, "20.0.0")
    assert recipe.build_command == "npx -p node@16 npm run mp"
    assert recipe.output == (output or "dist/build/mp-weixin")
    assert recipe.variables == {}
    # The other environment's command is recognised as before.
    assert "NODE_OPTIONS" in recipe_of(tmp_path, given, DEVELOPMENT, "20.0.0").variables


@pytest.mark.parametrize(("node", "has_option"), [("17.0.0", True), ("16.20.2", False)])
def test_an_old_webpack_gets_its_algorithms_where_the_node_of_the_app_lacks_them(
    tmp_path: Path, node: str, *, has_option: bool
) -> None:
    write(tmp_path, "package.json", package("@dcloudio/vue-cli-plugin-uni"))
    recipe = recipe_of(tmp_path, app_of(BuildSettings()), PRODUCTION, node)
    assert ("NODE_OPTIONS" in recipe.variables) is has_option
    assert recipe.variables["UNI_PLATFORM"] == "mp-weixin"


@pytest.mark.parametrize("entry", ["App.vue", "main.js", "main.ts", "App.uvue"])
def test_a_project_of_hbuilderx_is_told_by_name(tmp_path: Path, entry: str) -> None:
    """Issue 12, number 31."""
    write(tmp_path, "manifest.json", "{ // a comment\n}")
    write(tmp_path, "pages.json", "{}")
    write(tmp_path, entry)
    write(tmp_path, "package.json", package("dayjs"))
    with pytest.raises(StageFailed) as failure:
        recognise(tmp_path, Platform.DOUYIN, PRODUCTION)
    given = failure.value.problem_detail
    assert given == ProblemDetail(Problem.HBUILDERX_PROJECT, {"target": "mp-toutiao"})


def test_a_native_project_whose_configuration_is_no_json_is_told(tmp_path: Path) -> None:
    """Issue 12, number 31."""
    write(tmp_path, "project.config.json", '{\n  "miniprogramRoot": "mini", // here\n}')
    with pytest.raises(StageFailed) as failure:
        recognise(tmp_path, WECHAT, PRODUCTION)
    assert failure.value.problem_detail.problem is Problem.CONFIG_NOT_JSON


def test_the_newest_mini_program_of_a_build_is_found(tmp_path: Path) -> None:
    """Issue 12, number 31."""
    for number, place in enumerate(("src", "dist/weapp", "dist/tt", "a/b/c/d/e", ".cache/x")):
        path = write(tmp_path, f"{place}/app.json", "{}")
        os.utime(path, (100 + number, 100 + number))
    assert made_since(tmp_path, 101.9) == "dist/tt"
    assert made_since(tmp_path, 105) is None
