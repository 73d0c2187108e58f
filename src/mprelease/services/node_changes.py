"""Release a commit again with another version of Node."""

from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases
from mprelease.services.context import ServiceContext


def again_with_node(
    services: ServiceContext, who: Actor, release_id: int, node: str
) -> ReleaseRequest:
    """Set the Node of a release's app, and return a request for the same release again.

    The setting stays for later releases. Raise Refused.
    """
    wanted = releases.again(services, release_id)
    apps.edit(services, who, wanted.app, AppChange.of(node=node))
    return wanted
