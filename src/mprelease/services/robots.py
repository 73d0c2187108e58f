"""The robot or channel of a release: the one that it names, else one of the app's pool."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mprelease.domain.board import Trial
from mprelease.domain.releases import Kind
from mprelease.domain.robots import (
    ChosenBy,
    Occupant,
    RobotChoice,
    RobotPool,
    RobotReason,
    by_rule,
    names_in,
    rules_in,
)
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of, robots
from mprelease.platforms.settings import Setting
from mprelease.schemas import validation
from mprelease.schemas.apps import App
from mprelease.schemas.releases import ReleaseRequest
from mprelease.storage import robots as stored
from mprelease.storage import trials, users
from mprelease.storage.database import Reader


@dataclass(frozen=True)
class RobotFacts:
    """What robots are chosen by, read once for several apps; by app id.

    `own` is the robot in the profile of the person. `occupants` change with each release that is
    accepted.
    """

    who: Actor
    own: int | None
    occupants: Mapping[int, dict[int, Occupant]]
    trials: Mapping[int, Trial]

    def choose(self, app: App, wanted: ReleaseRequest, ref: str) -> RobotChoice:
        """Return the robot or channel with which the person releases a ref of an app.

        Raise Refused(ROBOT_RANGE) for a named one that the platform does not have.
        """
        numbers, driver = robots(app.platform), driver_of(app.platform)
        if wanted.robot is not None:
            validation.robot(wanted.robot, numbers)
        if driver.channel_setting:
            return _channel(app, wanted, ref, driver.channel_setting)
        if not driver.robots:
            return RobotChoice(app.robot if wanted.robot is None else wanted.robot, None)
        if wanted.robot is not None:
            return RobotChoice(wanted.robot, RobotReason(ChosenBy.NAMED))
        own = self.own if self.own in numbers else None
        return self._pool(app, numbers).choose(ref, self.who.name, own)

    def accept(self, apps: Collection[App], app: App, robot: int, occupant: Occupant) -> None:
        """Note a release of one of these apps, for all of the same platform app id."""
        for one in apps:
            if (one.platform, one.platform_app_id) == (app.platform, app.platform_app_id):
                self.occupants[one.id][robot] = occupant

    def _pool(self, app: App, numbers: range) -> RobotPool:
        """Return the app's named robots, without names all of the platform; its own one first."""
        named = [each for each in names_in(app.robot_names) if each in numbers]
        pool = sorted(named or numbers, key=lambda each: (each != app.robot, each))
        # A branch may have used a robot outside of the pool.
        occupants = {n: one for n, one in self.occupants[app.id].items() if n in numbers}
        trial = self.trials.get(app.id)
        rules = rules_in(app.robot_rules)
        return RobotPool(pool, rules, occupants, trial.channel if trial else None)


def facts(db: Reader, who: Actor, apps: Collection[App]) -> RobotFacts:
    """Read what robots are chosen by.

    Two transactions that hold the locks of the apps choose different robots, as far as there are.
    """
    profile = users.by_id(db, who.id) if who.id else None
    return RobotFacts(
        who,
        profile.robot if profile else None,
        stored.occupants(db, apps, range(robots().stop)),
        trials.of_apps(db, apps),
    )


def serial_keys(app: App) -> set[str]:
    """Return the serial keys that releases of an app can have."""
    return {serial_key(app, robot) for robot in robots(app.platform)}


def serial_key(app: App, robot: int) -> str:
    """Return the key whose releases run one at a time: of the app, or of one of its robots."""
    lane = robot if driver_of(app.platform).robots else 0
    return f"{app.platform}:{app.platform_app_id}:{lane}"


def settings_with(
    app: App, choice: RobotChoice, given: Mapping[str, Setting]
) -> dict[str, Setting]:
    """Return the compile settings of a release, with its channel: the app's one may change."""
    name = driver_of(app.platform).channel_setting
    return {**given, name: choice.robot} if name and choice.robot else dict(given)


def _channel(app: App, wanted: ReleaseRequest, ref: str, setting: str) -> RobotChoice:
    """Return the channel of an upload; 0 for none, and for previews."""
    if wanted.kind is Kind.PREVIEW:
        return RobotChoice(0, None)
    known = driver_of(app.platform).settings
    named = known.effective(wanted.compile_settings).get(setting)
    ruled = by_rule(rules_in(app.robot_rules), ref)
    if named is None and ruled:
        return ruled
    of_app = known.effective(app.build.compile_settings).get(setting, 0)
    return RobotChoice(int(of_app if named is None else named), RobotReason(ChosenBy.SETTING))
