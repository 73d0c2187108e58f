"""The robot of a release: the one that it names, else one of the app's pool."""

from mprelease.domain.robots import (
    ChosenBy,
    RobotChoice,
    RobotPool,
    RobotReason,
    RobotRule,
    names_in,
)
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of, robots
from mprelease.schemas import validation
from mprelease.schemas.apps import App
from mprelease.storage import robots as stored
from mprelease.storage import trials, users
from mprelease.storage.database import Reader


def choose(db: Reader, app: App, who: Actor, ref: str, named: int | None = None) -> RobotChoice:
    """Return the robot with which a person releases a ref of an app.

    Two transactions that hold the lock of the app get different ones, as far as there are.
    Raise Refused(ROBOT_RANGE) for a named one that the platform does not have.
    """
    numbers = robots(app.platform)
    if named is not None:
        validation.robot(named, numbers)
    if not driver_of(app.platform).robots:
        return RobotChoice(app.robot if named is None else named, None)
    if named is not None:
        return RobotChoice(named, RobotReason(ChosenBy.NAMED))
    profile = users.by_id(db, who.id) if who.id else None
    own = profile.robot if profile and profile.robot in numbers else None
    return _pool(db, app, numbers).choose(ref, who.name, own)


def serial_key(app: App, robot: int) -> str:
    """Return the key whose releases run one at a time: of the app, or of one of its robots."""
    lane = robot if driver_of(app.platform).robots else 0
    return f"{app.platform}:{app.platform_app_id}:{lane}"


def _pool(db: Reader, app: App, numbers: range) -> RobotPool:
    """Return the app's named robots, without names all of the platform; its own one first."""
    named = [each for each in names_in(app.robot_names) if each in numbers]
    pool = sorted(named or numbers, key=lambda each: (each != app.robot, each))
    rules = [rule for line in app.robot_rules if (rule := RobotRule.of(line))]
    # A branch may have used a robot outside of the pool.
    occupants = stored.occupants(db, {each: serial_key(app, each) for each in numbers})
    trial = trials.of_apps(db, [app]).get(app.id)
    return RobotPool(pool, rules, occupants, trial.channel if trial else None)
