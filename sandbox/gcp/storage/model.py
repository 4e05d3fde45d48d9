"""Buckets and objects in memory, and the preconditions that both share."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..calls import Call
from ..errors import GoogleError
from ..state import State

Data = dict[str, Any]


@dataclass
class Object:
    """One generation of an object: its metadata and its bytes."""

    data: Data
    content: bytes = b""

    @property
    def live(self) -> bool:
        """Whether it is the current generation."""
        return "timeDeleted" not in self.data


@dataclass
class Bucket:
    """A bucket, its policy and its objects: name -> generations, oldest first."""

    data: Data
    policy: list[Data] = field(default_factory=list)
    policy_version: int = 1
    objects: dict[str, list[Object]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The bucket's name."""
        return str(self.data["name"])

    def live(self, name: str) -> Object | None:
        """The current generation of an object."""
        generations = self.objects.get(name, [])
        return generations[-1] if generations and generations[-1].live else None

    def generation(self, name: str, generation: str | None) -> Object | None:
        """A given generation, or the current one."""
        if generation is None:
            return self.live(name)
        found = [item for item in self.objects.get(name, []) if item.data["generation"] == generation]
        return found[0] if found else None

    def touched(self, moment: str) -> None:
        """Note a change of the bucket's metadata."""
        number = int(self.data["metageneration"]) + 1
        self.data.update(metageneration=str(number), etag=etag(number), updated=moment)


def etag(number: int) -> str:
    """``CAE=`` for 1: the number as a protobuf field, base64."""
    encoded = bytearray(b"\x08")
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return base64.b64encode(bytes(encoded)).decode()


def micros(moment: datetime) -> int:
    """Microseconds since 1970: generations are made of them."""
    return int(moment.timestamp() * 1_000_000)


def find(state: State, name: str) -> Bucket:
    """The bucket, or 404."""
    bucket: Bucket | None = state.buckets.get(name)
    if bucket is None:
        raise GoogleError(404, "The specified bucket does not exist.")
    return bucket


def failed() -> GoogleError:
    """412 for a precondition that did not hold."""
    return GoogleError(
        412,
        "At least one of the pre-conditions you specified did not hold.",
        reason="conditionNotMet",
        location="If-Match",
    )


def not_modified() -> GoogleError:
    """304 for a read whose ``NotMatch`` precondition did not hold."""
    return GoogleError(304, "Not Modified", reason="notModified")


def check_preconditions(call: Call, data: Data | None, *, source: str = "") -> None:
    """Enforce ``if…Match`` and ``if…NotMatch``; ``data`` is the object, None when there is none (generation 0).

    ``source`` is the infix of copy requests: ``ifSourceGenerationMatch``.
    """
    reading = call.method.http_method == "GET"
    for what, present in (
        ("Generation", data["generation"] if data else "0"),
        ("Metageneration", data["metageneration"] if data else "0"),
    ):
        wanted = call.query.get(f"if{source}{what}Match")
        if wanted is not None and wanted != present:
            raise failed()
        unwanted = call.query.get(f"if{source}{what}NotMatch")
        if unwanted is not None and unwanted == present:
            raise not_modified() if reading else failed()
