"""Request a release again, as it was or with a change."""

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, State
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of
from mprelease.schemas.apps import AppChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases
from mprelease.services.context import ServiceContext


def again(services: ServiceContext, release_id: int) -> ReleaseRequest:
    """Return a request for the same release again; an upload gets a new version.

    Its ref is the commit of the release, not the present commit of the branch; a release that has
    succeeded is published as it was built then, if that is still stored.
    """
    with services.database.reading() as db:
        release = releases.get(db, release_id)
        app = apps.get(db, release.app_name)
        if app.id != release.app_id:
            # The app of this release was removed, and another app has its name.
            raise Refused(Problem.APP_UNKNOWN, name=release.app_name)
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


def preview_of_branch(services: ServiceContext, release_id: int) -> ReleaseRequest:
    """Return a request for a preview of the newest commit of the branch or tag of a release.

    Environment, start page and compile settings are those of the release; the robot is chosen
    again.
    """
    same = again(services, release_id)
    own = {"kind": Kind.PREVIEW, "ref": same.ref_name or same.ref}
    not_repeated = dict.fromkeys(("ref_name", "description", "robot", "same_build_as"))
    return same.model_copy(update=own | not_repeated)


def again_with_node(
    services: ServiceContext, who: Actor, release_id: int, node: str
) -> ReleaseRequest:
    """Set the Node of a release's app, and return a request for the same release again.

    The setting stays for later releases. Raise Refused.
    """
    wanted = again(services, release_id)
    apps.edit(services, who, wanted.app, AppChange.of(node=node))
    return wanted.model_copy(update={"same_build_as": None})
