import time
from pathlib import Path

import pytest

from mprelease.domain.problems import Parameter, Problem, ProblemDetail
from mprelease.domain.releases import Stage
from mprelease.pipeline.diagnosis import diagnose

SAMPLES = Path(__file__).parent / "samples"
TREE = Path("/tree")
KIT = "ssh://git@127.0.0.1:9/our/kit.git"
INSTALL, BUILD = Stage.INSTALL, Stage.BUILD


def sample(name: str) -> list[str]:
    return (SAMPLES / f"{name}.txt").read_text(encoding="utf-8").splitlines()


# Each sample is what the named tool wrote when it was made to fail, without its stack traces.
@pytest.mark.parametrize(
    ("name", "stage", "problem", "parameters"),
    [
        ("node-out-of-memory", BUILD, Problem.NODE_OUT_OF_MEMORY, {}),
        ("killed", BUILD, Problem.KILLED_BY_SYSTEM, {}),
        ("yarn-killed", BUILD, Problem.KILLED_BY_SYSTEM, {}),
        ("npm-disk-full", INSTALL, Problem.DISK_FULL, {}),
        ("node-disk-full", BUILD, Problem.DISK_FULL, {}),
        ("old-webpack", BUILD, Problem.OLD_WEBPACK_NEW_NODE, {}),
        ("command-not-found", BUILD, Problem.COMMAND_NOT_FOUND, {"name": "taro"}),
        ("command-not-found-bash", BUILD, Problem.COMMAND_NOT_FOUND, {"name": "vue-cli-service"}),
        ("spawn-enoent", BUILD, Problem.COMMAND_NOT_FOUND, {"name": "vue-cli-service"}),
        ("npm-script-missing", BUILD, Problem.COMMAND_NOT_FOUND, {"name": "build:mp-weixin"}),
        ("module-missing", BUILD, Problem.DEPENDENCY_MISSING, {"name": "less"}),
        ("esm-module-missing", BUILD, Problem.DEPENDENCY_MISSING, {"name": "less"}),
        ("vite-import-missing", BUILD, Problem.DEPENDENCY_MISSING, {"name": "dayjs-x"}),
        ("vite-sass-missing", BUILD, Problem.DEPENDENCY_MISSING, {"name": "sass"}),
        ("taro-import-missing", BUILD, Problem.DEPENDENCY_MISSING, {"name": "dayjs-x"}),
        ("vue-cli-import-missing", BUILD, Problem.DEPENDENCY_MISSING, {"name": "dayjs-x"}),
        *(
            (
                f"{manager}-mirror-{how}",
                INSTALL,
                Problem.LOCK_FILE_RETIRED_MIRROR,
                {"host": "registry.npm.taobao.org"},
            )
            for manager, how in (
                ("npm", "certificate"),
                ("pnpm", "certificate"),
                ("yarn", "refused"),
            )
        ),
        *(
            (f"{manager}-lock-out-of-sync", INSTALL, Problem.LOCK_FILE_REFUSED, {})
            for manager in ("npm", "pnpm", "yarn", "berry")
        ),
        (
            "npm-peer-conflict",
            INSTALL,
            Problem.PEER_DEPENDENCY_CONFLICT,
            {"package": "vuex@3.6.2"},
        ),
        ("npm-404", INSTALL, Problem.PACKAGE_NOT_FOUND, {"name": "no-such-package@1.0.0"}),
        ("npm6-404", INSTALL, Problem.PACKAGE_NOT_FOUND, {"name": "no-such-package@1.0.0"}),
        ("npm-version-missing", INSTALL, Problem.PACKAGE_NOT_FOUND, {"name": "ms@2.1.99"}),
        ("pnpm-404", INSTALL, Problem.PACKAGE_NOT_FOUND, {"name": "no-such-package"}),
        ("yarn-404", INSTALL, Problem.PACKAGE_NOT_FOUND, {"name": "no-such-package"}),
        ("berry-404", INSTALL, Problem.PACKAGE_NOT_FOUND, {"name": "no-such-package"}),
        (
            "pnpm-tarball-404",
            INSTALL,
            Problem.PACKAGE_NOT_FOUND,
            {"name": "openapi-ts-request-1.10.0.tgz"},
        ),
        (
            "yarn-tarball-404",
            INSTALL,
            Problem.PACKAGE_NOT_FOUND,
            {"name": "mini-runner-3.2.0.tgz"},
        ),
        # issue 12, number 23
        ("npm-check-sum", INSTALL, Problem.PACKAGE_CHANGED, {"name": "is-number"}),
        ("pnpm-check-sum", INSTALL, Problem.PACKAGE_CHANGED, {"name": "kit-1.0.0.tgz"}),
        ("yarn-check-sum", INSTALL, Problem.PACKAGE_CHANGED, {"name": "is-number"}),
        ("berry-check-sum", INSTALL, Problem.PACKAGE_CHANGED, {"name": "@our/kit"}),
        # issue 12, number 31
        *(
            (f"{manager}-git-ssh", INSTALL, Problem.GIT_DEPENDENCY_REFUSED, {"address": KIT})
            for manager in ("npm", "pnpm", "yarn", "berry")
        ),
        ("yarn-variable-unset", INSTALL, Problem.NPMRC_VARIABLE_UNSET, {"name": "NPM_TOKEN"}),
        ("berry-variable-unset", INSTALL, Problem.NPMRC_VARIABLE_UNSET, {"name": "NPM_TOKEN"}),
        (
            "npm-engine",
            INSTALL,
            Problem.ENGINE_REFUSED,
            {"wanted": '"node":">=99"', "actual": '"node":"v20.20.2","npm":"11.19.1"'},
        ),
        ("pnpm-engine", INSTALL, Problem.ENGINE_REFUSED, {"wanted": ">=99", "actual": "v20.20.2"}),
        ("yarn-engine", INSTALL, Problem.ENGINE_REFUSED, {"wanted": ">=99", "actual": "20.20.2"}),
        ("npm-enotfound", INSTALL, Problem.REGISTRY_UNREACHABLE, {"host": "registry.invalid"}),
        ("pnpm-enotfound", INSTALL, Problem.REGISTRY_UNREACHABLE, {"host": "registry.invalid"}),
        ("yarn-enotfound", INSTALL, Problem.REGISTRY_UNREACHABLE, {"host": "registry.invalid"}),
        ("npm-econnrefused", INSTALL, Problem.REGISTRY_UNREACHABLE, {"host": "127.0.0.1:9"}),
        ("npm-timeout", INSTALL, Problem.REGISTRY_UNREACHABLE, {"host": "127.0.0.1:4873"}),
        ("yarn-timeout", INSTALL, Problem.REGISTRY_UNREACHABLE, {"host": "127.0.0.1:4873"}),
        *(
            (
                f"{which}-script-download",
                INSTALL,
                Problem.DOWNLOAD_UNREACHABLE,
                {"host": "downloads.example.invalid"},
            )
            for which in ("npm", "npm-own", "pnpm", "yarn", "yarn-own", "berry")
        ),
    ],
)
def test_a_known_failure_is_told(
    name: str, stage: Stage, problem: Problem, parameters: dict[str, Parameter]
) -> None:
    assert diagnose(sample(name), 1, stage, TREE) == ProblemDetail(problem, parameters)


@pytest.mark.parametrize(
    ("name", "file", "line", "detail"),
    [
        ("vite-syntax", "src/pages/index/index.vue", 12, 'Unexpected token, expected ","'),
        ("vite-template-syntax", "src/pages/index/index.vue", 1, "Element is missing end tag."),
        ("vite-ts-syntax", "src/broken.ts", 2, "Expected identifier but found end of file"),
        ("taro-syntax", "src/pages/index/index.jsx", 3, "Unexpected token"),
        ("vue-cli-syntax", "src/main.js", 12, "Unexpected token"),
        ("node-syntax", "b.js", 1, "Unexpected token ';'"),
        ("tsc", "a.ts", 3, "TS1005: '}' expected."),
        ("tsc-pretty", "a.ts", 3, "TS1005: '}' expected."),
    ],
)
def test_a_syntax_error_is_told_with_its_place(
    name: str, file: str, line: int, detail: str
) -> None:
    found = diagnose(sample(name), 1, BUILD, TREE)
    assert found == ProblemDetail(
        Problem.SOURCE_SYNTAX_ERROR, {"file": file, "line": line, "detail": detail}
    )


def test_a_missing_file_of_the_project_is_not_called_a_dependency() -> None:
    assert diagnose(sample("vite-file-missing"), 1, BUILD, TREE) is None
    assert diagnose(["Error: Cannot find module '/tree/config/dev'"], 1, BUILD, TREE) is None


def test_an_end_by_the_systems_memory_limit_is_told_by_the_exit_code_alone() -> None:
    assert diagnose([], 137, BUILD, TREE) == ProblemDetail(Problem.KILLED_BY_SYSTEM)


def test_a_build_that_misses_the_network_is_not_told_about_the_registry() -> None:
    lines = ["Error: getaddrinfo ENOTFOUND fonts.example.com"]
    assert diagnose(lines, 1, BUILD, TREE) is None


def test_an_unknown_failure_is_left_to_others() -> None:
    assert diagnose(["something else went wrong"], 1, INSTALL, TREE) is None


def test_a_flood_of_odd_lines_is_read_quickly() -> None:
    lines = ["(" * 70_000, "a/" * 40_000, "SyntaxError: " + "[x] " * 20_000, "x:1:" * 9_000]
    assert diagnose(lines * 75, 1, BUILD, TREE) is None


@pytest.mark.parametrize(
    "line",
    [
        "cannot a" * 40,
        "cannot anode_modules/a" + ":" * 300,
        "node_modules/" * 30,
        "node_modules/" + "a" * 300,
        "EROFS'''" * 40,
        "Error: " + "[a] " * 80,
    ],
)
def test_no_line_of_a_build_holds_the_worker_up(line: str) -> None:
    began = time.process_time()
    diagnose([line] * 400, 1, Stage.BUILD, Path("/build/0123/tree"))
    assert time.process_time() - began < 4.0


@pytest.mark.parametrize(
    "line", ["tarball data for a@" * 11 + " seems to be corrupted" * 4, "EINTEGRIT" * 33]
)
def test_no_line_of_an_install_holds_the_worker_up(line: str) -> None:
    began = time.process_time()
    diagnose(["tarball data for a@ seems to be corrupted", line] * 200, 1, INSTALL, TREE)
    assert time.process_time() - began < 2.0
