import time
from pathlib import Path

import pytest

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.packages.install_plan import (
    Install,
    Manager,
    ManagerName,
    download_variables,
    find,
    install_command,
    install_variables,
)
from trees import write

BERRY = '__metadata:\n  version: {}\n  cacheKey: 10c0\n\n"ms@npm:2.1.3":\n  version: 2.1.3\n'


def found(tree: Path, directory: str = ".") -> Install:
    install = find(tree, directory, "20.0.0")
    assert install
    return install


def test_a_project_without_a_package_file_needs_no_install(tmp_path: Path) -> None:
    assert find(tmp_path, ".", "20.0.0") is None


@pytest.mark.parametrize(
    ("lock", "content", "name", "version"),
    [
        ("package-lock.json", "{}", ManagerName.NPM, None),
        ("npm-shrinkwrap.json", "{}", ManagerName.NPM, None),
        ("yarn.lock", "# yarn lockfile v1\n", ManagerName.YARN, "1.22.22"),
        ("yarn.lock", BERRY.format(4), ManagerName.YARN_BERRY, "2.4.2"),
        ("yarn.lock", BERRY.format(6), ManagerName.YARN_BERRY, "3.8.7"),
        ("yarn.lock", BERRY.format(8), ManagerName.YARN_BERRY, "4.13.0"),
        ("yarn.lock", BERRY.format(10), ManagerName.YARN_BERRY, "4.18.1"),
        ("pnpm-lock.yaml", "lockfileVersion: 5.4\n", ManagerName.PNPM, "7.33.7"),
        ("pnpm-lock.yaml", "lockfileVersion: '6.0'\n", ManagerName.PNPM, "8.15.9"),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n", ManagerName.PNPM, "10.34.9"),
        ("pnpm-lock.yaml", "lockfileVersion: '99.0'\n", ManagerName.PNPM, "10.34.9"),
    ],
)
def test_a_lock_file_tells_the_manager_and_a_version_that_takes_it(
    tmp_path: Path, lock: str, content: str, name: ManagerName, version: str | None
) -> None:
    write(tmp_path, "package.json", {})
    path = write(tmp_path, lock, content)
    assert found(tmp_path) == Install(tmp_path, Manager(name, version), path)


def test_a_project_without_a_lock_file_is_installed_by_the_npm_that_is_there(
    tmp_path: Path,
) -> None:
    write(tmp_path, "package.json", {})
    assert found(tmp_path) == Install(tmp_path, Manager(ManagerName.NPM, None), None)


def test_a_stray_lock_of_npm_does_not_outvote_another_manager(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {})
    write(tmp_path, "package-lock.json", "{}")
    write(tmp_path, "yarn.lock", "# yarn lockfile v1\n")
    assert found(tmp_path).manager.name is ManagerName.YARN


@pytest.mark.parametrize(
    ("field", "manager", "package"),
    [
        ("npm@10.9.2", Manager(ManagerName.NPM, "10.9.2"), "npm"),
        ("pnpm@9.1.0+sha512.abc", Manager(ManagerName.PNPM, "9.1.0"), "pnpm"),
        ("yarn@1.22.19", Manager(ManagerName.YARN, "1.22.19"), "yarn"),
        ("yarn@4.1.0", Manager(ManagerName.YARN_BERRY, "4.1.0"), "@yarnpkg/cli-dist"),
        ("yarn@3.6.1", Manager(ManagerName.YARN_BERRY, "3.6.1"), "@yarnpkg/cli-dist"),
    ],
)
def test_the_package_file_may_ask_for_an_exact_manager(
    tmp_path: Path, field: str, manager: Manager, package: str
) -> None:
    write(tmp_path, "package.json", {"packageManager": field})
    write(tmp_path, "package-lock.json", "{}")
    assert found(tmp_path).manager == manager
    assert manager.npm_package == package


def test_a_lock_file_of_another_manager_than_the_asked_one_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {"packageManager": "pnpm@9.1.0"})
    write(tmp_path, "package-lock.json", "{}")
    assert found(tmp_path).lock is None


@pytest.mark.parametrize(
    "field",
    [
        "bun@1.1.0",
        "pnpm",
        "npm@latest",
        "npm@1;id",
        "npm@1.0 -g x",
        f"pnpm@1{'0' * 120}",
        "pnpm@\u0661",
    ],
)
def test_an_unknown_manager_is_refused_by_name(tmp_path: Path, field: str) -> None:
    write(tmp_path, "package.json", {"packageManager": field})
    with pytest.raises(StageFailed) as failure:
        find(tmp_path, ".", "20.0.0")
    assert failure.value.problem_detail == ProblemDetail(
        Problem.PACKAGE_MANAGER_UNKNOWN, {"manager": field}
    )


@pytest.mark.parametrize(
    ("field", "lock", "manager"),
    [
        ("bun@1.1.0", "bun.lock", Manager(ManagerName.NPM, None)),
        ("cnpm@9.4.0", "package-lock.json", Manager(ManagerName.NPM, None)),
        ("npm@^10", "package-lock.json", Manager(ManagerName.NPM, None)),
        ("pnpm@latest", "pnpm-lock.yaml", Manager(ManagerName.PNPM, "10.34.9")),
        ("yarn", "yarn.lock", Manager(ManagerName.YARN, "1.22.22")),
        ("", "bun.lockb", Manager(ManagerName.NPM, None)),
    ],
)
def test_with_a_command_of_the_apps_own_the_manager_need_not_be_known(
    tmp_path: Path, field: str, lock: str, manager: Manager
) -> None:
    """Issue 12, number 24."""
    write(tmp_path, "package.json", {"packageManager": field} if field else {})
    path = write(tmp_path, lock, "")
    install = find(tmp_path, ".", "20.0.0", has_command=True)
    assert install
    assert install.manager == manager
    assert install.lock == (None if "bun" in lock else path)
    with pytest.raises(StageFailed):
        find(tmp_path, ".", "20.0.0")


def test_a_command_of_the_apps_own_needs_no_package_file(tmp_path: Path) -> None:
    """Issue 12, number 24."""
    install = Install(tmp_path, Manager(ManagerName.NPM, None), None)
    assert find(tmp_path, ".", "20.0.0", has_command=True) == install


def test_a_lock_file_of_bun_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {})
    write(tmp_path, "bun.lockb")
    with pytest.raises(StageFailed) as failure:
        find(tmp_path, ".", "20.0.0")
    assert failure.value.problem_detail == ProblemDetail(
        Problem.PACKAGE_MANAGER_UNKNOWN, {"manager": "bun"}
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package.json", {"workspaces": ["apps/*"]}),
        ("package.json", {"workspaces": {"packages": ["./apps/*/"]}}),
        ("pnpm-workspace.yaml", "packages:\n  # what we ship\n  - 'libs/**'\n  - apps/*\n"),
        ("pnpm-workspace.yaml", 'catalog:\n  vue: 3\npackages:\n- "apps/**"\n'),
    ],
)
def test_an_app_in_a_workspace_is_installed_at_its_root(
    tmp_path: Path, name: str, content: object
) -> None:
    write(tmp_path, "package.json", {})
    write(tmp_path, "apps/mini/package.json", {})
    write(tmp_path, name, content)
    lock = write(tmp_path, "pnpm-lock.yaml", "lockfileVersion: '9.0'\n")
    assert found(tmp_path, "apps/mini") == Install(
        tmp_path, Manager(ManagerName.PNPM, "10.34.9"), lock
    )


@pytest.mark.parametrize(
    "yaml",
    [
        "packages: ['apps/*', \"libs/*\"]\n",
        '"packages":\n  - apps/*\n',
        "'packages' : [apps/mini]\n",
        "packages:\n  - '{apps,libs}/*'\n",
        "packages:\n  - apps/{mini,shop}\n",
        "packages:\n  - apps/**\n  - '!**/test/**'\n",
        "packages:\n  -\n    apps/*\n",
        "packages: &all\n  - >-\n    apps/*\n",
        "{packages: [apps/!(shop)]}\n",
        "%YAML 1.2\n---\npackages:\n    - ./apps/[a-m]*/  # ours\n",
    ],
)
def test_a_workspace_of_pnpm_is_read_in_every_form_of_yaml_and_globs(
    tmp_path: Path, yaml: str
) -> None:
    """Issue 12, number 18."""
    write(tmp_path, "package.json", {})
    write(tmp_path, "apps/mini/package.json", {})
    write(tmp_path, "pnpm-workspace.yaml", yaml)
    lock = write(tmp_path, "pnpm-lock.yaml", '"lockfileVersion": "9.0"\n')
    assert found(tmp_path, "apps/mini") == Install(
        tmp_path, Manager(ManagerName.PNPM, "10.34.9"), lock
    )


def test_a_list_that_npm_left_behind_does_not_hide_the_one_of_pnpm(tmp_path: Path) -> None:
    """Issue 12, number 18."""
    write(tmp_path, "package.json", {"workspaces": ["libs/*"]})
    write(tmp_path, "pnpm-workspace.yaml", "packages: [apps/*]")
    write(tmp_path, "apps/mini/package.json", {})
    assert found(tmp_path, "apps/mini").folder == tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 40 + "b",
        "+(+(a)+)/*",
        "{1..99999999}",
        "{a,b}" * 30,
        "((((",
        "[",
        "*" * 5000,
    ],
)
def test_a_pattern_that_would_take_for_ever_covers_nothing(tmp_path: Path, pattern: str) -> None:
    """Issue 12, number 18: what a committer writes becomes a regular expression."""
    write(tmp_path, "package.json", {"workspaces": [pattern, pattern]})
    folder = "a" * 60
    write(tmp_path, f"{folder}/package.json", {})
    started = time.monotonic()
    assert found(tmp_path, folder).folder == tmp_path / folder
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "yaml",
    [
        "[" * 100_000,
        "- " * 60_000,
        "a: &a {x: 1}\nb: &b {<<: [*a, *a, *a, *a, *a, *a, *a, *a, *a]}\npackages: *b\n",
        "packages: &p [*p]\n",
        "packages: {a: b}\n",
        "packages: [!!python/object/apply:os.system ['false']]\n",
        "packages: [apps/*",
        "\0",
        "# long\n" * 100_000,
    ],
)
def test_yaml_that_is_none_or_means_harm_is_no_workspace(tmp_path: Path, yaml: str) -> None:
    """Issue 12, number 18."""
    write(tmp_path, "package.json", {})
    write(tmp_path, "pnpm-workspace.yaml", yaml)
    write(tmp_path, "apps/mini/package.json", {})
    assert found(tmp_path, "apps/mini").folder == tmp_path / "apps/mini"


@pytest.mark.parametrize("workspaces", [[], ["libs/*"], ["apps/*", "!apps/mini"], ["apps"]])
def test_an_app_outside_of_the_workspace_is_installed_by_itself(
    tmp_path: Path, workspaces: list[str]
) -> None:
    write(tmp_path, "package.json", {"workspaces": workspaces})
    write(tmp_path, "yarn.lock")
    write(tmp_path, "apps/mini/package.json", {})
    assert found(tmp_path, "apps/mini").folder == tmp_path / "apps/mini"


def test_an_app_with_a_lock_file_of_its_own_is_installed_by_itself(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {"workspaces": ["apps/*"]})
    write(tmp_path, "apps/mini/package.json", {})
    lock = write(tmp_path, "apps/mini/package-lock.json", "{}")
    assert found(tmp_path, "apps/mini").lock == lock


def test_nothing_above_the_tree_is_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {"workspaces": ["**"]})
    write(tmp_path, "yarn.lock")
    write(tmp_path, "tree/app/package.json", {})
    assert found(tmp_path / "tree", "app").folder == tmp_path / "tree/app"


def test_a_lock_file_that_leads_elsewhere_is_not_used(tmp_path: Path) -> None:
    write(tmp_path, "tree/package.json", {})
    (tmp_path / "tree/package-lock.json").symlink_to(write(tmp_path, "elsewhere", "{}"))
    assert found(tmp_path / "tree").lock is None


@pytest.mark.parametrize(
    ("name", "frozen", "command"),
    [
        (ManagerName.NPM, True, "npm ci --include=dev --no-audit --no-fund"),
        (ManagerName.NPM, False, "npm install --include=dev --no-audit --no-fund"),
        (ManagerName.PNPM, True, "pnpm install --frozen-lockfile --prod=false"),
        (ManagerName.PNPM, False, "pnpm install --no-frozen-lockfile --prod=false"),
        (
            ManagerName.YARN,
            True,
            "yarn install --frozen-lockfile --production=false --non-interactive",
        ),
        (ManagerName.YARN, False, "yarn install --production=false --non-interactive"),
        (ManagerName.YARN_BERRY, True, "yarn install --immutable"),
        (ManagerName.YARN_BERRY, False, "yarn install --no-immutable"),
    ],
)
def test_every_manager_installs_the_development_dependencies(
    tmp_path: Path, name: ManagerName, frozen: bool, command: str
) -> None:
    install = Install(tmp_path, Manager(name, "1.0.0"), None)
    assert " ".join(install_command(install, frozen=frozen)) == command


def test_install_scripts_run_under_every_npm(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {})
    assert install_variables(found(tmp_path)) == {
        "npm_config_dangerously_allow_all_scripts": "true"
    }


def test_a_project_that_names_its_install_scripts_is_obeyed(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {"allowScripts": {"esbuild": True}})
    assert install_variables(found(tmp_path)) == {}


def test_other_managers_keep_their_own_rule_for_install_scripts(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {"packageManager": "pnpm@10.34.9"})
    assert install_variables(found(tmp_path)) == {}


def test_pnpm_keeps_its_store_out_of_the_tree_and_links_nothing_from_it(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {"packageManager": "pnpm@10.34.9"})
    # pnpm 11 reads the variables with its own name only.
    assert download_variables(found(tmp_path), Path("/home")) == {
        "npm_config_store_dir": "/home/.pnpm-store",
        "npm_config_package_import_method": "clone-or-copy",
        "pnpm_config_store_dir": "/home/.pnpm-store",
        "pnpm_config_package_import_method": "clone-or-copy",
    }


def test_yarn_1_keeps_its_downloads_also_for_root(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {"packageManager": "yarn@1.22.22"})
    variables = download_variables(found(tmp_path), Path("/home"))
    assert variables == {"YARN_CACHE_FOLDER": "/home/.cache/yarn"}


def test_yarn_2_keeps_its_downloads_where_the_project_wants_them(tmp_path: Path) -> None:
    write(tmp_path, "package.json", {"packageManager": "yarn@4.18.1"})
    assert download_variables(found(tmp_path), Path("/home")) == {}
