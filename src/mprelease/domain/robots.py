"""Robots of a platform: an app's names and rules for them, and the choice of one for a release.

A robot keeps one development version per platform app id: its next upload replaces that version.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from mprelease.domain.problems import Message

_LINE = re.compile(r"([0-9]{1,4})[ .:：=]+(\S(?:.*\S)?)")
_RULE = re.compile(r"([^\s=]{1,255}?)(?:\s*(?:=>|->|→|=)\s*|\s+)([0-9]{1,4})")
_LONGEST_NAME = 40


class ChosenBy(StrEnum):
    """Why a release has its robot.

    NAMED: the request named it. RULE: a rule of the app, for the ref. BRANCH: the branch's last
    one. PROFILE: the one in the profile of the person. PERSON: the person's last one. LEAST_USED:
    the least recently used one. SETTING: the channel in the compile settings, where there are no
    robots; 0 if they have none.
    """

    NAMED = "named"
    RULE = "rule"
    BRANCH = "branch"
    PROFILE = "profile"
    PERSON = "person"
    LEAST_USED = "least_used"
    SETTING = "setting"


@dataclass(frozen=True)
class RobotReason:
    """Why a release has its robot; `pattern` is that of the rule."""

    source: ChosenBy
    pattern: str | None = None

    @property
    def message(self) -> Message:
        """Return the message that states the reason."""
        return Message(f"robot_reason.{self.source}", {"pattern": self.pattern or ""})


@dataclass(frozen=True)
class RobotChoice:
    """The robot of a release, and the reason; None where the platform has no robots."""

    robot: int
    reason: RobotReason | None


@dataclass(frozen=True)
class RobotRule:
    """Releases of refs that match `pattern`, in which `*` also matches slashes, use `robot`."""

    pattern: str
    robot: int

    @classmethod
    def of(cls, line: str) -> "RobotRule | None":
        """Parse a line such as `release/* → 2`; None if it is not a rule."""
        found = _RULE.fullmatch(line.strip())
        return cls(found[1], int(found[2])) if found else None

    def __str__(self) -> str:
        """Return the rule as a line."""
        return f"{self.pattern} → {self.robot}"


def by_rule(rules: Iterable[RobotRule], ref: str) -> RobotChoice | None:
    """Return the choice of the first rule that matches a ref; None if there is none."""
    for rule in rules:
        if fnmatchcase(ref, rule.pattern):
            return RobotChoice(rule.robot, RobotReason(ChosenBy.RULE, rule.pattern))
    return None


def rules_in(lines: Iterable[str]) -> list[RobotRule]:
    """Return the rules in stored lines."""
    return [rule for line in lines if (rule := RobotRule.of(line))]


@dataclass(frozen=True)
class RobotName:
    """The name of a robot of an app."""

    robot: int
    name: str

    @classmethod
    def of(cls, line: str) -> "RobotName | None":
        """Parse a line such as `1 test`; None if it is not a robot's number and name."""
        found = _LINE.fullmatch(line.strip())
        return cls(int(found[1]), found[2]) if found and len(found[2]) <= _LONGEST_NAME else None

    def __str__(self) -> str:
        """Return number and name as a line."""
        return f"{self.robot} {self.name}"


def names_in(lines: Collection[str]) -> dict[int, str]:
    """Return by number the names in stored lines."""
    return {one.robot: one.name for line in lines if (one := RobotName.of(line))}


@dataclass(frozen=True)
class Occupant:
    """The newest release of a robot, of any app with the same platform app id."""

    release_id: int
    ref: str
    requested_by: str


@dataclass(frozen=True)
class RobotPool:
    """What a robot is chosen from: numbers in the order of preference, rules, and their occupants.

    `trial` is the robot whose version the testers see: no other branch gets it unasked.
    """

    robots: Sequence[int]
    rules: Sequence[RobotRule]
    occupants: Mapping[int, Occupant]
    trial: int | None = None

    def choose(self, ref: str, person: str, own: int | None) -> RobotChoice:
        """Return the robot of a ref that a person releases; `own` is that of the profile.

        A rule comes first. A branch or a person keeps the last robot until another one has used
        it, so that no version of others is replaced unasked while there is an unused robot.
        """
        if ruled := by_rule(self.rules, ref):
            return ruled
        if kept := self._newest([each for each, on in self.occupants.items() if on.ref == ref]):
            return RobotChoice(kept, RobotReason(ChosenBy.BRANCH))
        if own:
            return RobotChoice(own, RobotReason(ChosenBy.PROFILE))
        if kept := self._newest([each for each in self._free() if self._is_used_by(each, person)]):
            return RobotChoice(kept, RobotReason(ChosenBy.PERSON))
        return RobotChoice(self._least_used(), RobotReason(ChosenBy.LEAST_USED))

    def _free(self) -> list[int]:
        """Return the robots without those that rules or the trial version reserve."""
        reserved = {rule.robot for rule in self.rules} | {self.trial}
        return [each for each in self.robots if each not in reserved] or list(self.robots)

    def _is_used_by(self, robot: int, person: str) -> bool:
        occupant = self.occupants.get(robot)
        return occupant is not None and occupant.requested_by == person

    def _newest(self, robots: Collection[int]) -> int | None:
        return max(robots, key=self._last_used, default=None)

    def _least_used(self) -> int:
        return min(self._free(), key=self._last_used)

    def _last_used(self, robot: int) -> int:
        occupant = self.occupants.get(robot)
        return occupant.release_id if occupant else 0
