"""Issue 12, number 11: who saves second is told, and what was typed is still there."""

import re
from dataclasses import replace

import pytest

from api_clients import api_client
from databases import KINDS
from mprelease.domain.users import Actor, Role, User
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.users import UserChange
from mprelease.security.vault import Vault
from mprelease.services import apps, projects, users
from web_clients import NAMES, Site

BOSS = Actor("admin")
APP = {"name": "shop", "platform_app_id": "wx0123456789abcdef", "label": "default"}


def shop(site: Site) -> App:
    with site.services.database.reading() as db:
        return apps.get(db, "shop")


def revision_in(page: str) -> str:
    found = re.search(r'name="revision" value="(\d+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_of_two_forms_of_an_app_is_told_and_may_save_over(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    seen = revision_in(boss.client.get("/apps/shop/settings").text)
    apps.edit(site.services, BOSS, "shop", AppChange(output="theirs"))
    mine = APP | {"build_command": "npm run mine", "setting.es6": "false", "robot": "7"}
    page = boss.send("/apps/shop/settings", **mine, output="", revision=seen)
    assert 'role="alert"' in page
    assert 'value="npm run mine"' in page
    assert '<option value="false" selected>' in page
    assert (shop(site).build.output, shop(site).robot) == ("theirs", 1)
    again = boss.send("/apps/shop/settings", **mine, output="", revision=revision_in(page))
    assert 'role="alert"' not in again
    assert (shop(site).build.output, shop(site).robot) == (None, 7)


def test_another_refusal_keeps_the_revision_that_was_seen(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    seen = revision_in(boss.client.get("/apps/shop/settings").text)
    apps.edit(site.services, BOSS, "shop", AppChange(output="theirs"))
    page = boss.send("/apps/shop/settings", **APP, robot="99", revision=seen)
    assert 'role="alert"' in page
    assert "99" in page
    assert revision_in(boss.client.get("/apps/shop/settings").text) != seen


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_of_two_forms_of_a_project_is_told(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    seen = revision_in(boss.client.get("/projects/web").text)
    projects.edit(site.services, BOSS, "web", ProjectChange(default_branch="theirs"))
    form = {"name": "web", "repository": "/srv/mine.git", "default_branch": "main"}
    page = boss.send("/projects/web", **form, revision=seen)
    assert 'role="alert"' in page
    assert 'value="/srv/mine.git"' in page
    with site.services.database.reading() as db:
        assert projects.get(db, "web").default_branch == "theirs"
    boss.send("/projects/web", **form, revision=revision_in(page))
    with site.services.database.reading() as db:
        assert projects.get(db, "web").default_branch == "main"


def person(site: Site) -> User:
    with site.services.database.reading() as db:
        return users.by_name(db, NAMES[Role.MEMBER])


def form_of(page: str, user: User) -> dict[str, str]:
    """Return what a browser sends of the form of one user, as the page shows it."""
    form = page.partition(f'action="/users/{user.id}"')[2].partition("</form>")[0]
    found = {
        "revision": revision_in(form),
        "name": re.findall(r'name="name" value="([^"]*)"', form)[0],
        "role": re.findall(r'<option value="(\w+)" selected>', form)[0],
    }
    return found | ({"is_disabled": "true"} if " checked>" in form else {})


@pytest.mark.parametrize("kind", KINDS)
def test_an_older_form_of_a_user_does_not_enable_the_account_again(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    user = person(site)
    seen = form_of(boss.client.get("/users").text, user)
    users.edit(site.services, admin(site), user.id, UserChange(is_disabled=True))
    page = boss.send(f"/users/{user.id}", **seen | {"name": "renamed"})
    assert 'role="alert"' in page
    again = form_of(page, user)
    assert (again["name"], "is_disabled" in again) == ("renamed", False)
    assert (person(site).is_disabled, person(site).revision) == (True, user.revision + 1)
    # Who saves once more, after the warning, means it.
    assert 'role="alert"' not in boss.send(f"/users/{user.id}", **again)
    with site.services.database.reading() as db:
        after = users.get(db, user.id)
    assert (after.name, after.is_disabled) == ("renamed", False)


@pytest.mark.parametrize("kind", KINDS)
def test_an_older_profile_does_not_take_the_former_name_back(site: Site) -> None:
    member = site.logged_in(Role.MEMBER)
    user = person(site)
    seen = {"name": user.name, "revision": revision_in(member.client.get("/profile").text)}
    users.edit(site.services, admin(site), user.id, UserChange(name="renamed"))
    page = member.send("/profile", **seen, robot="7")
    assert 'role="alert"' in page
    with site.services.database.reading() as db:
        assert users.get(db, user.id).name == "renamed"
    member.send("/profile", name="renamed", robot="7", revision=revision_in(page))
    with site.services.database.reading() as db:
        assert users.get(db, user.id).robot == 7


def admin(site: Site) -> User:
    with site.services.database.reading() as db:
        return users.by_name(db, NAMES[Role.SUPER_ADMIN])


def test_a_program_may_say_which_revision_it_has_seen(site: Site) -> None:
    boss = api_client(site, Role.ADMIN)
    seen = boss.call("GET", "/apps/shop/settings")["revision"]
    change = {"robot": 7, "revision": seen}
    assert boss.call("PATCH", "/apps/shop", json=change)["revision"] == seen + 1
    assert boss.call("PATCH", "/apps/shop", 409, json=change)["problem"] == "changed_meanwhile"
    seen = boss.call("GET", "/projects/web")["revision"]
    change = {"default_branch": "dev", "revision": seen}
    assert boss.call("PATCH", "/projects/web", json=change)["revision"] == seen + 1
    assert boss.call("PATCH", "/projects/web", 409, json=change)["problem"] == "changed_meanwhile"
    address = f"/users/{person(site).id}"
    seen = boss.call("GET", address)["revision"]
    change = {"name": "renamed", "revision": seen}
    assert boss.call("PATCH", address, json=change)["revision"] == seen + 1
    assert boss.call("PATCH", address, 409, json=change)["problem"] == "changed_meanwhile"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_with_another_master_key_a_program_still_gets_the_settings(
    site: Site, upload_key: str
) -> None:
    """They were answered with 500, and a change after it had been made."""
    changed = replace(site.services, vault=Vault(b"another key of 32 bytes, of a new"[:32]))
    site.app.state.context = replace(site.app.state.context, services=changed)
    boss = api_client(site, Role.ADMIN)
    credential = boss.call("GET", "/apps/shop/settings")["credential"]
    assert credential["fingerprint"] is None
    assert credential["kept_at"]
    assert boss.call("PATCH", "/apps/shop", json={"robot": 7})["robot"] == 7
    anew = boss.call("PATCH", "/apps/shop", json={"credential": upload_key})
    assert anew["credential"]["fingerprint"]
