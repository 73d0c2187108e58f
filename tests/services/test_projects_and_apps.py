"""Projects and apps: added, changed, removed, and their secrets sealed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.projects import ProjectSecret
from mprelease.domain.releases import Kind
from mprelease.domain.users import Actor
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.services.context import ServiceContext, keep_secret, open_secrets, owner_of
from mprelease.storage import audit, secrets
from mprelease.storage import projects as stored_projects


def add_project(services: ServiceContext, who: Actor, name: str = "web") -> None:
    projects.add(
        services, who, ProjectChange(name=name, repository="https://git.example.com/web.git")
    )


def add_app(services: ServiceContext, who: Actor, key: str, name: str = "shop") -> App:
    new = AppChange(name=name, platform_app_id="wx0123456789abcdef", credential=key.encode())
    return apps.add(services, who, "web", Platform.WECHAT, new)


def problem_of(refused: pytest.ExceptionInfo[Refused]) -> Problem:
    return refused.value.problem_detail.problem


def test_a_project_releases_main_unless_told_otherwise(
    services: ServiceContext, developer: Actor
) -> None:
    add_project(services, developer)
    with services.database.reading() as db:
        assert projects.get(db, "web").default_branch == "main"


def test_a_name_is_given_once(services: ServiceContext, developer: Actor, upload_key: str) -> None:
    add_project(services, developer)
    with pytest.raises(Refused) as refused:
        add_project(services, developer)
    assert problem_of(refused) is Problem.PROJECT_EXISTS
    add_app(services, developer, upload_key)
    with pytest.raises(Refused) as refused:
        add_app(services, developer, upload_key)
    assert problem_of(refused) is Problem.APP_EXISTS


def test_secrets_are_sealed_and_an_empty_one_forgets(
    services: ServiceContext, developer: Actor
) -> None:
    token = {ProjectSecret.GIT_TOKEN: "t0ken-t0ken"}
    project = projects.add(
        services, developer, ProjectChange(name="web", repository="/srv/web.git", secrets=token)
    )
    with services.database.reading() as db:
        assert b"t0ken" not in secrets.sealed(db, owner_of(project))["git_token"]
        assert open_secrets(db, services, owner_of(project)) == {"git_token": "t0ken-t0ken"}
    projects.edit(services, developer, "web", ProjectChange(secrets={ProjectSecret.GIT_TOKEN: ""}))
    with services.database.reading() as db:
        assert projects.kept_secrets(db, project) == []


TOKENS = {
    ProjectSecret.GIT_TOKEN: "t0ken-t0ken",
    ProjectSecret.SSH_KEY: "a key",
    ProjectSecret.NPMRC: "registry=https://npm.example.com",
}


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.com/web.git",
        "https://git.example.com:8443/web.git",
        "http://git.example.com/web.git",
        "git@git.example.com:web.git",
        "/srv/web.git",
    ],
)
def test_at_another_scheme_host_or_port_the_secrets_of_git_are_removed(
    services: ServiceContext, developer: Actor, address: str
) -> None:
    new = ProjectChange(name="web", repository="https://git.example.com/web.git", secrets=TOKENS)
    project = projects.add(services, developer, new)
    edited = projects.edit(services, developer, "web", ProjectChange(repository=address))
    assert set(edited.removed) == {ProjectSecret.GIT_TOKEN, ProjectSecret.SSH_KEY}
    with services.database.reading() as db:
        assert projects.kept_secrets(db, project) == ["npmrc"]
        assert list(open_secrets(db, services, owner_of(project))) == ["npmrc"]
        assert audit.every(db)[-1].details["removed_secrets"] == ["git_token", "ssh_key"]
    back = projects.edit(services, developer, "web", ProjectChange(repository=new.repository))
    assert back.removed == ()
    with services.database.reading() as db:
        assert projects.opened_secrets(db, services, project).keys() == {ProjectSecret.NPMRC}


def test_a_secret_that_is_given_with_the_new_host_is_kept(
    services: ServiceContext, developer: Actor
) -> None:
    new = ProjectChange(name="web", repository="https://git.example.com/web.git", secrets=TOKENS)
    projects.add(services, developer, new)
    change = ProjectChange(
        repository="https://new.example.com/web.git",
        secrets={ProjectSecret.GIT_TOKEN: "another-t0ken"},
    )
    edited = projects.edit(services, developer, "web", change)
    assert edited.removed == (ProjectSecret.SSH_KEY,)
    with services.database.reading() as db:
        opened = projects.opened_secrets(db, services, edited.project)
    assert opened[ProjectSecret.GIT_TOKEN] == "another-t0ken"


def test_another_path_of_the_same_host_keeps_the_secrets(
    services: ServiceContext, developer: Actor
) -> None:
    new = ProjectChange(name="web", repository="https://git.example.com/web.git", secrets=TOKENS)
    projects.add(services, developer, new)
    change = ProjectChange(repository="https://GIT.example.com:443/team/web.git")
    edited = projects.edit(services, developer, "web", change)
    assert edited.removed == ()
    with services.database.reading() as db:
        assert projects.opened_secrets(db, services, edited.project) == TOKENS


def test_a_secret_is_not_opened_for_a_host_that_an_older_node_has_written(
    services: ServiceContext, developer: Actor
) -> None:
    new = ProjectChange(name="web", repository="https://git.example.com/web.git", secrets=TOKENS)
    project = projects.add(services, developer, new)
    moved = replace(project, repository="https://evil.example.com/web.git")
    with services.database.writing() as db:
        stored_projects.change(db, moved)
    with services.database.reading() as db:
        assert projects.opened_secrets(db, services, moved).keys() == {ProjectSecret.NPMRC}
        assert projects.kept_secrets(db, moved) == ["npmrc"]


def test_a_secret_from_before_hosts_were_written_down_is_used_on(
    services: ServiceContext, developer: Actor
) -> None:
    project = projects.add(
        services, developer, ProjectChange(name="web", repository="https://git.example.com/web")
    )
    with services.database.writing() as db:
        keep_secret(db, services, owner_of(project), "git_token", "t0ken-t0ken")
        assert projects.opened_secrets(db, services, project)
    moved = projects.edit(services, developer, "web", ProjectChange(repository="https://x.org/web"))
    assert moved.removed == (ProjectSecret.GIT_TOKEN,)


def test_names_that_look_the_same_are_one(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    add_project(services, developer)
    with pytest.raises(Refused) as refused:
        add_project(services, developer, "ＷＥＢ")
    assert problem_of(refused) is Problem.PROJECT_EXISTS
    add_app(services, developer, upload_key)
    with pytest.raises(Refused) as refused:
        add_app(services, developer, upload_key, "Shop")
    assert problem_of(refused) is Problem.APP_EXISTS
    assert apps.edit(services, developer, "shop", AppChange(name="SHOP")).name == "SHOP"
    assert (
        projects.edit(services, developer, "web", ProjectChange(name="Web")).project.name == "Web"
    )


def test_a_project_with_apps_stays_and_without_them_goes(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    add_project(services, developer)
    add_app(services, developer, upload_key)
    with pytest.raises(Refused) as refused:
        projects.remove(services, developer, "web")
    assert problem_of(refused) is Problem.PROJECT_HAS_APPS
    apps.remove(services, developer, "shop")
    projects.remove(services, developer, "web")
    with services.database.reading() as db, pytest.raises(Refused):
        projects.get(db, "web")


def test_an_app_with_a_queued_release_stays(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    add_project(services, developer)
    add_app(services, developer, upload_key)
    releases.request(services, developer, ReleaseRequest(app="shop", kind=Kind.PREVIEW))
    with pytest.raises(Refused) as refused:
        apps.remove(services, developer, "shop")
    assert problem_of(refused) is Problem.RELEASE_BUSY


def test_a_removed_app_frees_its_name_and_loses_its_key_and_keeps_its_releases(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    add_project(services, developer)
    app = add_app(services, developer, upload_key)
    release = releases.request(services, developer, ReleaseRequest(app="shop", kind=Kind.PREVIEW))
    releases.cancel(services, developer, release)
    apps.remove(services, developer, "shop")
    with services.database.reading() as db:
        assert secrets.sealed(db, owner_of(app)) == {}
        assert releases.get(db, release).app_name == "shop"
    assert add_app(services, developer, upload_key).id != app.id


def test_an_app_is_changed_in_what_was_given_alone(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    add_project(services, developer)
    add_app(services, developer, upload_key)
    change = AppChange(
        build_command="npm run build:weapp",
        output="dist",
        compile_settings={"es6": "no", "minify": True},
        project_type=ProjectType.MINI_GAME,
        robot=30,
    )
    app = apps.edit(services, developer, "shop", change)
    assert app.platform_app_id == "wx0123456789abcdef"
    assert app.build.compile_settings == {"es6": False, "minify": True}
    assert (app.build.build_command, app.build.output) == ("npm run build:weapp", "dist")
    back = apps.edit(services, developer, "shop", AppChange(build_command="", output=""))
    assert (back.build.build_command, back.build.output) == (None, None)
    assert back.robot == 30


def test_an_edit_without_a_change_is_refused(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    add_project(services, developer)
    add_app(services, developer, upload_key)
    for edit in (
        lambda: projects.edit(services, developer, "web", ProjectChange()),
        lambda: apps.edit(services, developer, "shop", AppChange()),
    ):
        with pytest.raises(Refused) as refused:
            edit()
        assert problem_of(refused) is Problem.NOTHING_TO_CHANGE


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (AppChange(name="-rf"), Problem.NAME_SHAPE),
        (AppChange(name=""), Problem.NAME_SHAPE),
        (AppChange(platform_app_id="wx123"), Problem.APP_ID_SHAPE),
        (AppChange(directory="../other"), Problem.DIRECTORY_SHAPE),
        (AppChange(output="/etc"), Problem.DIRECTORY_SHAPE),
        (AppChange(robot=0), Problem.ROBOT_RANGE),
        (AppChange(node_memory=1), Problem.MEMORY_RANGE),
        (AppChange(proxy="proxy.example.com"), Problem.PROXY_SHAPE),
        (AppChange(compile_settings={"es6": "maybe"}), Problem.SETTING_VALUE),
        (AppChange(credential=b"not a key"), Problem.KEY_SHAPE),
    ],
)
def test_bad_input_is_refused_and_the_app_stays_as_it_is(
    change: AppChange, problem: Problem, services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    add_project(services, developer)
    before = add_app(services, developer, upload_key)
    with pytest.raises(Refused) as refused:
        apps.edit(services, developer, "shop", change)
    assert problem_of(refused) is problem
    with services.database.reading() as db:
        assert apps.get(db, "shop") == before


def test_an_app_id_of_another_platform_is_refused(
    services: ServiceContext, developer: Actor
) -> None:
    add_project(services, developer)
    with pytest.raises(Refused) as refused:
        apps.add(
            services,
            developer,
            "web",
            Platform.ALIPAY,
            AppChange(name="pay", platform_app_id="wx0123456789abcdef"),
        )
    assert problem_of(refused) is Problem.APP_ID_OF_OTHER_PLATFORM


def test_a_setting_that_the_platforms_tool_would_not_see_is_refused(
    services: ServiceContext, developer: Actor
) -> None:
    add_project(services, developer)
    change = AppChange(
        name="pay", platform_app_id="2021000000000001", compile_settings={"removeoldest": True}
    )
    with pytest.raises(Refused) as refused:
        apps.add(services, developer, "web", Platform.ALIPAY, change)
    assert problem_of(refused) is Problem.SETTING_UNKNOWN


def test_of_several_who_take_a_name_at_once_one_gets_it(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    with ThreadPoolExecutor(6) as threads:
        for add, taken in (
            (lambda: add_project(services, developer), Problem.PROJECT_EXISTS),
            (lambda: add_app(services, developer, upload_key), Problem.APP_EXISTS),
        ):
            failures = [future.exception() for future in [threads.submit(add) for _ in range(6)]]
            refused = [failure for failure in failures if failure]
            assert len(refused) == 5
            for failure in refused:
                assert isinstance(failure, Refused)
                assert failure.problem_detail.problem is taken


def test_a_fresh_install_is_asked_for_once(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    """Issue 12, number 17: the next save of the settings leaves it as it was."""
    add_project(services, developer)
    assert add_app(services, developer, upload_key).build.installed_from == 0
    changed = apps.edit(services, developer, "shop", AppChange(fresh_install=True))
    assert changed.build.installed_from == services.now()
    saved = apps.edit(services, developer, "shop", AppChange(output="dist"))
    assert saved.build.installed_from == changed.build.installed_from
