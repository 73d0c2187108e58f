"""People: the first start, and what administrators may do to whom."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.people import Actor, Role, User
from mprelease.domain.problems import Problem
from mprelease.security import passwords
from mprelease.services import users
from mprelease.services.house import House
from mprelease.services.users import Profile, UserChange
from mprelease.storage import audit
from mprelease.storage import users as stored


@pytest.fixture
def boss(house: House) -> User:
    users.begin(house, "a first password")
    with house.database.reading() as db:
        return users.named(db, "admin")


def added(house: House, name: str, role: Role) -> User:
    return users.add(house, Actor("admin"), name, role, "a long password")[0]


def test_the_first_start_makes_one_super_administrator_and_says_its_password_once(
    house: House,
) -> None:
    password = users.begin(house, None)
    assert password
    assert len(password) >= 16
    assert users.begin(house, None) is None
    with house.database.reading() as db:
        assert users.named(db, "admin").role is Role.SUPER_ADMIN


@pytest.mark.parametrize(
    "change", [UserChange(role=Role.VIEWER), UserChange(is_disabled=True), UserChange(name="x")]
)
def test_nobody_else_touches_the_super_administrator(
    house: House, boss: User, change: UserChange
) -> None:
    admin = added(house, "小李", Role.ADMIN)
    for refused in (
        lambda: users.edit(house, admin, boss.id, change),
        lambda: users.remove(house, admin, boss.id),
        lambda: users.reset_password(house, admin.actor, boss.id, by=admin),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.trouble.problem is Problem.SUPER_ADMIN_STAYS


def test_the_super_administrator_may_change_its_name_and_cannot_leave(
    house: House, boss: User
) -> None:
    assert users.edit(house, boss, boss.id, UserChange(name="林")).name == "林"
    for change in (UserChange(role=Role.ADMIN), UserChange(is_disabled=True)):
        with pytest.raises(Refused):
            users.edit(house, boss, boss.id, change)
    with pytest.raises(Refused):
        users.remove(house, boss, boss.id)


def test_nobody_deletes_disables_or_promotes_oneself(house: House, boss: User) -> None:
    admin = added(house, "小李", Role.ADMIN)
    for refused in (
        lambda: users.edit(house, admin, admin.id, UserChange(is_disabled=True)),
        lambda: users.remove(house, admin, admin.id),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.trouble.problem is Problem.NOT_YOURSELF
    with pytest.raises(Refused) as caught:
        added(house, "小王", Role.SUPER_ADMIN)
    assert caught.value.trouble.problem is Problem.ROLE_NOT_GRANTED


def test_a_name_is_given_once(house: House, boss: User) -> None:
    first = added(house, "小李", Role.MEMBER)
    second = added(house, "小王", Role.MEMBER)
    for refused in (
        lambda: added(house, "小李", Role.VIEWER),
        lambda: users.edit(house, boss, second.id, UserChange(name="小李")),
        lambda: users.set_profile(house, second, Profile("小李", None, None)),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.trouble.problem is Problem.USER_EXISTS
    assert first.name == "小李"


@pytest.mark.parametrize("name", ["ADMIN", "ａｄｍｉｎ", "аdmin", "admin\u3164"])
def test_nobody_takes_a_name_that_looks_like_anothers(house: House, boss: User, name: str) -> None:
    member = added(house, "小王", Role.MEMBER)
    for refused in (
        lambda: added(house, name, Role.ADMIN),
        lambda: users.edit(house, boss, member.id, UserChange(name=name)),
        lambda: users.set_profile(house, member, Profile(name, None, None)),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.trouble.problem in {Problem.USER_EXISTS, Problem.NAME_MIXED}


def test_the_name_of_a_removed_user_stays_taken(house: House, boss: User) -> None:
    gone, member = added(house, "Li", Role.MEMBER), added(house, "小王", Role.MEMBER)
    users.remove(house, boss, gone.id)
    for refused in (
        lambda: added(house, "LI", Role.ADMIN),
        lambda: users.set_profile(house, member, Profile("Li", None, None)),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.trouble.problem is Problem.USER_EXISTS
    assert added(house, "小张", Role.MEMBER).id > gone.id, "its number is nobody else's either"


def test_a_former_name_is_nobody_elses_and_may_be_taken_back(house: House, boss: User) -> None:
    member = added(house, "Li", Role.MEMBER)
    users.edit(house, boss, member.id, UserChange(name="Lin"))
    with pytest.raises(Refused) as caught:
        added(house, "li", Role.MEMBER)
    assert caught.value.trouble.problem is Problem.USER_EXISTS
    renamed = users.edit(house, boss, member.id, UserChange(name="LI"))
    assert users.set_profile(house, renamed, Profile("Li", None, None)).name == "Li"


def test_whom_an_older_node_has_added_counts_as_well(house: House, boss: User) -> None:
    with house.database.writing() as db:
        number = stored.add(db, "Old", Role.MEMBER, "x", 1)
    with pytest.raises(Refused):
        added(house, "OLD", Role.MEMBER)
    users.remove(house, boss, number)
    with pytest.raises(Refused):
        added(house, "OLD", Role.MEMBER)


def test_a_user_whose_name_would_be_refused_today_can_still_be_changed(
    house: House, boss: User
) -> None:
    with house.database.writing() as db:
        number = stored.add(db, "Магазин shop", Role.MEMBER, "x", 1)
    change = UserChange(name="Магазин shop", role=Role.VIEWER)
    user = users.edit(house, boss, number, change)
    assert user.role is Role.VIEWER
    assert users.set_profile(house, user, Profile(user.name, 3, None)).robot == 3


def test_two_who_are_added_at_once_are_not_both_the_same(house: House, boss: User) -> None:
    def add(name: str) -> str:
        try:
            return added(house, name, Role.MEMBER).name
        except Refused as refused:
            return refused.trouble.problem

    with ThreadPoolExecutor() as pool:
        names = list(pool.map(add, ["lin", "LIN", "Lin", "ｌｉｎ"]))
    assert names.count(Problem.USER_EXISTS) == 3


def test_the_audit_tells_by_number_who_did_it_to_whom(house: House, boss: User) -> None:
    member = added(house, "小王", Role.MEMBER)
    users.edit(house, boss, member.id, UserChange(name="小李"))
    with house.database.reading() as db:
        deed = audit.every(db)[-1]
    assert (deed.who, deed.who_id) == ("admin", boss.id)
    assert (deed.subject, deed.subject_id) == ("小王", member.id)


def test_a_password_is_never_stored_nor_written_into_the_audit(house: House, boss: User) -> None:
    added(house, "小李", Role.MEMBER)
    with house.database.reading() as db:
        deeds = audit.every(db)
    assert [one.deed for one in deeds] == ["user.add", "user.add"]
    assert "password" not in str(deeds)


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_of_a_bad_length_is_refused(house: House, password: str) -> None:
    with pytest.raises(Refused) as caught:
        users.add(house, Actor("admin"), "小李", Role.MEMBER, password)
    assert caught.value.trouble.problem is Problem.PASSWORD_SHORT


def test_only_the_password_itself_is_right() -> None:
    stored = passwords.hashed("a long password")
    assert passwords.is_right("a long password", stored)
    assert not passwords.is_right("a long passwore", stored)
    assert not passwords.is_right("a long password", "no hash at all")
