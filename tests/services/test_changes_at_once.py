"""Issue 12, number 11: of several changes of one app or project at once, none is lost."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.services import apps, projects
from mprelease.services.context import ServiceContext
from mprelease.storage import apps as stored_apps


@pytest.fixture(autouse=True)
def app(services: ServiceContext, developer: Actor, upload_key: str) -> App:
    projects.add(
        services, developer, ProjectChange(name="web", repository="https://git.example.com/web.git")
    )
    new = AppChange(
        name="shop", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    return apps.add(services, developer, "web", Platform.WECHAT, new)


def test_two_changes_of_one_app_at_once_are_both_kept(
    services: ServiceContext, developer: Actor
) -> None:
    changes = [
        AppChange(build_command="npm run build"),
        AppChange(robot=7),
        AppChange(output="dist"),
        AppChange(node_memory=2048),
        AppChange(compile_settings={"es6": False}),
        AppChange(compile_settings={"minify": True}),
    ]
    together = Barrier(len(changes))

    def edit(change: AppChange) -> None:
        together.wait()
        apps.edit(services, developer, "shop", change)

    with ThreadPoolExecutor(len(changes)) as threads:
        list(threads.map(edit, changes))
    with services.database.reading() as db:
        found = apps.get(db, "shop")
    assert (found.build.build_command, found.build.output) == ("npm run build", "dist")
    assert (found.robot, found.build.node_memory) == (7, 2048)
    assert found.build.compile_settings == {"es6": False, "minify": True}
    assert found.revision == len(changes)


def test_two_changes_of_one_project_at_once_are_both_kept(
    services: ServiceContext, developer: Actor
) -> None:
    changes = [ProjectChange(default_branch="dev"), ProjectChange(repository="/srv/other.git")]
    together = Barrier(len(changes))

    def edit(change: ProjectChange) -> None:
        together.wait()
        projects.edit(services, developer, "web", change)

    with ThreadPoolExecutor(len(changes)) as threads:
        list(threads.map(edit, changes))
    with services.database.reading() as db:
        project = projects.get(db, "web")
    assert (project.default_branch, project.repository) == ("dev", "/srv/other.git")
    assert project.revision == len(changes)


def test_of_two_changes_of_what_was_shown_the_second_is_refused(
    services: ServiceContext, developer: Actor, app: App
) -> None:
    seen = app.revision
    apps.edit(services, developer, "shop", AppChange(robot=7, revision=seen))
    projects.edit(services, developer, "web", ProjectChange(default_branch="dev", revision=0))
    for late in (
        lambda: apps.edit(services, developer, "shop", AppChange(robot=8, revision=seen)),
        lambda: projects.edit(services, developer, "web", ProjectChange(name="site", revision=0)),
    ):
        with pytest.raises(Refused) as refused:
            late()
        assert refused.value.problem_detail.problem is Problem.CHANGED_MEANWHILE
    with services.database.reading() as db:
        assert apps.get(db, "shop").robot == 7


def test_an_app_that_is_removed_while_it_is_changed_stays_removed(
    services: ServiceContext, developer: Actor, app: App
) -> None:
    apps.remove(services, developer, "shop")
    with services.database.writing() as db:
        assert not stored_apps.change(db, app)
    with services.database.reading() as db:
        assert stored_apps.by_name(db, "shop") is None
