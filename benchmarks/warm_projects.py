"""The projects of warm releases, and how a person's script installs and builds them."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import projects
from benchmarks.installation import APP, native
from benchmarks.measuring import InvalidMeasurement
from benchmarks.repository import clone, make
from mprelease.domain.platforms import Platform
from mprelease.schemas.apps import AppChange
from mprelease.simulator.sample import make_samples

# A clone of a project with npm packages for WeChat's tool, on `main`, with package-lock.json: for
# example Tencent's tdesign-miniprogram-starter-retail.
RETAIL = "MPRELEASE_BENCH_RETAIL"
_PNPM = "9.15.9"
_QUIET = {"npm": ("--no-audit", "--no-fund"), "pnpm": ()}
_UNI_APP_CONFIG = (
    "src/pages.json",
    '"pages":',
    '"globalStyle": {"navigationBarTitleText": "b"}, "pages":',
)
_TARO_CONFIG = (
    "src/app.config.ts",
    "defineAppConfig({",
    "defineAppConfig({ window: { navigationBarTitleText: 'b' },",
)


@dataclass(frozen=True)
class Project:
    """A project to release; `changed` is a JavaScript file that each new commit changes.

    `build` is the script's build command, None for a native project, and `develop` the one for the
    development environment; a native project with npm packages in it is built by installing them,
    and the tool packs these. A change of the configuration replaces a text of a file: `config`. The
    targets are how many times faster than the script a release of a new, and of a built commit has
    to be.
    """

    name: str
    platform: Platform
    make: Callable[[Path], Path]
    app: AppChange
    changed: str
    output: str
    new: float
    same: float
    config: tuple[str, str, str]
    build: str | None = None
    develop: str | None = None
    packs_npm: bool = False
    install: tuple[str, ...] = ("npm", "ci")


def _uni_app(folder: Path) -> Path:
    return with_lock(folder, projects.uni_app())


def _uni_app_with_pnpm(folder: Path) -> Path:
    files = dict(projects.uni_app())
    package = json.loads(files["package.json"]) | {"packageManager": f"pnpm@{_PNPM}"}
    files["package.json"] = json.dumps(package)
    npm(folder.parent, folder.parent, "install", "--prefix", str(folder.parent), f"pnpm@{_PNPM}")
    place = folder.with_name("locked")
    make(place, files)
    run(folder.parent, place, str(_pnpm(folder.parent)), "install")
    lock = (place / "pnpm-lock.yaml").read_text(encoding="utf-8")
    shutil.rmtree(place)
    return make(folder, {**files, "pnpm-lock.yaml": lock})


def _pnpm(folder: Path) -> Path:
    return folder / "node_modules" / ".bin" / "pnpm"


def _taro(folder: Path) -> Path:
    return with_lock(folder, projects.taro())


def retail(folder: Path) -> Path:
    """Clone the named repository, and fill npm's cache."""
    clone(Path(os.environ[RETAIL]), folder)
    place = clone(folder, folder.with_name("locked"))
    npm(folder.parent, place, "ci", "--ignore-scripts")
    shutil.rmtree(place)
    return folder


def with_lock(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make a repository with a lock file, and fill npm's cache."""
    place = folder.with_name("locked")
    make(place, files)
    npm(folder.parent, place, "install")
    lock = (place / "package-lock.json").read_text(encoding="utf-8")
    shutil.rmtree(place)
    return make(folder, {**files, "package-lock.json": lock})


PROJECTS = (
    Project(
        "uni-app",
        Platform.WECHAT,
        _uni_app,
        native().with_(name=APP),
        "src/build.js",
        "dist/build/mp-weixin",
        new=3.5,
        same=25,
        config=_UNI_APP_CONFIG,
        build="npm run build:mp-weixin",
        develop="npx uni build -p mp-weixin --mode development",
    ),
    Project(
        "taro",
        Platform.WECHAT,
        _taro,
        native().with_(name=APP),
        "src/build.js",
        "dist",
        new=4.5,
        same=40,
        config=_TARO_CONFIG,
        build="npm run build:weapp",
        develop="NODE_ENV=development npx taro build --type weapp",
        # Its lock file lacks packages of other systems, which `npm ci` of some versions refuses.
        install=("npm", "install"),
    ),
    Project(
        "uni-app with pnpm",
        Platform.WECHAT,
        _uni_app_with_pnpm,
        native().with_(name=APP),
        "src/build.js",
        "dist/build/mp-weixin",
        new=3.5,
        same=25,
        config=_UNI_APP_CONFIG,
        build="npm run build:mp-weixin",
        develop="npx uni build -p mp-weixin --mode development",
        install=("pnpm", "install", "--frozen-lockfile"),
    ),
    Project(
        "retail",
        Platform.WECHAT,
        retail,
        native().with_(name=APP),
        "utils/build.js",
        ".",
        new=6,
        same=20,
        config=("app.json", '"navigationBarTitleText": "', '"navigationBarTitleText": "b'),
        packs_npm=True,
    ),
    *(
        Project(
            f"native-{platform}",
            platform,
            make_samples,
            native().with_(directory=platform),
            f"{platform}/utils/build.js",
            platform,
            new,
            same,
            (f"{platform}/app.json", "一周", "一个月"),
        )
        for platform, new, same in (
            (Platform.WECHAT, 5.0, 7.0),
            (Platform.ALIPAY, 5.0, 7.0),
            (Platform.DOUYIN, 2.6, 3.2),
        )
    ),
)


def install_and_build(folder: Path, place: Path, project: Project, build: str | None) -> None:
    """Install and build a clone as a person's script does; raise InvalidMeasurement."""
    if project.build or project.packs_npm:
        program, *options = project.install
        program = str(_pnpm(folder)) if program == "pnpm" else program
        run(folder, place, program, *options, "--prefer-offline", *_QUIET[project.install[0]])
    if build:
        run(folder, place, "sh", "-c", build)


def npm(folder: Path, place: Path, *arguments: str) -> None:
    """Run npm in a project, with the cache of this benchmark."""
    run(folder, place, "npm", *arguments)


def run(folder: Path, place: Path, *command: str) -> None:
    """Run a command in a project; raise InvalidMeasurement if it fails."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "npm_config_cache": str(folder / "npm-cache"),
        "npm_config_store_dir": str(folder / "pnpm-store"),
        "CI": "true",
    }
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise InvalidMeasurement(f"{command}: {done.stderr[-2000:]}{done.stdout[-2000:]}")
