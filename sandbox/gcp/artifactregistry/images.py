"""Images: what is pushed and pulled by the Docker Registry HTTP API v2, and how the API lists it.

The host of a repository (``<region>-docker.pkg.dev``) is this emulator's own address, so that an image is
``<host>:<port>/<project>/<repository>/<image>:<tag>``; the region is the one where the repository is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ..auth import Tokens
from ..calls import Call, handles
from ..errors import GoogleError
from ..listing import page
from ..state import Record, State, uuid, zulu

Data = dict[str, Any]
_REPOSITORIES = "artifactregistry.projects.locations.repositories"
_PATH = re.compile(r"/v2/([^/]+)/([^/]+)/(.+?)/(manifests|blobs|tags)(?:/(.*))?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass
class Image:
    """One image of a repository: its manifests by digest, and the digests that its tags name."""

    created: str
    updated: str
    manifests: dict[str, Data] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Store:
    """What one repository holds."""

    images: dict[str, Image] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)


def store_of(record: Record) -> Store:
    """Of a repository; made when it is first looked at."""
    found: Store = record.data.setdefault("#images", Store())
    return found


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_registry(path: str) -> bool:
    """Whether a request speaks the registry's own protocol."""
    return path == "/v2/" or _PATH.fullmatch(path) is not None


def serve(state: State, tokens: Tokens, request: web.Request, body: bytes) -> web.Response:
    """Answer a request of the registry's protocol."""
    try:
        tokens.check(_bearer(request.headers.get("Authorization", "")))
    except GoogleError:
        challenge = {"WWW-Authenticate": 'Basic realm="Artifact Registry"'}
        return _refused(401, "UNAUTHORIZED", "authentication required", challenge)
    found = _PATH.fullmatch(request.path)
    if found is None:
        return web.json_response({})
    project, repository, image, sort, rest = found.groups()
    record = _repository(state, project, repository)
    if record is None:
        return _refused(404, "NAME_UNKNOWN", f'Repository "{repository}" not found')
    registry = _Registry(state, record, image, request, body)
    return {"manifests": registry.manifests, "blobs": registry.blobs, "tags": registry.tags}[sort](rest or "")


def _bearer(header: str) -> str:
    """Docker logs in with a user name that says what the password is: an access token."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return header
    user, _, password = base64.b64decode(value).decode().partition(":")
    return f"Bearer {password}" if user in ("oauth2accesstoken", "_dcgcloud_token") else ""


def _repository(state: State, project: str, name: str) -> Record | None:
    for path, record in state.repositories.items():
        if path.split("/")[1] == project and path.endswith(f"/repositories/{name}"):
            found: Record = record
            return found
    return None


def _refused(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status, headers=headers)


class _Registry:
    """One request about one image."""

    def __init__(self, state: State, record: Record, image: str, request: web.Request, body: bytes) -> None:
        self.state, self.record, self.image = state, record, image
        self.store = store_of(record)
        self.request, self.body = request, body

    def _answer(self, content: bytes, kind: str, digest: str) -> web.Response:
        headers = {"Docker-Content-Digest": digest, "Content-Type": kind}
        return web.Response(body=content, headers=headers)

    # -- layers ----------------------------------------------------------------------------------------------------

    def blobs(self, rest: str) -> web.Response:
        method = self.request.method
        if method in ("GET", "HEAD"):
            content = self.store.blobs.get(rest)
            if content is None:
                return _refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return self._answer(content, "application/octet-stream", rest)
        session = rest.removeprefix("uploads").strip("/") or uuid()
        if method == "POST":
            self.store.uploads[session] = b""
        if session not in self.store.uploads:
            return _refused(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        self.store.uploads[session] += self.body
        digest = self.request.query.get("digest")
        if digest is None:
            place = f"/v2{self.request.path.removeprefix('/v2').partition('/blobs/')[0]}/blobs/uploads/{session}"
            return web.Response(status=202, headers={"Location": place, "Docker-Upload-UUID": session})
        content = self.store.uploads.pop(session)
        if digest != digest_of(content):
            return _refused(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self.store.blobs[digest] = content
        return web.Response(status=201, headers={"Docker-Content-Digest": digest})

    # -- manifests -------------------------------------------------------------------------------------------------

    def manifests(self, reference: str) -> web.Response:
        image = self.store.images.get(self.image)
        if self.request.method == "PUT":
            return self._put(reference)
        digest = image.tags.get(reference, reference) if image else ""
        manifest = image.manifests.get(digest) if image else None
        if manifest is None:
            return _refused(404, "MANIFEST_UNKNOWN", f'Failed to fetch "{reference}"')
        return self._answer(manifest["content"], manifest["mediaType"], digest)

    def _put(self, reference: str) -> web.Response:
        digest, moment = digest_of(self.body), zulu(self.state.wall())
        image = self.store.images.get(self.image) or Image(moment, moment)
        immutable = self.record.data.get("dockerConfig", {}).get("immutableTags", False)
        tag = "" if _DIGEST.fullmatch(reference) else reference
        if tag and immutable and image.tags.get(tag, digest) != digest:
            return _refused(
                400, "TAG_INVALID", f'cannot update tag "{tag}". The repository has enabled tag immutability'
            )
        content = json.loads(self.body)
        parts = [*content.get("layers", []), *([content["config"]] if "config" in content else [])]
        missing = [part["digest"] for part in parts if part["digest"] not in self.store.blobs]
        if missing:
            return _refused(400, "MANIFEST_BLOB_UNKNOWN", f"blobs unknown to registry: {', '.join(missing)}")
        image.manifests.setdefault(
            digest,
            {
                "content": self.body,
                "mediaType": self.request.headers.get("Content-Type", content.get("mediaType", "")),
                "uploadTime": moment,
                "size": sum(int(part.get("size", 0)) for part in parts),
            },
        )
        if tag:
            image.tags[tag] = digest
        image.updated = moment
        self.store.images[self.image] = image
        return web.Response(status=201, headers={"Docker-Content-Digest": digest, "Location": self.request.path})

    def tags(self, _: str) -> web.Response:
        image = self.store.images.get(self.image)
        if image is None:
            return _refused(404, "NAME_UNKNOWN", f'Failed to fetch "{self.image}"')
        return web.json_response({"name": self.image, "tags": sorted(image.tags)})


# -- the API -----------------------------------------------------------------------------------------------------------


def _store(call: Call) -> Store:
    record = call.state.repositories.get(call.name)
    if record is None:
        raise GoogleError(404, "Requested entity was not found.")
    return store_of(record)


def _paged(call: Call, member: str, items: list[Data]) -> Data:
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=100)
    answer: Data = {member: found} if found else {}
    return {**answer, "nextPageToken": token} if token else answer


@handles(f"{_REPOSITORIES}.packages.list")
def packages(call: Call) -> Data:
    """The images of a repository."""
    items = [
        {
            "name": f"{call.name}/packages/{quote(name, safe='')}",
            "createTime": image.created,
            "updateTime": image.updated,
        }
        for name, image in sorted(_store(call).images.items())
    ]
    return _paged(call, "packages", items)


@handles(f"{_REPOSITORIES}.dockerImages.list")
def docker_images(call: Call) -> Data:
    """The manifests of a repository, with their tags."""
    _, project, _, place, _, repository = call.name.split("/")
    items = []
    for name, image in sorted(_store(call).images.items()):
        for digest, manifest in sorted(image.manifests.items()):
            entry = {
                "name": f"{call.name}/dockerImages/{quote(name, safe='')}@{digest}",
                "uri": f"{place}-docker.pkg.dev/{project}/{repository}/{name}@{digest}",
                "tags": sorted(tag for tag, named in image.tags.items() if named == digest),
                "imageSizeBytes": str(manifest["size"]),
                "uploadTime": manifest["uploadTime"],
                "mediaType": manifest["mediaType"],
            }
            items.append({key: value for key, value in entry.items() if value})
    return _paged(call, "dockerImages", items)
