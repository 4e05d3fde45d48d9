"""Volumes of pods that run as processes: directories of this machine with what a kubelet would put there.

Processes have no mount namespace of their own. They find a volume by ``$VOLUME_<NAME>`` (``app-config``:
``VOLUME_APP_CONFIG``), the token of their ServiceAccount by ``$SERVICE_ACCOUNT_DIRECTORY``, and wherever the pod names
a mount path in the environment, the command or the arguments of a container, they get the directory's path instead.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path

from .client import Body
from .environment import Find, field_value, resource_value

# Asks for a token: (audience, seconds) to the token and the moment of its end.
Token = Callable[[str, int], Awaitable[tuple[str, datetime]]]
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a mount path
_ROOT_CA = "kube-root-ca.crt"
_DEFAULT_MODE = 0o644
_FILES = ("configMap", "secret", "downwardAPI", "projected")
_TOKEN_SECONDS = 3600
File = tuple[bytes, int]


class MountFailure(Exception):
    """A volume that cannot be set up now, as the kubelet words it."""


class PodVolumes:
    """The volumes of one pod, below ``directory``; disks are kept below ``disks``."""

    def __init__(self, pod: Body, ip: str, directory: Path, disks: Path, find: Find, token: Token) -> None:
        self._pod, self._ip = pod, ip
        self._directory, self._disks = directory, disks
        self._find, self._token = find, token
        self._volumes: list[Body] = pod["spec"].get("volumes") or []
        self._tokens: dict[tuple[str, int], tuple[str, datetime]] = {}
        self._places: dict[str, Path] = {}

    @property
    def change(self) -> bool:
        """Whether there is anything that may change while the pod runs."""
        return any(kind in volume for volume in self._volumes for kind in _FILES)

    async def check(self) -> None:
        """For a pod in name only: whether everything that its volumes need is there."""
        for volume in self._volumes:
            await self._set_up(volume, None)

    async def prepare(self, now: datetime) -> None:
        """Make or renew all of them. MountFailure when one cannot be."""
        for volume in self._volumes:
            await self._set_up(volume, now)

    def environment(self, container: Body) -> dict[str, str]:
        """Where a container's volumes are."""
        found = {}
        for mount in container.get("volumeMounts") or []:
            place = self._place(mount)
            if place is not None:
                found["VOLUME_" + re.sub(r"[^A-Z0-9]", "_", mount["name"].upper())] = str(place)
                if mount["mountPath"] == TOKEN_PATH:
                    found["SERVICE_ACCOUNT_DIRECTORY"] = str(place)
        return found

    def located(self, container: Body, text: str) -> str:
        """A text with the directories in the place of the mount paths."""
        mounts = sorted(container.get("volumeMounts") or [], key=lambda one: len(one["mountPath"]), reverse=True)
        places = {one["mountPath"].rstrip("/"): self._place(one) for one in mounts}
        known = {path: str(place) for path, place in places.items() if path and place is not None}
        if not known:
            return text
        pattern = r"(?<![\w./-])(?:" + "|".join(map(re.escape, known)) + r")(?=/|$|[^\w.-])"
        return re.sub(pattern, lambda match: known[match.group()], text)

    def remove(self) -> None:
        """The pod is over; disks stay."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _place(self, mount: Body) -> Path | None:
        place = self._places.get(mount["name"])
        below = mount.get("subPath")
        return place / below if place is not None and below else place

    # --- kinds of volumes -----------------------------------------------------------------------------------------

    async def _set_up(self, volume: Body, now: datetime | None) -> None:
        """``now`` is None for a check without files."""
        name = volume["name"]
        if "persistentVolumeClaim" in volume:
            place = await self._disk(name, volume["persistentVolumeClaim"]["claimName"])
        elif "emptyDir" in volume:
            place = self._directory / name
        elif any(kind in volume for kind in _FILES):
            place = self._directory / name
            files = await self._files(volume, now)
            if now is not None:
                _write(place, files)
        else:  # hostPath is what it says; anything else is not there
            return
        if now is not None:
            place.mkdir(parents=True, exist_ok=True)
            self._places[name] = place

    async def _disk(self, name: str, claimed: str) -> Path:
        claim = await self._find("PersistentVolumeClaim", claimed)
        if claim is None:
            raise MountFailure(f'MountVolume.SetUp failed for volume "{name}" : persistentvolumeclaim not found')
        return self._disks / str(claim["metadata"]["uid"])

    async def _files(self, volume: Body, now: datetime | None) -> dict[str, File]:
        name = volume["name"]
        kind = next(one for one in _FILES if one in volume)
        source = volume[kind]
        mode = source.get("defaultMode", _DEFAULT_MODE)
        parts: list[Body] = source.get("sources") or [] if kind == "projected" else [{kind: source}]
        found: dict[str, File] = {}
        for part in parts:
            try:
                found |= await self._part(part, mode, now)
            except MountFailure as failure:
                raise MountFailure(f'MountVolume.SetUp failed for volume "{name}" : {failure}') from None
        return found

    async def _part(self, part: Body, mode: int, now: datetime | None) -> dict[str, File]:
        if part.get("configMap") is not None:
            source = part["configMap"]
            if now is None and source.get("name") == _ROOT_CA:
                return {}
            return await self._keys("ConfigMap", source, source.get("name", ""), mode)
        if part.get("secret") is not None:
            source = part["secret"]
            return await self._keys("Secret", source, source.get("secretName") or source.get("name", ""), mode)
        if part.get("downwardAPI") is not None:
            return {one["path"]: await self._own(one, mode) for one in part["downwardAPI"].get("items") or []}
        if part.get("serviceAccountToken") is not None and now is not None:
            source = part["serviceAccountToken"]
            token = await self._fresh_token(
                source.get("audience", ""), source.get("expirationSeconds", _TOKEN_SECONDS), now
            )
            return {source["path"]: (token.encode(), 0o600)}
        return {}

    async def _keys(self, kind: str, source: Body, name: str, mode: int) -> dict[str, File]:
        body = await self._find(kind, name)
        if body is None:
            if source.get("optional"):
                return {}
            raise MountFailure(f'{kind.lower()} "{name}" not found')
        data = dict(_contents(kind, body))
        items = source.get("items")
        if not items:
            return {key: (value, mode) for key, value in data.items()}
        found = {}
        for one in items:
            if one["key"] in data:
                found[one["path"]] = (data[one["key"]], one.get("mode", mode))
            elif not source.get("optional"):
                word = "config" if kind == "ConfigMap" else "secret"
                raise MountFailure(f"references non-existent {word} key: {one['key']}")
        return found

    async def _own(self, item: Body, mode: int) -> File:
        if item.get("fieldRef") is not None:
            text = field_value(self._pod, item["fieldRef"]["fieldPath"], self._ip)
        else:
            text = await resource_value(self._pod, item["resourceFieldRef"], "", self._find)
        return text.encode(), item.get("mode", mode)

    async def _fresh_token(self, audience: str, seconds: int, now: datetime) -> str:
        """A token with at least a fifth of its life before it."""
        token, renew = self._tokens.get((audience, seconds), ("", now))
        if not token or now >= renew:
            token, end = await self._token(audience, seconds)
            self._tokens[audience, seconds] = (token, now + (end - now) * 4 / 5)
        return token


def _contents(kind: str, body: Body) -> Iterator[tuple[str, bytes]]:
    for key, value in (body.get("data") or {}).items():
        yield key, base64.b64decode(value) if kind == "Secret" else value.encode()
    for key, value in (body.get("binaryData") or {}).items():
        yield key, base64.b64decode(value)


def _write(place: Path, files: dict[str, File]) -> None:
    """Each file at once or not at all; what is no longer there goes."""
    for path, (data, mode) in files.items():
        file = place / path
        if file.is_file() and file.read_bytes() == data and file.stat().st_mode & 0o777 == mode:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f"..{file.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
        new.chmod(mode)
        new.replace(file)
    for file in [one for one in place.rglob("*") if one.is_file()] if place.exists() else []:
        if str(file.relative_to(place)) not in files:
            with contextlib.suppress(FileNotFoundError):
                file.unlink()
