"""Which version of a package manager runs on which Node: issue 14, 5."""

from pathlib import Path

import pytest

from mprelease.packages.install_plan import Manager, ManagerName, find
from mprelease.packages.manager_versions import npm_beside, npm_variables, unfit_node
from trees import write

PNPM_5, PNPM_6, PNPM_9 = (f"lockfileVersion: '{version}'\n" for version in ("5.4", "6.0", "9.0"))


@pytest.mark.parametrize(
    ("lock", "content", "node", "manager"),
    [
        ("pnpm-lock.yaml", PNPM_5, "14.21.3", Manager(ManagerName.PNPM, "7.33.7")),
        ("pnpm-lock.yaml", PNPM_5, "12.22.12", Manager(ManagerName.PNPM, "6.35.1")),
        ("pnpm-lock.yaml", PNPM_6, "16.20.2", Manager(ManagerName.PNPM, "8.15.9")),
        ("pnpm-workspace.yaml", "", "16.20.2", Manager(ManagerName.PNPM, "8.15.9")),
        ("pnpm-workspace.yaml", "", "14.21.3", Manager(ManagerName.PNPM, "7.33.7")),
        # None of them runs there: the install is refused in words.
        ("pnpm-lock.yaml", PNPM_9, "16.20.2", Manager(ManagerName.PNPM, "10.34.9")),
        ("package-lock.json", '{"lockfileVersion": 3}', "14.21.3", Manager("npm", "8.19.4")),
        ("package-lock.json", '{"lockfileVersion": 2}', "14.21.3", Manager("npm", None)),
        ("package-lock.json", '{"lockfileVersion": 3}', "16.20.2", Manager("npm", None)),
        ("yarn.lock", "# yarn lockfile v1\n", "8.17.0", Manager(ManagerName.YARN, "1.22.22")),
    ],
)
def test_a_manager_is_chosen_that_runs_on_the_node_of_the_app(
    tmp_path: Path, lock: str, content: str, node: str, manager: Manager
) -> None:
    write(tmp_path, "package.json", {})
    write(tmp_path, lock, content)
    found = find(tmp_path, ".", node)
    assert found
    assert found.manager == manager


@pytest.mark.parametrize(
    ("manager", "engines", "node", "needed"),
    [
        (("pnpm", "11.0.6"), ">=22.13", "20.20.2", ">=22.13"),
        (("pnpm", "11.0.6"), ">=22.13", "24.21.0", None),
        (("pnpm", "6.35.1"), ">=12.17", "20.20.2", "<20"),
        (("pnpm", "6.35.1"), ">=12.17", "18.20.8", None),
        (("pnpm", "7.32.0"), ">=14.6", "22.0.0", "<20"),
        (("pnpm", "7.33.7"), ">=14.6", "22.0.0", None),
        (("pnpm", "8.3.0"), ">=16.14", "20.0.0", "<20"),
        (("npm", "12.2.1"), "^22.22.2 || ^24.15.0", "20.20.2", "^22.22.2 || ^24.15.0"),
        (("yarn", "1.22.22"), "", "4.0.0", None),
    ],
)
def test_a_manager_that_does_not_run_on_a_node_is_known(
    manager: tuple[str, str], engines: str, node: str, needed: str | None
) -> None:
    assert unfit_node(*manager, engines, node) == needed


@pytest.mark.parametrize(
    ("node", "npm"),
    [("12.22.12", "<7"), ("14.21.3", "<7"), ("16.20.2", "<9"), ("18.20.8", "<11"), ("22.1.0", "*")],
)
def test_each_node_has_an_npm_of_its_time(node: str, npm: str) -> None:
    assert npm_beside(node) == npm


def test_old_versions_of_npm_are_told_what_newer_ones_know() -> None:
    assert npm_variables("6.14.18", "/node") == {
        "npm_config_unsafe_perm": "true",
        "npm_config_nodedir": "/node",
    }
    assert npm_variables("10.9.9", "/node") == {"npm_config_nodedir": "/node"}
    assert npm_variables("11.0.0", "/node") == {}
