"""Images: their digests, tags that move from one to another, scans."""

from __future__ import annotations

import fnmatch
import hashlib
from typing import Any

from moto.ecr.models import Image

from ..errors import RawResponse
from ..hooks import Hooks
from ..query import refusal
from ..wire import Call
from ..world import World


def _digest(image: Any) -> None:
    """A manifest's digest is that of its bytes; moto leaves all but the layers out."""
    image._image_digest = f"sha256:{hashlib.sha256(image.image_manifest.encode()).hexdigest()}"


def _is_immutable(repository: Any, tag: str) -> bool:
    filters = repository.image_tag_mutability_exclusion_filters or ()
    excluded = any(fnmatch.fnmatchcase(tag, item["filter"]) for item in filters)
    return bool(repository.is_tag_immutable()) != excluded if filters else bool(repository.is_tag_immutable())


class Images:
    """Operations on images."""

    def __init__(self, world: World) -> None:
        self._world = world
        Image._create_digest = _digest  # type: ignore[assignment,method-assign]

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        hooks.before("ecr.PutImage", self._free_tag)
        hooks.after("ecr.PutImage", self._pushed)
        hooks.replace("ecr.DescribeImageScanFindings", self._findings)

    def reset(self) -> None:
        """Moto holds it all."""

    def _repository(self, call: Call) -> Any:
        return self._world.backend("ecr", call.region).repositories.get(call.params["repositoryName"])

    def _free_tag(self, call: Call) -> None:
        """A tag moves to the new image and the old one stays, untagged; an immutable tag does not move."""
        repository, tag = self._repository(call), call.params.get("imageTag")
        if repository is None or tag is None:
            return
        for image in repository.images:
            if tag in image.image_tags and image.image_manifest != call.params["imageManifest"]:
                if _is_immutable(repository, tag):
                    raise refusal(
                        "ecr",
                        "ImageTagAlreadyExistsException",
                        f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be "
                        "overwritten because the tag is immutable.",
                    )
                image.image_tags.remove(tag)
                image.image_tag = image.image_tags[-1] if image.image_tags else None

    def _pushed(self, call: Call, _: RawResponse) -> None:
        repository = self._repository(call)
        for image in repository.images:
            if image.image_manifest == call.params["imageManifest"]:
                now = self._world.clock.wall()
                image.image_pushed_at = int(now.timestamp())
                if repository.image_scanning_configuration.get("scanOnPush"):
                    image.last_scan = now.replace(tzinfo=None)

    def _findings(self, call: Call) -> RawResponse | dict[str, Any]:
        """DescribeImageScanFindings: nothing is found in images whose layers are not there."""
        repository, wanted = self._repository(call), call.params["imageId"]
        found = repository and [
            image
            for image in repository.images
            if image.last_scan is not None
            and (wanted.get("imageTag") in image.image_tags or wanted.get("imageDigest") == image.get_image_digest())
        ]
        if not found:
            return self._world.moto(call.environ, call.body)
        image = found[0]
        return {
            "registryId": repository.registry_id,
            "repositoryName": repository.name,
            "imageId": {"imageDigest": image.get_image_digest(), **wanted},
            "imageScanStatus": {"status": "COMPLETE", "description": "The scan was completed successfully."},
            "imageScanFindings": {
                "imageScanCompletedAt": image.last_scan,
                "vulnerabilitySourceUpdatedAt": image.last_scan,
                "findings": [],
                "findingSeverityCounts": {},
            },
        }
