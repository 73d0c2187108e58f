"""Detect a repository's framework, its build command and its output folder."""

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mprelease.domain.apps import Environment
from mprelease.domain.errors import StageFailed
from mprelease.domain.node_versions import FIRST_NODE_WITH_OPENSSL_3, numbers
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.packages import manifests
from mprelease.pipeline import hbuilderx
from mprelease.pipeline.hbuilderx import is_hbuilderx
from mprelease.platforms.mini_programs import require_json
from mprelease.platforms.registry import driver_of
from mprelease.schemas.apps import App


class Framework(StrEnum):
    """The framework of a mini program."""

    UNI_APP_VITE = "uni-app-vite"
    UNI_APP_VUE_CLI = "uni-app-vue-cli"
    TARO = "taro"
    NATIVE = "native"


@dataclass(frozen=True)
class Recipe:
    """How a repository is built.

    `build_command` is a shell line, run with `node_modules/.bin` in PATH; None if nothing needs to
    be built. `output` is relative to the app's folder. `variables` are added to the command's
    environment; NODE_OPTIONS is combined with other options.
    """

    build_command: str | None
    output: str
    framework: Framework
    variables: Mapping[str, str] = field(default_factory=dict)


_UNRECOGNISED = (Problem.BUILD_COMMAND_UNKNOWN, Problem.HBUILDERX_PROJECT)


def recipe_of(folder: Path, app: App, environment: Environment, node_version: str) -> Recipe:
    """Return the detected recipe for a version of Node; the app's settings go before it.

    A configured command does not get a detected recipe's variables: it may run another Node. Raise
    StageFailed if a setting is missing: BUILD_COMMAND_UNKNOWN for command and output,
    BUILD_COMMAND_MISSING or OUTPUT_UNKNOWN for one of them.
    """
    settings, is_production = app.build, environment is Environment.PRODUCTION
    command = settings.build_command if is_production else settings.dev_build_command
    if command and settings.output:
        return Recipe(command, settings.output, Framework.NATIVE)
    try:
        known = recognise(folder, app.platform, environment)
    except StageFailed as failure:
        if failure.problem_detail.problem not in _UNRECOGNISED:
            raise
        if command:
            raise StageFailed(Problem.OUTPUT_UNKNOWN) from None
        if settings.output:
            option = "--build-command" if is_production else "--dev-build-command"
            raise StageFailed(
                Problem.BUILD_COMMAND_MISSING, environment=environment, option=option
            ) from None
        raise
    return Recipe(
        command or known.build_command,
        settings.output or known.output,
        known.framework,
        {} if command else _accepted(known.variables, node_version),
    )


def _accepted(variables: Mapping[str, str], node_version: str) -> Mapping[str, str]:
    # Older versions refuse the option for the old algorithms, which they have anyway.
    dropped = "NODE_OPTIONS" if numbers(node_version) < FIRST_NODE_WITH_OPENSSL_3 else ""
    return {name: value for name, value in variables.items() if name != dropped}


def recognise(folder: Path, platform: Platform, environment: Environment) -> Recipe:
    """Detect the recipe of an app's folder.

    Raise StageFailed with BUILD_COMMAND_UNKNOWN, HBUILDERX_PROJECT, or CONFIG_NOT_JSON.
    """
    targets = driver_of(platform).build_targets
    package = manifests.parsed(folder / "package.json")
    needs = {*manifests.section(package, "dependencies")}
    needs |= {*manifests.section(package, "devDependencies")}
    scripts = manifests.section(package, "scripts").keys()
    for plugin, recipe_for in _UNI_APP_RECIPES.items():
        if targets and plugin in needs:
            recipe = recipe_for(targets.uni_app, environment, scripts)
            return _with_sources_here(recipe) if is_hbuilderx(folder) else recipe
    if targets and needs & {"@tarojs/cli", "@tarojs/taro"}:
        recipe = _taro(folder, targets.taro, environment, scripts)
        return _with_old_webpack(recipe) if "@tarojs/mini-runner" in needs else recipe
    if _is_native(folder):
        return Recipe("npm run build" if "build" in scripts else None, ".", Framework.NATIVE)
    if targets and is_hbuilderx(folder):
        raise StageFailed(Problem.HBUILDERX_PROJECT, target=targets.uni_app)
    for name in ("project.config.json", "mini.project.json"):
        require_json(folder / name)
    raise StageFailed(Problem.BUILD_COMMAND_UNKNOWN)


def install_folders(folder: Path) -> tuple[str, ...]:
    """Return the folders to install in, relative to the app's: itself, and native roots.

    The vendors' tools pack npm packages next to a package.json. Native projects often have the one
    with these packages in the root of the mini program or plugin, and another one with development
    tools at the top.
    """
    candidates = (".", *_roots(folder)) if _is_native(folder) else (".",)
    found = (name for name in candidates if (folder / name / "package.json").is_file())
    return tuple(dict.fromkeys(found))


_OUTPUT_ROOT = re.compile(r"""\boutputRoot\s*:\s*(?P<quote>['"`])(?P<path>[^'"`]+)(?P=quote)""")


def _uni_app_vite(target: str, environment: Environment, scripts: Container[str]) -> Recipe:
    # `uni build` always builds with NODE_ENV=production into dist/build (@dcloudio/
    # vite-plugin-uni 3.0.0-4020920240930001); the mode selects the .env file. Only --watch, which
    # does not end, makes a development build with NODE_ENV=development.
    command = f"uni build -p {target}"
    if environment is Environment.DEVELOPMENT:
        command += " --mode development"
    elif f"build:{target}" in scripts:
        command = f"npm run build:{target}"
    return Recipe(command, f"dist/build/{target}", Framework.UNI_APP_VITE)


def _with_sources_here(recipe: Recipe) -> Recipe:
    command = f"UNI_INPUT_DIR=$PWD {recipe.build_command}"
    return Recipe(command, recipe.output, recipe.framework, recipe.variables)


def _uni_app_vue_cli(target: str, environment: Environment, scripts: Container[str]) -> Recipe:
    production = environment is Environment.PRODUCTION
    command = "vue-cli-service uni-build"
    if production and f"build:{target}" in scripts:
        command = f"npm run build:{target}"
    output = f"dist/{'build' if production else 'dev'}/{target}"
    variables = {"NODE_ENV": environment.value, "UNI_PLATFORM": target}
    return _with_old_webpack(Recipe(command, output, Framework.UNI_APP_VUE_CLI, variables))


_UNI_APP_RECIPES: Mapping[str, Callable[[str, Environment, Container[str]], Recipe]] = {
    hbuilderx.VITE_PLUGIN: _uni_app_vite,
    hbuilderx.VUE_CLI_PLUGIN: _uni_app_vue_cli,
}


def _taro(folder: Path, target: str, environment: Environment, scripts: Container[str]) -> Recipe:
    command = f"taro build --type {target}"
    if environment is Environment.PRODUCTION and f"build:{target}" in scripts:
        command = f"npm run build:{target}"
    variables = {"NODE_ENV": environment.value}
    return Recipe(command, _taro_output(folder, target), Framework.TARO, variables)


def _taro_output(folder: Path, target: str) -> str:
    configs = (folder / "config" / name for name in ("index.ts", "index.js"))
    found = _OUTPUT_ROOT.search("\n".join(manifests.text(path) for path in configs))
    path = found["path"].replace("${process.env.TARO_ENV}", target) if found else "dist"
    return "dist" if "${" in path else path.removeprefix("./").rstrip("/")


def _with_old_webpack(recipe: Recipe) -> Recipe:
    # webpack 4 hashes with MD4, which is a legacy algorithm in OpenSSL 3 (Node >= 17).
    # Without it vue-cli's build ends silently, with exit code 0 and no output.
    variables = {**recipe.variables, "NODE_OPTIONS": "--openssl-legacy-provider"}
    return Recipe(recipe.build_command, recipe.output, recipe.framework, variables)


_CONFIGS = ("project.config.json", "mini.project.json")
_ROOTS = ("miniprogramRoot", "pluginRoot")


def _roots(folder: Path) -> list[str]:
    configs = (manifests.parsed(folder / name) for name in _CONFIGS)
    named = (str(each.get(name) or ".") for each in configs for name in _ROOTS)
    roots = [name.strip("/").removeprefix("./") or "." for name in named]
    return [root for root in roots if ".." not in Path(root).parts]


def _is_native(folder: Path) -> bool:
    project = manifests.parsed(folder / "project.config.json")
    roots = ("miniprogramRoot", "srcMiniprogramRoot", "pluginRoot")
    mini = manifests.parsed(folder / "mini.project.json")
    if any(project.get(root) for root in roots) or mini.get("miniprogramRoot"):
        return True
    return any((folder / name).is_file() for name in ("app.json", "game.json", "plugin.json"))
