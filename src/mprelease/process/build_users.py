"""User ids that belong to nobody else, one for each confined process tree at a time; needs root."""

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
from mprelease.process.leftovers import remove_leftovers
from mprelease.process.machine_locks import MachineLocks
from mprelease.process.user_processes import end_all

_log = logging.getLogger(__name__)
LOCKS = Path("/run/mprelease/uids")

# systemd's dynamic users, homed's users and its containers: systemd.io, "Users, Groups, UIDs".
_TAKEN_BY_SYSTEMD = (range(60001, 60514), range(60578, 60706), range(61184, 65520))
_NOBODY = 65534


class ProcessesRemain(Exception):
    """A process of a build could not be killed within 20 seconds, as one that waits for a disk."""


class ClaimedUser:
    """A user id that is nobody else's until it is released."""

    def __init__(self, uid: int, lock: int) -> None:
        """Take over a lock that is held by an open descriptor."""
        self.uid = uid
        self._lock: int | None = lock

    def clean_up(self) -> None:
        """End every process of the user, and remove what it left where everybody may write.

        Raise StillAlive if something cannot be ended. Where nothing is left this takes well below
        a millisecond.
        """
        if not end_all(self.uid):
            raise ProcessesRemain(f"processes of the user id {self.uid} cannot be ended")
        remove_leftovers(self.uid)

    def release(self) -> None:
        """Clean up, and let others have the id; more than once is harmless.

        An id under which something still lives stays taken as long as this process.
        """
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            self.clean_up()
        except ProcessesRemain as error:
            _log.error("nobody gets the id again: %s", error)
        else:
            os.close(lock)

    def __enter__(self) -> Self:
        """Return the claim, which ends with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the id."""
        self.release()


class BuildUsers:
    """Hand out the ids of a range; two workers of one machine never get the same.

    An id is locked by a file, which ends with the process that holds it.
    """

    def __init__(self, uids: UidRange, locks: Path = LOCKS) -> None:
        """Take the range and the folder of the locks; nothing is claimed yet."""
        self._uids = uids
        self._locks = MachineLocks(locks)
        self._mutex = threading.Lock()

    @property
    def uids(self) -> UidRange:
        """Return the range."""
        return self._uids

    def why_unusable(self) -> str:
        """Say what stands against the range on this machine; nothing if it can be used."""
        return why_unusable(self._uids) or self._locks.why_unusable()

    def claim(self) -> ClaimedUser:
        """Return the lowest id that nobody has; raise Refused(BUILD_UIDS_UNUSABLE) if none is.

        What a killed worker left under it is ended and removed first.
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
            # Its lock stays, so that nobody waits for it again.
            return None
        return claimed


def why_unusable(uids: UidRange) -> str:
    """Say why these ids cannot be given to builds on this machine; nothing if they can."""
    if not 0 < uids.first <= uids.last < _NOBODY:
        return f"they must lie between 1 and {_NOBODY - 1}"
    if any(not set(uids.ids).isdisjoint(taken) for taken in _TAKEN_BY_SYSTEMD):
        return "systemd gives some of them to services"
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
    """Return who has an id, also by a directory service that does not list its users."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
