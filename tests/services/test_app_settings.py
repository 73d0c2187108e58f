"""A new app needs a name, and what is set of an app is stored."""

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.services import apps, projects
from mprelease.services.context import ServiceContext


@pytest.mark.parametrize("name", ["", None])
def test_an_app_without_a_name_is_refused(
    name: str | None, services: ServiceContext, developer: Actor
) -> None:
    projects.add(services, developer, ProjectChange(name="web", repository="/srv/web.git"))
    new = AppChange(name=name, platform_app_id="wx0123456789abcdef")
    with pytest.raises(Refused) as refused:
        apps.add(services, developer, "web", Platform.WECHAT, new)
    assert refused.value.problem_detail.problem is Problem.NAME_SHAPE


def test_an_app_with_settings_comes_back_as_it_was_given(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    projects.add(services, developer, ProjectChange(name="web", repository="/srv/web.git"))
    new = AppChange(
        name="shop", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    app = apps.add(services, developer, "web", Platform.WECHAT, new)
    change = AppChange(
        directory="client",
        node=" lts/iron ",
        node_memory=2048,
        install_inputs=["scripts/*", "tools"],
        private_dependencies=True,
        compile_settings={"es6": False},
        start_page="/pages/index",
        proxy="http://proxy.example.com:3128/",
        label="intranet",
    )
    changed = apps.edit(services, developer, app.name, change)
    with services.database.reading() as db:
        assert apps.get(db, app.name) == changed
    assert changed.build.node == "lts/iron"
    assert changed.build.install_inputs == ("scripts/*", "tools")
    assert (changed.start_page, changed.proxy) == ("pages/index", "http://proxy.example.com:3128")


def test_a_node_that_nobody_makes_is_refused(
    services: ServiceContext, developer: Actor, upload_key: str
) -> None:
    projects.add(services, developer, ProjectChange(name="web", repository="/srv/web.git"))
    new = AppChange(
        name="shop", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    apps.add(services, developer, "web", Platform.WECHAT, new)
    with pytest.raises(Refused) as refused:
        apps.edit(services, developer, "shop", AppChange(node="sixteen"))
    assert refused.value.problem_detail.problem is Problem.NODE_SHAPE
    assert apps.edit(services, developer, "shop", AppChange(node="16")).build.node == "16"
    assert apps.edit(services, developer, "shop", AppChange(node="")).build.node is None
