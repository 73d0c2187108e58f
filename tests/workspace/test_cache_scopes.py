"""What builds keep for later ones: by who may trust it, and never the other way."""

import threading
from pathlib import Path

import pytest

from mprelease.process.copying import Copier
from mprelease.workspace.cache_scopes import CacheScopes, scope_of
from trees import write

MAIN, FEATURE, OTHER = (scope_of(f"branch {name}") for name in ("main", "feature", "other"))


@pytest.fixture
def scopes(tmp_path: Path) -> CacheScopes:
    return CacheScopes(tmp_path / "caches")


def give_back(scopes: CacheScopes, scope: str, place: Path, text: str) -> None:
    write(place, ".cache/pack", text)
    scopes.save(scope, place)


def brought(scopes: CacheScopes, scope: str, seed: str | None, place: Path) -> str | None:
    return (
        (place / ".cache/pack").read_text()
        if scopes.restore(scope, seed, place, Copier())
        else None
    )


def test_at_first_there_is_nothing(scopes: CacheScopes, tmp_path: Path) -> None:
    assert brought(scopes, MAIN, None, tmp_path / "work") is None


def test_what_was_given_back_is_brought_again(scopes: CacheScopes, tmp_path: Path) -> None:
    give_back(scopes, MAIN, tmp_path / "work", "main")
    assert brought(scopes, MAIN, None, tmp_path / "work") == "main"


def test_a_working_copy_that_is_not_given_back_changes_nothing(
    scopes: CacheScopes, tmp_path: Path
) -> None:
    give_back(scopes, MAIN, tmp_path / "work", "main")
    assert brought(scopes, MAIN, None, tmp_path / "work") == "main"
    write(tmp_path / "work", ".cache/pack", "spoiled")
    assert brought(scopes, MAIN, None, tmp_path / "again") == "main"


def test_the_last_one_wins(scopes: CacheScopes, tmp_path: Path) -> None:
    for text in ("one", "two"):
        give_back(scopes, MAIN, tmp_path / text, text)
    assert brought(scopes, MAIN, None, tmp_path / "work") == "two"
    assert [entry.name for entry in scopes.folder.iterdir()] == [MAIN]


def test_a_new_branch_begins_with_what_the_default_branch_has(
    scopes: CacheScopes, tmp_path: Path
) -> None:
    give_back(scopes, MAIN, tmp_path / "work", "main")
    assert brought(scopes, FEATURE, MAIN, tmp_path / "work") == "main"


def test_the_default_branch_never_gets_what_another_has(
    scopes: CacheScopes, tmp_path: Path
) -> None:
    give_back(scopes, FEATURE, tmp_path / "work", "evil")
    assert brought(scopes, MAIN, MAIN, tmp_path / "work") is None
    assert brought(scopes, OTHER, MAIN, tmp_path / "work") is None


def test_only_the_newest_scopes_stay(scopes: CacheScopes, tmp_path: Path) -> None:
    for number in range(20):
        give_back(scopes, scope_of(str(number)), tmp_path / "work", str(number))
    assert len(list(scopes.folder.iterdir())) == 16


def test_parts_that_are_cut_differently_are_other_scopes() -> None:
    assert scope_of("ab", "c") != scope_of("a", "bc")


@pytest.mark.lasting
def test_slots_that_give_back_and_bring_at_once_do_not_hold_each_other_up(
    scopes: CacheScopes, tmp_path: Path
) -> None:
    files = {f"folder{number}/file{number}" for number in range(40)}
    failures: list[str] = []

    def work(slot: int) -> None:
        place = tmp_path / f"work{slot}"
        try:
            for turn in range(25):
                # Other branches push the oldest scopes out meanwhile.
                scope = MAIN if turn % 2 else scope_of(f"{slot} {turn}")
                if scopes.restore(scope, MAIN, place, Copier()):
                    found = {str(each.relative_to(place)) for each in place.rglob("file*")}
                    failures.extend([] if found == files else [f"{len(found)} files"])
                for file in files:
                    write(place, file, "")
                scopes.save(scope, place)
        except Exception as error:  # noqa: BLE001 (told below)
            failures.append(repr(error))

    threads = [threading.Thread(target=work, args=(slot,)) for slot in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
