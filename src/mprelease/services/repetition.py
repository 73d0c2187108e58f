"""Request a release again, as it was or with a change."""

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, Release, State
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases
from mprelease.services.context import ServiceContext


def again(services: ServiceContext, release_id: int) -> ReleaseRequest:
    """Return a request for the same release again; an upload gets a new version.

    Its ref is the commit of the release, not the present commit of the branch; a release that has
    succeeded is published as it was built then, if that is still stored.
    """
    release, app = _found(services, release_id)
    return ReleaseRequest.of(
        app=app.name,
        kind=release.kind,
        ref=release.commit.id if release.commit else release.ref,
        ref_name=release.shown_ref if release.commit else release.ref_name,
        description=release.description,
        environment=release.environment,
        robot=release.robot if driver_of(app.platform).robots else None,
        **vars(release.launch),
        compile_settings=driver_of(app.platform).settings.effective(release.compile_settings),
        same_build_as=release.id if release.state is State.SUCCEEDED else None,
    )


def newest_of_branch(services: ServiceContext, release_id: int) -> ReleaseRequest:
    """Return a request for a preview like this release, of the present commit of its branch."""
    release, app = _found(services, release_id)
    return ReleaseRequest.of(
        app=app.name,
        kind=Kind.PREVIEW,
        ref=release.shown_ref,
        environment=release.environment,
        **vars(release.launch),
        compile_settings=driver_of(app.platform).settings.effective(release.compile_settings),
    )


def again_with_node(
    services: ServiceContext, who: Actor, release_id: int, node: str
) -> ReleaseRequest:
    """Set the Node of a release's app, and return a request for the same release again.

    The setting stays for later releases. Raise Refused.
    """
    wanted = again(services, release_id)
    apps.edit(services, who, wanted.app, AppChange.of(node=node))
    return wanted.model_copy(update={"same_build_as": None})


def _found(services: ServiceContext, release_id: int) -> tuple[Release, App]:
    with services.database.reading() as db:
        release = releases.get(db, release_id)
        app = apps.get(db, release.app_name)
        if app.id != release.app_id:
            # The app of this release was removed, and another app has its name.
            raise Refused(Problem.APP_UNKNOWN, name=release.app_name)
    return release, app
