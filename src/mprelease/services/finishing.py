"""Operations on the last step that an accepted upload has missed."""

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind, Publication, Release, State
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of, served
from mprelease.schemas.apps import App
from mprelease.services import apps
from mprelease.services import releases as operations
from mprelease.services.context import ServiceContext, entry_about, record
from mprelease.storage import clock, releases
from mprelease.storage.database import Reader

_WITHOUT_QR_CODE = Message("warning.finished_without_qr_code")


def upload(db: Reader, release_id: int) -> tuple[Release, App]:
    """Return a successful upload and its app; raise Refused where there is none."""
    release = operations.get(db, release_id)
    if release.kind is not Kind.UPLOAD or release.state is not State.SUCCEEDED:
        raise Refused(Problem.RELEASE_NOT_UPLOADED, release=release_id)
    app = apps.get(db, release.app_name)
    if app.id != release.app_id:
        # The app of this release was removed, and another app has its name.
        raise Refused(Problem.APP_UNKNOWN, name=release.app_name)
    return release, app


def missed_steps(release: Release) -> list[Message]:
    """Return the warnings of steps after the acceptance by the platform that can still be done."""
    if release.platform not in served():
        return []
    can_be_done = driver_of(release.platform).missed_steps | {_WITHOUT_QR_CODE.id}
    return [warning for warning in release.warnings if warning.id in can_be_done]


def finish(services: ServiceContext, who: Actor, release_id: int, given: Publication) -> None:
    """Store the result of the last step, and remove the warning that it was missed."""
    with services.database.writing() as db:
        release, _ = upload(db, release_id)
        warnings = [each for each in release.warnings if each not in missed_steps(release)]
        if given.qr_code:
            image, media_type = given.qr_code, given.qr_code_type
            releases.put_qr_code(db, release_id, image, media_type, clock.read(db))
        else:
            warnings.append(_WITHOUT_QR_CODE)
        releases.put_warnings(db, release_id, warnings)
        record(db, services, who, entry_about("release.finish", release))
