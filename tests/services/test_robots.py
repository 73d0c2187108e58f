"""Which robot a release gets: by name, by a rule, by branch, by person, else the least used."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mprelease.domain.board import Trial
from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, Release
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.schemas.users import NewUser, Profile
from mprelease.services import apps, projects, releases, robots, users
from mprelease.services.context import ServiceContext
from mprelease.storage import trials

LIN, WANG = Actor("林"), Actor("王")
APP_ID = "wx0123456789abcdef"


@pytest.fixture(autouse=True)
def app(services: ServiceContext, upload_key: str) -> App:
    change = ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    projects.add(services, LIN, change)
    new = AppChange(name="shop", platform_app_id=APP_ID, credential=upload_key.encode())
    return apps.add(services, LIN, "web", Platform.WECHAT, new)


def upload(
    services: ServiceContext, who: Actor, ref: str, robot: int | None = None, app: str = "shop"
) -> Release:
    wanted = ReleaseRequest(app=app, kind=Kind.UPLOAD, ref=ref, robot=robot)
    release_id = releases.request(services, who, wanted)
    with services.database.reading() as db:
        return releases.get(db, release_id)


def chosen(release: Release) -> tuple[int, str, str | None]:
    assert release.robot_reason
    return release.robot, release.robot_reason.source, release.robot_reason.pattern


def test_branches_of_two_people_get_two_robots_and_keep_them(services: ServiceContext) -> None:
    assert chosen(upload(services, LIN, "main")) == (1, "least_used", None)
    assert chosen(upload(services, WANG, "feature/pay")) == (2, "least_used", None)
    assert chosen(upload(services, WANG, "main")) == (1, "branch", None)
    assert chosen(upload(services, LIN, "feature/pay")) == (2, "branch", None)


def test_a_person_keeps_a_robot_for_new_branches_until_somebody_else_has_used_it(
    services: ServiceContext,
) -> None:
    upload(services, LIN, "main")
    assert chosen(upload(services, LIN, "fix/a")) == (1, "person", None)
    # Robot 1 has Lin's fix/a: main must not replace it.
    assert chosen(upload(services, WANG, "main")) == (2, "least_used", None)
    assert chosen(upload(services, LIN, "fix/b")) == (1, "person", None)
    upload(services, WANG, "fix/b")
    assert chosen(upload(services, LIN, "fix/c")) == (3, "least_used", None)


def test_a_rule_comes_first_and_reserves_its_robot(services: ServiceContext) -> None:
    apps.edit(services, LIN, "shop", AppChange(robot_rules=["release/* → 1", "hotfix-* 2"]))
    assert chosen(upload(services, LIN, "release/26.11")) == (1, "rule", "release/*")
    assert chosen(upload(services, LIN, "release/26/12")) == (1, "rule", "release/*")
    assert chosen(upload(services, LIN, "hotfix-7")) == (2, "rule", "hotfix-*")
    assert chosen(upload(services, LIN, "main")) == (3, "least_used", None)


def test_names_are_the_pool_and_the_least_recently_used_is_taken_over(
    services: ServiceContext,
) -> None:
    apps.edit(services, LIN, "shop", AppChange(robot_names=["5 预发", "2 测试"]))
    first, second = upload(services, LIN, "main"), upload(services, WANG, "fix/a")
    assert (chosen(first), chosen(second)) == ((2, "least_used", None), (5, "least_used", None))
    assert (first.shown_robot, second.shown_robot) == ("2 测试", "5 预发")
    assert chosen(upload(services, Actor("赵"), "fix/b")) == (2, "least_used", None)


def test_a_named_robot_counts_and_is_kept_by_its_branch(services: ServiceContext) -> None:
    assert chosen(upload(services, LIN, "main", robot=7)) == (7, "named", None)
    assert chosen(upload(services, WANG, "main")) == (7, "branch", None)
    with pytest.raises(Refused) as refused:
        upload(services, LIN, "main", robot=31)
    assert refused.value.problem_detail.problem is Problem.ROBOT_RANGE


def test_the_robot_of_the_profile_is_that_of_new_branches(services: ServiceContext) -> None:
    new = NewUser(name="li", role=Role.MEMBER, password="correct horse battery")
    boss, _ = users.add(services, LIN, new)
    users.set_profile(services, boss, Profile(name="li", robot=9, language=None))
    upload(services, LIN, "main")
    assert chosen(upload(services, boss.actor, "main")) == (1, "branch", None)
    assert chosen(upload(services, boss.actor, "fix/a")) == (9, "profile", None)


def test_nobody_else_gets_the_robot_of_the_trial_version(services: ServiceContext) -> None:
    with services.database.writing() as db:
        trials.put(db, Trial(Platform.WECHAT, APP_ID, 1, None, "林", 0))
    assert chosen(upload(services, LIN, "main", robot=1)) == (1, "named", None)
    assert chosen(upload(services, LIN, "fix/a")) == (2, "least_used", None)
    assert chosen(upload(services, LIN, "main")) == (1, "branch", None)


def test_a_commit_of_a_branch_takes_the_robot_of_the_branch(services: ServiceContext) -> None:
    upload(services, LIN, "main")
    upload(services, WANG, "fix/a")
    wanted = ReleaseRequest(app="shop", kind=Kind.UPLOAD, ref="a" * 40, ref_name="main")
    release_id = releases.request(services, WANG, wanted)
    with services.database.reading() as db:
        assert chosen(releases.get(db, release_id)) == (1, "branch", None)


def test_apps_of_one_app_id_share_its_robots(services: ServiceContext, upload_key: str) -> None:
    twin = AppChange(name="twin", platform_app_id=APP_ID, credential=upload_key.encode())
    apps.add(services, LIN, "web", Platform.WECHAT, twin)
    assert upload(services, LIN, "main").robot == 1
    assert upload(services, WANG, "fix/a", app="twin").robot == 2


def test_requests_at_once_never_get_the_same_unused_robot(
    services: ServiceContext, upload_key: str
) -> None:
    twin = AppChange(name="twin", platform_app_id=APP_ID, credential=upload_key.encode())
    apps.add(services, LIN, "web", Platform.WECHAT, twin)

    def one(number: int) -> int:
        app = "twin" if number % 2 else "shop"
        return upload(services, Actor(f"tester {number}"), f"fix/{number}", app=app).robot

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(16))) == list(range(1, 17))


def test_the_choice_that_is_shown_before_is_the_one_that_is_made(
    services: ServiceContext, app: App
) -> None:
    upload(services, LIN, "main")
    for who, ref in ((WANG, "main"), (LIN, "fix/a"), (WANG, "fix/b")):
        with services.database.reading() as db:
            shown = robots.facts(db, who, [app]).choose(app, ReleaseRequest(app="shop"), ref)
        made = upload(services, who, ref)
        assert (shown.robot, shown.reason) == (made.robot, made.robot_reason)


@pytest.mark.parametrize(
    ("change", "problem", "named"),
    [
        ({"robot_names": ["1 test", "staging", "0 none"]}, "robot_names_shape", "“staging”"),
        ({"robot_names": ["31 test"]}, "robot_names_shape", "“31 test”"),
        ({"robot_names": ["2 test", "2 other"]}, "robot_named_twice", "2"),
        ({"robot_names": [f"1 {'x' * 41}"]}, "robot_names_shape", "xxx"),
        ({"robot_rules": ["release/*"]}, "robot_rules_shape", "“release/*”"),
        ({"robot_rules": ["main → 1", "release/* → 99"]}, "robot_rules_shape", "“release/* → 99”"),
    ],
)
def test_wrong_lines_are_named_and_nothing_is_stored(
    services: ServiceContext, change: dict[str, list[str]], problem: str, named: str
) -> None:
    with pytest.raises(Refused) as refused:
        apps.edit(services, LIN, "shop", AppChange(**change))
    detail = refused.value.problem_detail
    assert detail.problem == problem
    assert named in str(detail.parameters)
    with services.database.reading() as db:
        app = apps.get(db, "shop")
    assert (app.robot_names, app.robot_rules) == ((), ())


def test_lines_are_stored_in_one_form_and_an_empty_list_removes_them(
    services: ServiceContext,
) -> None:
    change = AppChange(robot_names=["2: 预发", " 1 测试"], robot_rules=["release/*=2", "main -> 1"])
    app = apps.edit(services, LIN, "shop", change)
    assert app.robot_names == ("1 测试", "2 预发")
    assert app.robot_rules == ("release/* → 2", "main → 1")
    app = apps.edit(services, LIN, "shop", AppChange(robot_names=[], robot_rules=[]))
    assert (app.robot_names, app.robot_rules) == ((), ())
