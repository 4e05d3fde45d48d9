"""The environment variables of a container, from everywhere that a pod may take them."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal

from ..kinds.base import at
from ..quantities import parse
from .client import Body

HOST_IP = "127.0.0.1"
# (kind, name) to the object, or None: ConfigMaps, Secrets and claims of the pod's namespace, nodes.
Find = Callable[[str, str], Awaitable[Body | None]]
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


class MissingConfiguration(Exception):
    """Something that a container takes its environment from is not there."""


async def container_environment(pod: Body, container: Body, ip: str, find: Find) -> dict[str, str]:
    """All variables; MissingConfiguration as the kubelet words it."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        for name, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if source.get(name) is not None:
                data = await _data(kind, source[name], find)
                found |= {source.get("prefix", "") + key: value for key, value in data.items()}
    for variable in container.get("env") or []:
        value = variable.get("value")
        if value is None and variable.get("valueFrom"):
            value = await _value(pod, container, variable["valueFrom"], ip, find)
        if value is not None or not variable.get("valueFrom"):
            found[variable["name"]] = expand(value or "", found)
    return found


def expand(text: str, values: dict[str, str]) -> str:
    """``$(NAME)`` replaced where the name is known; ``$$`` is a dollar."""

    def value(match: re.Match[str]) -> str:
        return "$" if match.group(1) is None else values.get(match.group(1), match.group())

    return _REFERENCE.sub(value, text)


def expanded(words: Iterable[str], values: dict[str, str]) -> list[str]:
    """``expand`` over a command."""
    return [expand(word, values) for word in words]


async def _value(pod: Body, container: Body, source: Body, ip: str, find: Find) -> str | None:
    for name, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        reference = source.get(name)
        if reference is not None:
            data = await _data(kind, reference, find)
            if reference["key"] not in data and not reference.get("optional"):
                raise MissingConfiguration(f"couldn't find key {reference['key']} in {kind} {_place(pod, reference)}")
            return data.get(reference["key"])
    if source.get("fieldRef") is not None:
        return field_value(pod, source["fieldRef"]["fieldPath"], ip)
    if source.get("resourceFieldRef") is not None:
        return await resource_value(pod, source["resourceFieldRef"], container["name"], find)
    return ""


async def _data(kind: str, reference: Body, find: Find) -> dict[str, str]:
    body = await find(kind, reference["name"])
    if body is None:
        if reference.get("optional"):
            return {}
        raise MissingConfiguration(f'{kind.lower()} "{reference["name"]}" not found')
    data: dict[str, str] = body.get("data") or {}
    if kind == "Secret":
        return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return data


def _place(pod: Body, reference: Body) -> str:
    return f"{pod['metadata']['namespace']}/{reference['name']}"


def field_value(pod: Body, path: str, ip: str) -> str:
    """A field of the pod as the downward API gives it."""
    if path in ("status.podIP", "status.podIPs"):
        return ip
    if path in ("status.hostIP", "status.hostIPs"):
        return HOST_IP
    if path in ("metadata.labels", "metadata.annotations"):
        found = at(pod, path) or {}
        return "\n".join(f"{key}={json.dumps(value)}" for key, value in sorted(found.items()))
    match = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if match:
        return str((pod["metadata"].get(match.group(1)) or {}).get(match.group(2), ""))
    found = at(pod, path)
    return "" if found is None else str(found)


async def resource_value(pod: Body, reference: Body, container: str, find: Find) -> str:
    """``limits.cpu`` and so on in units of the divisor, rounded up; what a container may use of its node when it has
    no limit."""
    name = reference.get("containerName") or container
    side, _, resource = reference["resource"].partition(".")
    spec: Body = next((one for one in pod["spec"]["containers"] if one["name"] == name), {})
    resources = spec.get("resources") or {}
    amount = (resources.get(side) or {}).get(resource)
    if amount is None and side == "limits":
        node = await find("Node", pod["spec"].get("nodeName", ""))
        amount = (at(node, "status.allocatable") or {}).get(resource)
    divisor = parse(reference.get("divisor") or "1") or Decimal(1)
    return str(math.ceil(parse(amount or "0") / divisor))
