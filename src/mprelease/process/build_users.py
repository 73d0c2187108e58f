"""Exclusive user ids, one for each confined process tree at a time; needs root."""

import grp
import logging
import os
import pwd
import threading
from pathlib import Path
from typing import Self

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import UidRange
from mprelease.process.machine_locks import MachineLocks
from mprelease.process.user_leftovers import remove_leftovers
from mprelease.process.user_processes import end_all

_log = logging.getLogger(__name__)
LOCKS = Path("/run/mprelease/uids")

# systemd's dynamic users, homed's users and its containers: systemd.io, "Users, Groups, UIDs".
_TAKEN_BY_SYSTEMD = (range(60001, 60514), range(60578, 60706), range(61184, 65520))
_NOBODY = 65534


class ProcessesRemain(Exception):
    """A process of a build could not be killed within 20 s, for example one blocked by a disk."""


class ClaimedUser:
    """A user id that is locked until it is released."""

    def __init__(self, uid: int, lock: int) -> None:
        """Take the user id, and the open descriptor that holds its lock."""
        self.uid = uid
        self._lock: int | None = lock

    def clean_up(self) -> None:
        """Kill every process of the user, and remove its files in world-writable folders.

        Raise ProcessesRemain if a process cannot be killed. Without any this takes well below a
        millisecond.
        """
        if not end_all(self.uid):
            raise ProcessesRemain(f"processes of the user id {self.uid} cannot be ended")
        remove_leftovers(self.uid)

    def release(self) -> None:
        """Clean up and unlock the id; idempotent.

        An id with a process that cannot be killed stays locked until this process ends.
        """
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            self.clean_up()
        except ProcessesRemain as error:
            _log.error("the user id stays locked: %s", error)
        else:
            os.close(lock)

    def __enter__(self) -> Self:
        """Return the claim, which is released after the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the id."""
        self.release()


class BuildUsers:
    """Allocate the ids of a range, exclusively among all workers of one machine.

    An id is locked by a file lock, which ends with the process that holds it.
    """

    def __init__(self, uids: UidRange, locks: Path = LOCKS) -> None:
        """Take the range and the folder of the locks."""
        self._uids = uids
        self._locks = MachineLocks(locks)
        self._mutex = threading.Lock()

    @property
    def uids(self) -> UidRange:
        """Return the range."""
        return self._uids

    def why_unusable(self) -> str:
        """Return why the range cannot be used on this machine; empty if it can."""
        return why_unusable(self._uids) or self._locks.why_unusable()

    def claim(self) -> ClaimedUser:
        """Lock the lowest free id; raise Refused(BUILD_UIDS_UNUSABLE) if there is none.

        Processes and files that a killed worker left under it are removed first.
        """
        if why := self._locks.why_unusable():
            raise self._refused(why)
        with self._mutex:
            for uid in self._uids.ids:
                if (claimed := self._claimed(uid)) is not None:
                    return claimed
        raise self._refused(f"all of {self._uids} are in use")

    def _refused(self, why: str) -> Refused:
        return Refused(Problem.BUILD_UIDS_UNUSABLE, uids=str(self._uids), detail=why)

    def _claimed(self, uid: int) -> ClaimedUser | None:
        lock = None if _name(uid) else self._locks.take(str(uid))
        if lock is None:
            return None
        claimed = ClaimedUser(uid, lock)
        try:
            claimed.clean_up()
        except ProcessesRemain:
            # The lock is kept, so that the id is not tried again.
            return None
        return claimed


def why_unusable(uids: UidRange) -> str:
    """Return why these ids cannot be used for builds on this machine; empty if they can."""
    if not 0 < uids.first <= uids.last < _NOBODY:
        return f"they must lie between 1 and {_NOBODY - 1}"
    if any(not set(uids.ids).isdisjoint(taken) for taken in _TAKEN_BY_SYSTEMD):
        return "systemd assigns some of them to services"
    for name in ("uid", "gid"):
        if not _is_mapped(uids, Path(f"/proc/self/{name}_map")):
            return f"this container does not have all of them (/proc/self/{name}_map)"
    if user := next((each.pw_name for each in pwd.getpwall() if each.pw_uid in uids.ids), None):
        return f"the user {user} has one of them"
    if group := next((each.gr_name for each in grp.getgrall() if each.gr_gid in uids.ids), None):
        return f"the group {group} has one of them"
    return ""


def _is_mapped(uids: UidRange, table: Path) -> bool:
    mapped = [
        range(int(first), int(first) + int(count))
        for first, _, count in (line.split() for line in table.read_text().splitlines())
    ]
    return all(any(uid in each for each in mapped) for uid in uids.ids)


def _name(uid: int) -> str:
    """Return the user name of an id, also from a directory service that cannot be enumerated."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
