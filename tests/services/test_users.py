"""People: the first start, and what administrators may do to whom."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor, Role, User
from mprelease.schemas.users import NewUser, Profile, UserChange
from mprelease.security import passwords
from mprelease.services import users
from mprelease.services.context import ServiceContext
from mprelease.storage import audit
from mprelease.storage import users as stored


@pytest.fixture
def boss(services: ServiceContext) -> User:
    users.begin(services, "a first password")
    with services.database.reading() as db:
        return users.by_name(db, "admin")


def added(services: ServiceContext, name: str, role: Role) -> User:
    return users.add(
        services, Actor("admin"), NewUser(name=name, role=role, password="a long password")
    )[0]


def test_the_first_start_makes_one_super_administrator_and_says_its_password_once(
    services: ServiceContext,
) -> None:
    password = users.begin(services, None)
    assert password
    assert len(password) >= 16
    assert users.begin(services, None) is None
    with services.database.reading() as db:
        assert users.by_name(db, "admin").role is Role.SUPER_ADMIN


@pytest.mark.parametrize(
    "change", [UserChange(role=Role.VIEWER), UserChange(is_disabled=True), UserChange(name="x")]
)
def test_nobody_else_touches_the_super_administrator(
    services: ServiceContext, boss: User, change: UserChange
) -> None:
    admin = added(services, "小李", Role.ADMIN)
    for refused in (
        lambda: users.edit(services, admin, boss.id, change),
        lambda: users.remove(services, admin, boss.id),
        lambda: users.reset_password(services, admin.actor, boss.id, by=admin),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.problem_detail.problem is Problem.SUPER_ADMIN_STAYS


def test_the_super_administrator_may_change_its_name_and_cannot_leave(
    services: ServiceContext, boss: User
) -> None:
    assert users.edit(services, boss, boss.id, UserChange(name="林")).name == "林"
    for change in (UserChange(role=Role.ADMIN), UserChange(is_disabled=True)):
        with pytest.raises(Refused):
            users.edit(services, boss, boss.id, change)
    with pytest.raises(Refused):
        users.remove(services, boss, boss.id)


def test_nobody_deletes_disables_or_promotes_oneself(services: ServiceContext, boss: User) -> None:
    admin = added(services, "小李", Role.ADMIN)
    for refused in (
        lambda: users.edit(services, admin, admin.id, UserChange(is_disabled=True)),
        lambda: users.remove(services, admin, admin.id),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.problem_detail.problem is Problem.NOT_YOURSELF
    with pytest.raises(Refused) as caught:
        added(services, "小王", Role.SUPER_ADMIN)
    assert caught.value.problem_detail.problem is Problem.ROLE_NOT_GRANTED


def test_a_name_is_given_once(services: ServiceContext, boss: User) -> None:
    first = added(services, "小李", Role.MEMBER)
    second = added(services, "小王", Role.MEMBER)
    for refused in (
        lambda: added(services, "小李", Role.VIEWER),
        lambda: users.edit(services, boss, second.id, UserChange(name="小李")),
        lambda: users.set_profile(
            services, second, Profile(name="小李", robot=None, language=None)
        ),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.problem_detail.problem is Problem.USER_EXISTS
    assert first.name == "小李"


@pytest.mark.parametrize("name", ["ADMIN", "ａｄｍｉｎ", "аdmin", "admin\u3164"])
def test_nobody_takes_a_name_that_looks_like_anothers(
    services: ServiceContext, boss: User, name: str
) -> None:
    member = added(services, "小王", Role.MEMBER)
    for refused in (
        lambda: added(services, name, Role.ADMIN),
        lambda: users.edit(services, boss, member.id, UserChange(name=name)),
        lambda: users.set_profile(services, member, Profile(name=name, robot=None, language=None)),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.problem_detail.problem in {Problem.USER_EXISTS, Problem.NAME_MIXED}


def test_the_name_of_a_removed_user_stays_taken(services: ServiceContext, boss: User) -> None:
    removed, member = added(services, "Li", Role.MEMBER), added(services, "小王", Role.MEMBER)
    users.remove(services, boss, removed.id)
    for refused in (
        lambda: added(services, "LI", Role.ADMIN),
        lambda: users.set_profile(services, member, Profile(name="Li", robot=None, language=None)),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.problem_detail.problem is Problem.USER_EXISTS
    assert added(services, "小张", Role.MEMBER).id > removed.id, (
        "its number is nobody else's either"
    )


def test_a_former_name_is_nobody_elses_and_may_be_taken_back(
    services: ServiceContext, boss: User
) -> None:
    member = added(services, "Li", Role.MEMBER)
    users.edit(services, boss, member.id, UserChange(name="Lin"))
    with pytest.raises(Refused) as caught:
        added(services, "li", Role.MEMBER)
    assert caught.value.problem_detail.problem is Problem.USER_EXISTS
    renamed = users.edit(services, boss, member.id, UserChange(name="LI"))
    assert (
        users.set_profile(services, renamed, Profile(name="Li", robot=None, language=None)).name
        == "Li"
    )


def test_whom_an_older_node_has_added_counts_as_well(services: ServiceContext, boss: User) -> None:
    with services.database.writing() as db:
        number = stored.add(db, "Old", Role.MEMBER, "x", 1)
    with pytest.raises(Refused):
        added(services, "OLD", Role.MEMBER)
    users.remove(services, boss, number)
    with pytest.raises(Refused):
        added(services, "OLD", Role.MEMBER)


def test_a_user_whose_name_would_be_refused_today_can_still_be_changed(
    services: ServiceContext, boss: User
) -> None:
    with services.database.writing() as db:
        number = stored.add(db, "Магазин shop", Role.MEMBER, "x", 1)
    change = UserChange(name="Магазин shop", role=Role.VIEWER)
    user = users.edit(services, boss, number, change)
    assert user.role is Role.VIEWER
    assert (
        users.set_profile(services, user, Profile(name=user.name, robot=3, language=None)).robot
        == 3
    )


def test_two_who_are_added_at_once_are_not_both_the_same(
    services: ServiceContext, boss: User
) -> None:
    def add(name: str) -> str:
        try:
            return added(services, name, Role.MEMBER).name
        except Refused as refused:
            return refused.problem_detail.problem

    with ThreadPoolExecutor() as pool:
        names = list(pool.map(add, ["lin", "LIN", "Lin", "ｌｉｎ"]))
    assert names.count(Problem.USER_EXISTS) == 3


def test_the_audit_tells_by_number_who_did_it_to_whom(services: ServiceContext, boss: User) -> None:
    member = added(services, "小王", Role.MEMBER)
    users.edit(services, boss, member.id, UserChange(name="小李"))
    with services.database.reading() as db:
        entry = audit.every(db)[-1]
    assert (entry.who, entry.who_id) == ("admin", boss.id)
    assert (entry.subject, entry.subject_id) == ("小王", member.id)


def test_a_password_is_never_stored_nor_written_into_the_audit(
    services: ServiceContext, boss: User
) -> None:
    added(services, "小李", Role.MEMBER)
    with services.database.reading() as db:
        entries = audit.every(db)
    assert [one.action for one in entries] == ["user.add", "user.add"]
    assert "password" not in str(entries)


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_of_a_bad_length_is_refused(services: ServiceContext, password: str) -> None:
    with pytest.raises(Refused) as caught:
        users.add(
            services, Actor("admin"), NewUser(name="小李", role=Role.MEMBER, password=password)
        )
    assert caught.value.problem_detail.problem is Problem.PASSWORD_SHORT


def test_only_the_password_itself_is_right() -> None:
    stored = passwords.hashed("a long password")
    assert passwords.matches("a long password", stored)
    assert not passwords.matches("a long passwore", stored)
    assert not passwords.matches("a long password", "no hash at all")
