"""All apps of a project at once: accepted or refused together, with versions in step."""

import json

import pytest

from mprelease.domain.errors import AppRefused, Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, Release, State
from mprelease.domain.users import Actor
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases, repetition
from mprelease.services.context import ServiceContext
from mprelease.storage import releases as stored

UPLOAD = ReleaseRequest(app="", kind=Kind.UPLOAD)
PREVIEW = ReleaseRequest(app="", kind=Kind.PREVIEW)
APP_IDS = {
    Platform.WECHAT: "wx0123456789abcdef",
    Platform.ALIPAY: "2021000000000001",
    Platform.DOUYIN: "tt0123456789abcdef",
}


@pytest.fixture
def credentials(upload_key: str) -> dict[Platform, bytes]:
    return {
        Platform.WECHAT: upload_key.encode(),
        Platform.ALIPAY: json.dumps({"toolId": "ab12", "privateKey": upload_key}).encode(),
        Platform.DOUYIN: b'{"token": "t0ken-t0ken"}',
    }


@pytest.fixture
def shop(
    services: ServiceContext, developer: Actor, credentials: dict[Platform, bytes]
) -> list[App]:
    """The apps of project `web`, one on each platform, and a stranger in another project."""
    for project in ("web", "other"):
        projects.add(services, developer, ProjectChange(name=project, repository="/srv/web.git"))
    add = AppChange(
        name="stranger",
        platform_app_id="wx00000000000000ff",
        credential=credentials[Platform.WECHAT],
    )
    apps.add(services, developer, "other", Platform.WECHAT, add)
    return [
        apps.add(
            services,
            developer,
            "web",
            platform,
            AppChange(
                name=f"shop-{platform}", platform_app_id=app_id, credential=credentials[platform]
            ),
        )
        for platform, app_id in APP_IDS.items()
    ]


def accepted(services: ServiceContext, developer: Actor, wanted: ReleaseRequest) -> list[Release]:
    numbers = releases.request_all(services, developer, "web", wanted)
    with services.database.reading() as db:
        return [releases.get(db, number) for number in numbers]


def queued(services: ServiceContext) -> list[Release]:
    with services.database.reading() as db:
        return stored.newest(db, None, 20)


def test_every_app_of_the_project_and_no_other_is_queued(
    services: ServiceContext, developer: Actor, shop: list[App]
) -> None:
    made = accepted(services, developer, PREVIEW.with_(ref="feature/search"))
    assert [one.app_name for one in made] == [app.name for app in shop]
    assert {(one.state, one.ref, one.version) for one in made} == {
        (State.QUEUED, "feature/search", None)
    }
    assert len(queued(services)) == 3


@pytest.mark.usefixtures("shop")
def test_uploads_get_one_number_that_is_greater_than_everybodys_last(
    services: ServiceContext, developer: Actor
) -> None:
    alone = ReleaseRequest(app="shop-alipay", kind=Kind.UPLOAD)
    releases.request(services, developer, alone.with_(version="26.1122.4"))
    first = accepted(services, developer, UPLOAD)
    assert [one.version for one in first] == ["26.1122.5"] * 3
    assert [one.version for one in accepted(services, developer, UPLOAD)] == ["26.1122.6"] * 3


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("platform", ["alipay", "douyin"])
@pytest.mark.parametrize("version", ["26.1122.4", "26.1.0"])
def test_platforms_that_want_greater_versions_are_not_asked_for_others(
    platform: str, version: str, services: ServiceContext, developer: Actor
) -> None:
    """Issue 12, number 21: the rule is theirs, and no other platform's."""
    alone = ReleaseRequest(app=f"shop-{platform}", kind=Kind.UPLOAD)
    releases.request(services, developer, alone.with_(version="26.1122.4"))
    with pytest.raises(Refused) as refused:
        releases.request(services, developer, alone.with_(version=version))
    assert refused.value.problem_detail.problem is Problem.VERSION_NOT_GREATER
    assert refused.value.problem_detail.parameters["last"] == "26.1122.4"


@pytest.mark.usefixtures("shop")
def test_a_typed_version_is_everybodys(services: ServiceContext, developer: Actor) -> None:
    made = accepted(services, developer, UPLOAD.with_(version="27.1.0"))
    assert [one.version for one in made] == ["27.1.0"] * 3


@pytest.mark.usefixtures("shop")
def test_one_refused_app_is_named_and_nothing_is_queued(
    services: ServiceContext, developer: Actor
) -> None:
    wanted = UPLOAD.with_(version="26.11.22.0")
    with pytest.raises(AppRefused) as refused:
        releases.request_all(services, developer, "web", wanted)
    with pytest.raises(AppRefused) as foreseen:
        releases.verify_all(services, "web", wanted)
    for each in (refused.value, foreseen.value):
        # WeChat takes four numbers, Alipay three.
        assert (each.problem_detail.app, each.problem_detail.problem) == (
            "shop-alipay",
            Problem.VERSION_SHAPE,
        )
    assert queued(services) == []


def test_two_robots_of_one_app_id_get_different_numbers(
    services: ServiceContext, developer: Actor, shop: list[App], credentials: dict[Platform, bytes]
) -> None:
    twin = AppChange(
        name="shop-twin",
        platform_app_id=APP_IDS[Platform.WECHAT],
        robot=2,
        credential=credentials[Platform.WECHAT],
    )
    apps.add(services, developer, "web", Platform.WECHAT, twin)
    versions = [one.version for one in accepted(services, developer, UPLOAD)]
    assert versions == ["26.1122.0"] * len(shop) + ["26.1122.1"]


@pytest.mark.usefixtures("shop")
def test_a_repeated_request_is_the_same_releases(
    services: ServiceContext, developer: Actor
) -> None:
    wanted = UPLOAD.with_(idempotency_key="click-1")
    assert accepted(services, developer, wanted) == accepted(services, developer, wanted)


@pytest.mark.usefixtures("shop")
def test_a_project_that_is_unknown_or_empty_is_refused(
    services: ServiceContext, developer: Actor
) -> None:
    projects.add(services, developer, ProjectChange(name="empty", repository="/srv/web.git"))
    for project, problem in (
        ("nobody", Problem.PROJECT_UNKNOWN),
        ("empty", Problem.PROJECT_HAS_NO_APPS),
    ):
        with pytest.raises(Refused) as refused:
            releases.request_all(services, developer, project, PREVIEW)
        assert refused.value.problem_detail.problem is problem


@pytest.mark.usefixtures("shop")
def test_some_of_a_projects_apps_can_be_chosen(services: ServiceContext, developer: Actor) -> None:
    made = releases.request_all(services, developer, "web", PREVIEW, {"shop-alipay", "shop-douyin"})
    assert sorted(app.name for app in made.values()) == ["shop-alipay", "shop-douyin"]
    for chosen, problem in (
        (set(), Problem.PROJECT_HAS_NO_APPS),
        ({"shop-alipay", "gone"}, Problem.APP_UNKNOWN),
    ):
        with pytest.raises(Refused) as refused:
            releases.request_all(services, developer, "web", PREVIEW, chosen)
        assert refused.value.problem_detail.problem is problem
    assert len(queued(services)) == 2


@pytest.mark.usefixtures("shop")
def test_a_release_may_set_a_switch_for_itself_and_again_keeps_it(
    services: ServiceContext, developer: Actor
) -> None:
    wanted = ReleaseRequest(
        app="shop-alipay", kind=Kind.UPLOAD, compile_settings={"experience": False}
    )
    first = releases.request(services, developer, wanted)
    assert repetition.again(services, first).compile_settings == {"experience": False}
    with pytest.raises(Refused) as refused:
        releases.request(services, developer, wanted.with_(compile_settings={"esModule": True}))
    assert refused.value.problem_detail.problem is Problem.SETTING_UNKNOWN
