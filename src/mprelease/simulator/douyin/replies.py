"""What the simulated Douyin answers when all is well."""

from collections.abc import Mapping

from mprelease.simulator.service import Reply, json_reply

RUNNING, BUILT = 1, 2
"""The states of a build, as `compile_progress` tells them."""


def by_error(**content: object) -> Reply:
    """Answer as the older calls do, which name their success `error`."""
    return json_reply({"error": 0, "message": "success", **content})


def by_code(data: Mapping[str, object]) -> Reply:
    """Answer as the newer calls do, which name it `code`."""
    return json_reply({"code": 0, "msg": "success", "data": data})


def meta() -> Reply:
    """Answer what an app is: no game (`tech_type` 16) and no app of a third-party platform."""
    third_party = {"is_thirdparty_dev": False, "thirdparty": {"name": ""}}
    return by_error(data={"version": "0.0.0", "tech_type": 1, **third_party})


def logged_in(user_id: str, session: str) -> Reply:
    """Answer a login with its session cookie."""
    reply = json_reply({"message": "success", "data": {"user_id_str": user_id}})
    cookie = f"sessionid_microapp={session}; Path=/; HttpOnly; Secure"
    return Reply(reply.body, reply.status, headers={"Set-Cookie": cookie})


def progress(status: int) -> Reply:
    """Answer how far a build is."""
    return by_error(status=status, pass_json="{}")  # noqa: S106 the tool's name, no password
