import os
import shlex
import subprocess
from pathlib import Path

import pytest

from checkout_harness import CheckoutHarness
from git_host import GitHost, serving
from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.problems import Problem
from mprelease.source.access import Access, opened
from mprelease.source.commit_tree import listing
from mprelease.source.mirror import Mirror
from mprelease.source.repository import Repository
from mprelease.source.submodules import resolved, submodules
from repositories import add_submodule, commit, git, make_repository

pytestmark = pytest.mark.lasting
NOBODYS = Access(has_machine_login=False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Make a repository with a submodule that has one itself."""
    inner = make_repository(tmp_path / "inner", {"inner.js": "1"})
    outer = make_repository(tmp_path / "outer", {"outer.js": "1"})
    add_submodule(outer, "libs/inner", "../inner", git(inner, "rev-parse", "HEAD"))
    shop = make_repository(tmp_path / "shop", {"app.json": "{}"})
    add_submodule(shop, "third party/outer", str(outer), git(outer, "rev-parse", "HEAD"))
    return shop


ALL = {
    "app.json",
    ".gitmodules",
    "third party/outer/outer.js",
    "third party/outer/.gitmodules",
    "third party/outer/libs/inner/inner.js",
}


def test_submodules_are_filled_however_deep_they_lie(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    assert harness.names() == ALL
    assert not list((harness.tree / "third party").rglob(".git"))


def test_what_a_build_left_in_a_submodule_is_put_right(
    harness: CheckoutHarness, shop: Path
) -> None:
    harness.check_out(shop)
    outer = harness.tree / "third party/outer"
    (outer / "junk").touch()
    (outer / ".git").write_text("gitdir: /elsewhere")
    (outer / "libs/inner/inner.js").write_text("changed")
    before = (outer / "outer.js").stat().st_mtime_ns
    harness.check_out(shop)
    assert harness.names() == ALL
    assert (outer / "libs/inner/inner.js").read_text() == "1"
    assert (outer / "outer.js").stat().st_mtime_ns == before


def test_a_link_in_place_of_a_submodule_does_not_lead_outside(
    harness: CheckoutHarness, shop: Path, tmp_path: Path
) -> None:
    harness.check_out(shop)
    (tmp_path / "outside").mkdir()
    (harness.tree / "third party/outer").rename(tmp_path / "taken")
    (harness.tree / "third party/outer").symlink_to(tmp_path / "outside")
    harness.check_out(shop)
    assert harness.names() == ALL
    assert not list((tmp_path / "outside").iterdir())


def test_a_submodule_may_move_on_and_disappear(
    harness: CheckoutHarness, shop: Path, tmp_path: Path
) -> None:
    harness.check_out(shop)
    newest = commit(tmp_path / "outer", {"new.js": ""})
    git(shop, "update-index", "--cacheinfo", f"160000,{newest},third party/outer")
    git(shop, "commit", "--quiet", "-m", "Move on")
    harness.check_out(shop)
    assert harness.names() == ALL | {"third party/outer/new.js"}
    git(shop, "rm", "--quiet", "--cached", "third party/outer")
    git(shop, "commit", "--quiet", "-m", "Remove")
    harness.check_out(shop)
    assert harness.names() == {"app.json", ".gitmodules"}


def test_a_submodule_without_an_address_is_left_empty_and_told(
    harness: CheckoutHarness, shop: Path
) -> None:
    harness.check_out(shop)
    git(shop, "rm", "--quiet", "--cached", ".gitmodules")
    git(shop, "commit", "--quiet", "-m", "Forget the addresses")
    harness.check_out(shop)
    assert harness.names() == {"app.json"}
    assert any("left empty" in line for line in harness.lines)


def test_a_tree_with_submodules_is_clean(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    assert git(harness.tree, "status", "--porcelain") == ""


def test_submodules_that_would_fill_the_disk_together_are_refused(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    large = make_repository(tmp_path / "large", {"zeros": bytes(3 * 2**20)})
    shop = make_repository(tmp_path / "shop", {"app.json": "{}"})
    for number in range(3):
        add_submodule(shop, f"copy-{number}", "../large", git(large, "rev-parse", "HEAD"))
    harness.disk_limit = 8
    with pytest.raises(StageFailed) as failed:
        harness.check_out(shop)
    assert failed.value.problem_detail.problem is Problem.DISK_LIMIT


def test_a_repository_that_holds_itself_ends(harness: CheckoutHarness, tmp_path: Path) -> None:
    loop = make_repository(tmp_path / "loop", {"a": ""})
    for _ in range(12):
        add_submodule(loop, "again", str(loop), git(loop, "rev-parse", "HEAD"))
    with pytest.raises(StageFailed) as failed:
        harness.check_out(loop)
    assert failed.value.problem_detail.problem is Problem.SUBMODULES_TOO_DEEP


def test_a_host_may_not_send_us_to_a_path_of_this_machine(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    served = make_repository(tmp_path / "served/shop", {"app.json": "{}"})
    secret = make_repository(tmp_path / "secret", {"secret.txt": ""})
    add_submodule(served, "stolen", str(secret), git(secret, "rev-parse", "HEAD"))
    with serving(GitHost(tmp_path / "served")) as host, pytest.raises(StageFailed) as failed:
        harness.check_out(Repository(f"{host.url}/shop/.git"))
    assert failed.value.problem_detail.problem is Problem.GIT_PROTOCOL_REFUSED
    assert failed.value.problem_detail.parameters == {"repository": str(secret)}


@pytest.mark.parametrize(
    "url", ["ext::sh -c true", "--upload-pack=x", "file:///etc", "../../../../etc", "../../../x/y"]
)
def test_an_address_that_git_may_not_be_given_is_refused(
    harness: CheckoutHarness, tmp_path: Path, url: str
) -> None:
    with pytest.raises(StageFailed) as failed:
        found(harness, tmp_path, "https://example.com/team/shop.git", url)
    assert failed.value.problem_detail.problem is Problem.GIT_PROTOCOL_REFUSED


@pytest.mark.parametrize(
    ("url", "gets_access"),
    [
        ("../lib.git", True),
        ("https://example.com/other/lib.git", True),
        ("https://EXAMPLE.com:443/lib.git", True),
        ("https://example.com:8443/lib.git", False),
        ("git@example.com:other/lib.git", False),
        ("ssh://example.com/lib.git", False),
        ("http://example.com/lib.git", False),
        ("https://example.org/lib.git", False),
        ("https://example.com.evil.org/lib.git", False),
    ],
)
def test_the_access_of_the_parent_goes_to_its_own_host_only(
    harness: CheckoutHarness, tmp_path: Path, url: str, *, gets_access: bool
) -> None:
    access = found(harness, tmp_path, "https://example.com/team/shop.git", url).access
    assert access == (SECRETS if gets_access else NOBODYS)


@pytest.mark.parametrize(
    ("parent", "url", "gets_access"),
    [
        ("git@example.com:team/shop.git", "../lib.git", True),
        ("git@example.com:team/shop.git", "ssh://git@example.com:22/lib.git", True),
        ("git@example.com:team/shop.git", "ssh://git@example.com:2222/lib.git", False),
        ("git@example.com:team/shop.git", "ssh://root@example.com/lib.git", False),
        ("https://example.com:8443/shop.git", "https://example.com/lib.git", False),
    ],
)
def test_another_port_or_user_of_the_same_host_gets_no_access(
    harness: CheckoutHarness, tmp_path: Path, parent: str, url: str, *, gets_access: bool
) -> None:
    access = found(harness, tmp_path, parent, url).access
    assert access == (SECRETS if gets_access else NOBODYS)


def test_an_address_that_a_commit_names_is_not_entered_with_a_login_of_this_machine(
    tmp_path: Path,
) -> None:
    make_repository(tmp_path / "served" / "secret", {"a.js": "secret"})
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine 127.0.0.1 login lin password secret\n")

    def enters(url: str, access: Access) -> bool:
        base = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0"}
        with opened(access, url, tmp_path / "access") as environment:
            words, variables = ["git", "ls-remote", url], {**base, **environment}
            return subprocess.run(words, env=variables, check=False).returncode == 0

    with serving(GitHost(tmp_path / "served", login="lin:secret")) as host:
        assert enters(f"{host.url}/secret/.git", Access())
        assert not enters(f"{host.url}/secret/.git", NOBODYS)


def test_no_key_of_this_machine_opens_an_address_that_a_commit_names(tmp_path: Path) -> None:
    with opened(NOBODYS, "ssh://git@example.com/secret.git", tmp_path / "access") as environment:
        words = shlex.split(environment["GIT_SSH_COMMAND"])
    configuration = subprocess.run(
        [*words, "-G", "example.com"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "identitiesonly yes" in configuration
    assert "identityagent none" in configuration
    assert [line for line in configuration if line.startswith("identityfile ")] == [
        "identityfile none"
    ]


def test_what_came_by_a_login_of_this_machine_is_nothing_for_a_commit(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    make_repository(tmp_path / "served" / "secret", {"a.js": "secret"})
    with serving(GitHost(tmp_path / "served")) as host:
        url = f"{host.url}/secret/.git"
        brought = harness.check_out(Repository(url, Access())).commit.id
        host.login = "lin:secret"
        with pytest.raises(StageFailed) as failed:
            harness.check_out(Repository(url, NOBODYS), brought)
    assert failed.value.problem_detail.problem is Problem.GIT_LOGIN_REFUSED


def far(harness: CheckoutHarness, shop: Path, url: str, commit_id: str = "1" * 40) -> Problem:
    add_submodule(shop, "stolen", url, commit_id)
    with pytest.raises((StageFailed, Refused)) as failed:
        harness.check_out(shop)
    return failed.value.problem_detail.problem


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://{}/", "{}/.git"])
def test_a_submodule_of_a_local_project_is_no_repository_elsewhere(
    harness: CheckoutHarness, tmp_path: Path, form: str
) -> None:
    secret = make_repository(tmp_path / "other" / "secret", {"secret.txt": ""})
    shop = make_repository(tmp_path / "ours" / "shop", {"app.json": "{}"})
    head = git(secret, "rev-parse", "HEAD")
    assert far(harness, shop, form.format(secret), head) is Problem.SUBMODULE_TOO_FAR


@pytest.mark.parametrize("url", ["../link", "../ours/link", "file:///{}/ours/%6cink"])
def test_a_link_beside_a_local_project_counts_as_what_it_leads_to(
    harness: CheckoutHarness, tmp_path: Path, url: str
) -> None:
    secret = make_repository(tmp_path / "other" / "secret", {"secret.txt": ""})
    shop = make_repository(tmp_path / "ours" / "shop", {"app.json": "{}"})
    (tmp_path / "ours" / "link.git").symlink_to(secret / ".git")
    address = url.format(tmp_path)
    if not address.startswith("file:"):
        address = str((shop / address).resolve()) if "ours" not in url else f"{shop}/../link"
    assert (
        far(harness, shop, address, git(secret, "rev-parse", "HEAD")) is Problem.SUBMODULE_TOO_FAR
    )


def test_a_repository_inside_a_commit_borrows_nothing_from_elsewhere(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    secret = make_repository(tmp_path / "other" / "secret", {"secret.txt": ""})
    shop = make_repository(tmp_path / "ours" / "shop", {"app.json": "{}"})
    head = git(secret, "rev-parse", "HEAD")
    git(shop, "init", "--quiet", "--bare", "evil.git")
    (shop / "evil.git/objects/info/alternates").write_text(f"{secret}/.git/objects\n")
    (shop / "evil.git/refs/heads/main").write_text(f"{head}\n")
    commit(shop, {})
    assert far(harness, shop, "./evil.git", head) is Problem.SUBMODULE_TOO_FAR


def test_the_mirrors_of_other_projects_are_nobodys_submodule(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    secret = make_repository(tmp_path / "secret", {"secret.txt": ""})
    fetched = harness.fetch(secret, "main")
    mirror = harness.mirror()
    # Even a project whose own repository lies beside the data folder, or in it, gets none.
    inside = make_repository(harness.folder / "shop", {"app.json": "{}"})
    with pytest.raises(StageFailed) as failed:
        harness.check_out(inside)
    assert failed.value.problem_detail.problem is Problem.REPOSITORY_IN_DATA_FOLDER
    beside = make_repository(tmp_path / "shop", {"app.json": "{}"})
    problem = far(harness, beside, str(mirror), fetched.commit.id)
    assert problem is Problem.SUBMODULE_TOO_FAR
    git(beside, "rm", "--quiet", "--cached", "stolen", ".gitmodules")
    (beside / ".gitmodules").unlink()
    problem = far(harness, beside, str(harness.folder), fetched.commit.id)
    assert problem is Problem.REPOSITORY_IN_DATA_FOLDER


def test_what_another_project_has_brought_is_asked_for_with_ones_own_access(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    make_repository(tmp_path / "served/secret", {"secret.txt": ""})
    with serving(GitHost(tmp_path / "served", login="oauth2:theirs")) as host:
        url = f"{host.url}/secret/.git"
        commit_id = harness.check_out(Repository(url, Access("theirs"))).commit.id
        for access in (Access(), Access("mine")):
            with pytest.raises(StageFailed) as failed:
                harness.fetch(Repository(url, access), commit_id)
            assert failed.value.problem_detail.problem is Problem.GIT_LOGIN_REFUSED
        host.requests.clear()
        harness.fetch(Repository(url, Access("theirs")), commit_id)
        assert host.requests == []
        host.login = "oauth2:new"
        harness.fetch(Repository(url, Access("new")), commit_id)


@pytest.mark.parametrize(
    ("parent", "url", "expected"),
    [
        ("https://h/team/shop.git", "../lib.git", "https://h/team/lib.git"),
        ("https://h/team/shop.git/", "../../lib.git", "https://h/lib.git"),
        ("https://h/team/shop", "./lib", "https://h/team/shop/lib"),
        ("git@h:team/shop.git", "../lib.git", "git@h:team/lib.git"),
        ("git@h:shop.git", "../lib.git", "git@h:lib.git"),
        ("/srv/git/a:b", "../lib", "/srv/git/lib"),
        ("file:///srv/shop", "../lib", "file:///srv/lib"),
        ("https://h/shop", "https://other/lib", "https://other/lib"),
    ],
)
def test_relative_addresses_start_from_the_parent(parent: str, url: str, expected: str) -> None:
    assert resolved(parent, url) == expected


SECRETS = Access("token", "key")


def found(harness: CheckoutHarness, tmp_path: Path, parent: str, url: str) -> Repository:
    """Return the submodule's repository as it is found when the parent lies at `parent`."""
    shop = make_repository(tmp_path / "parent", {"a": ""})
    last = add_submodule(shop, "lib", url, "1" * 40)
    harness.fetch(shop, "main")
    mirror = Mirror(harness.git(), Repository(str(shop)))
    (one,) = submodules(mirror, Repository(parent, SECRETS), last, listing(mirror, last))
    return one.repository
