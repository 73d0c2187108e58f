"""What miniprogram-ci sends, field by field; anything else raises pydantic's ValidationError."""

from typing import Annotated

from pydantic import BaseModel, Field, Json

from mprelease.domain.apps import ProjectType

Robot = Annotated[int, Field(ge=1, le=30)]


class RandomCall(BaseModel):
    """Ask for a random string to sign."""

    appid: str


class SignedCall(BaseModel):
    """Call with a signature in the body, as getattr and the source map calls do.

    `offset` and `limit` cut a slice of the source map, in characters.
    """

    appid: str
    signature: str
    robot: Robot = 1
    streaming: bool = True
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=0)] = 0


class Debug(BaseModel):
    """Tell with what a preview opens; the scene is WeChat's number, 1011 by default."""

    scene: int = 1011


class UploadCall(BaseModel):
    """Describe an upload or a preview in the query of its address; the pack is the body.

    `path` is a page with its query, as in an address. `big` asks for larger packages of a preview.
    """

    appid: str
    type: ProjectType
    version: Annotated[str, Field(min_length=1)]
    robot: Robot
    desc: str = ""
    path: str = ""
    big: Annotated[bool, Field(alias="bigPackageSizeSupport")] = False
    debug: Annotated[Json[Debug], Field(alias="debugLaunchInfo")] = Debug()


class PackedSignature(BaseModel):
    """Hold the signature that travels inside a pack, in `/ci.signature`."""

    signature: str


class Proof(BaseModel):
    """Hold what a signature says once the public key has opened it."""

    appid: str
    rand_str: str
