"""Recognise from a repository what it is, how it is built, and where the result lies."""

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mprelease.domain.apps import App, Environment
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.packages import manifests
from mprelease.pipeline import hbuilderx
from mprelease.pipeline.hbuilderx import is_hbuilderx
from mprelease.platforms.mini_programs import require_json
from mprelease.platforms.registry import driver_of


class Framework(StrEnum):
    """What a mini program is written with."""

    UNI_APP_VITE = "uni-app-vite"
    UNI_APP_VUE_CLI = "uni-app-vue-cli"
    TARO = "taro"
    NATIVE = "native"


@dataclass(frozen=True)
class Recipe:
    """How a repository is built without being told.

    `build_command` is a shell line that finds its programs in `node_modules/.bin`; None means
    that there is nothing to build. `output` is relative to the app's folder. `variables` belong
    into the environment of the command; a NODE_OPTIONS among them joins others.
    """

    build_command: str | None
    output: str
    framework: Framework
    variables: Mapping[str, str] = field(default_factory=dict)


_UNRECOGNISED = (Problem.BUILD_COMMAND_UNKNOWN, Problem.HBUILDERX_PROJECT)


def recipe_of(folder: Path, app: App, environment: Environment) -> Recipe:
    """Return what was recognised, as far as the app's settings do not say otherwise.

    A command that was told gets no variable of a recognised one: it may call another Node.
    Raise StageFailed that names the setting which lacks: BUILD_COMMAND_UNKNOWN for command and
    output, BUILD_COMMAND_MISSING or OUTPUT_UNKNOWN for one of them.
    """
    settings, is_production = app.build, environment is Environment.PRODUCTION
    told = settings.build_command if is_production else settings.dev_build_command
    if told and settings.output:
        return Recipe(told, settings.output, Framework.NATIVE)
    try:
        known = recognise(folder, app.platform, environment)
    except StageFailed as failure:
        if failure.problem_detail.problem not in _UNRECOGNISED:
            raise
        if told:
            raise StageFailed(Problem.OUTPUT_UNKNOWN) from None
        if settings.output:
            option = "--build-command" if is_production else "--dev-build-command"
            raise StageFailed(
                Problem.BUILD_COMMAND_MISSING, environment=environment, option=option
            ) from None
        raise
    return Recipe(
        told or known.build_command,
        settings.output or known.output,
        known.framework,
        {} if told else known.variables,
    )


def recognise(folder: Path, platform: Platform, environment: Environment) -> Recipe:
    """Return the recipe for an app's folder.

    Raise StageFailed for one that is not recognised, is HBuilderX's, or whose settings are no JSON.
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
    """Return what wants an install, relative to the app's folder: itself, and native roots.

    The tools pack npm modules beside a package.json, and native projects often keep
    the one with their modules in the root of the mini program or plugin, apart from the tools at
    the top.
    """
    candidates = (".", *_roots(folder)) if _is_native(folder) else (".",)
    found = (name for name in candidates if (folder / name / "package.json").is_file())
    return tuple(dict.fromkeys(found))


_OUTPUT_ROOT = re.compile(r"""\boutputRoot\s*:\s*(?P<quote>['"`])(?P<path>[^'"`]+)(?P=quote)""")


def _uni_app_vite(target: str, environment: Environment, scripts: Container[str]) -> Recipe:
    # `uni build` always builds with NODE_ENV=production into dist/build (@dcloudio/
    # vite-plugin-uni 3.0.0-4020920240930001); the mode chooses the .env file. Only --watch,
    # which never ends, makes a development build in the narrow sense.
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
    # webpack 4 hashes with MD4, which OpenSSL 3 (Node >= 17) keeps among its legacy algorithms.
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
