"""Bodies in Kubernetes' protobuf, which kubectl's imperative commands send: the kinds that those commands make.

Field numbers are those of the ``generated.proto`` files of k8s.io/api. A field that is not in the table refuses the
body: nothing that a client says is dropped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Message to {number: (name, type)}. Types: s(tring), b(ool), i(nteger), n and z (the same, left out when zero),
# B(ytes) and messages by name; a leading "*" marks lists, "%" maps from strings.
_MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "ObjectMeta": {
        1: ("name", "s"),
        2: ("generateName", "s"),
        3: ("namespace", "s"),
        4: ("selfLink", "s"),
        5: ("uid", "s"),
        6: ("resourceVersion", "s"),
        7: ("generation", "i"),
        8: ("creationTimestamp", "Time"),
        11: ("labels", "%s"),
        12: ("annotations", "%s"),
        13: ("ownerReferences", "*OwnerReference"),
        14: ("finalizers", "*s"),
    },
    "OwnerReference": {
        1: ("kind", "s"),
        3: ("name", "s"),
        4: ("uid", "s"),
        5: ("apiVersion", "s"),
        6: ("controller", "b"),
        7: ("blockOwnerDeletion", "b"),
    },
    "LabelSelector": {1: ("matchLabels", "%s"), 2: ("matchExpressions", "*LabelSelectorRequirement")},
    "LabelSelectorRequirement": {1: ("key", "s"), 2: ("operator", "s"), 3: ("values", "*s")},
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec"), 3: ("status", "NamespaceStatus")},
    "NamespaceSpec": {1: ("finalizers", "*s")},
    "NamespaceStatus": {1: ("phase", "s")},
    "ConfigMap": {1: ("metadata", "ObjectMeta"), 2: ("data", "%s"), 3: ("binaryData", "%B"), 4: ("immutable", "b")},
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "%B"),
        3: ("type", "s"),
        4: ("stringData", "%s"),
        5: ("immutable", "b"),
    },
    "ServiceAccount": {1: ("metadata", "ObjectMeta"), 4: ("automountServiceAccountToken", "b")},
    "ResourceQuota": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ResourceQuotaSpec"), 3: ("status", "Empty")},
    "ResourceQuotaSpec": {1: ("hard", "%Quantity"), 2: ("scopes", "*s")},
    "Role": {1: ("metadata", "ObjectMeta"), 2: ("rules", "*PolicyRule")},
    "ClusterRole": {1: ("metadata", "ObjectMeta"), 2: ("rules", "*PolicyRule"), 3: ("aggregationRule", "Aggregation")},
    "Aggregation": {1: ("clusterRoleSelectors", "*LabelSelector")},
    "PolicyRule": {
        1: ("verbs", "*s"),
        2: ("apiGroups", "*s"),
        3: ("resources", "*s"),
        4: ("resourceNames", "*s"),
        5: ("nonResourceURLs", "*s"),
    },
    "RoleBinding": {1: ("metadata", "ObjectMeta"), 2: ("subjects", "*Subject"), 3: ("roleRef", "RoleRef")},
    "ClusterRoleBinding": {1: ("metadata", "ObjectMeta"), 2: ("subjects", "*Subject"), 3: ("roleRef", "RoleRef")},
    "Subject": {1: ("kind", "s"), 2: ("apiGroup", "s"), 3: ("name", "s"), 4: ("namespace", "s")},
    "RoleRef": {1: ("apiGroup", "s"), 2: ("kind", "s"), 3: ("name", "s")},
    "PriorityClass": {
        1: ("metadata", "ObjectMeta"),
        2: ("value", "i"),
        3: ("globalDefault", "b"),
        4: ("description", "s"),
        5: ("preemptionPolicy", "s"),
    },
    "SelfSubjectAccessReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "SelfSubjectAccessReviewSpec"),
        3: ("status", "SubjectAccessReviewStatus"),
    },
    "SelfSubjectAccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"),
        2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "SubjectAccessReviewStatus": {
        1: ("allowed", "b"),
        2: ("reason", "s"),
        3: ("evaluationError", "s"),
        4: ("denied", "b"),
    },
    "ResourceAttributes": {
        1: ("namespace", "s"),
        2: ("verb", "s"),
        3: ("group", "s"),
        4: ("version", "s"),
        5: ("resource", "s"),
        6: ("subresource", "s"),
        7: ("name", "s"),
    },
    "NonResourceAttributes": {1: ("path", "s"), 2: ("verb", "s")},
    "SelfSubjectRulesReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "SelfSubjectRulesReviewSpec"),
        3: ("status", "SubjectRulesReviewStatus"),
    },
    "SelfSubjectRulesReviewSpec": {1: ("namespace", "s")},
    "SubjectRulesReviewStatus": {3: ("incomplete", "b"), 4: ("evaluationError", "s")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta"), 2: ("status", "SelfSubjectReviewStatus")},
    "SelfSubjectReviewStatus": {1: ("userInfo", "UserInfo")},
    "UserInfo": {1: ("username", "s"), 2: ("uid", "s"), 3: ("groups", "*s")},
    "TokenRequest": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "TokenRequestSpec"),
        3: ("status", "TokenRequestStatus"),
    },
    "TokenRequestSpec": {
        1: ("audiences", "*s"),
        3: ("boundObjectRef", "BoundObjectReference"),
        4: ("expirationSeconds", "i"),
    },
    "TokenRequestStatus": {1: ("token", "s"), 2: ("expirationTimestamp", "Time")},
    "BoundObjectReference": {1: ("kind", "s"), 2: ("apiVersion", "s"), 3: ("name", "s"), 4: ("uid", "s")},
    "Deployment": {1: ("metadata", "ObjectMeta"), 2: ("spec", "DeploymentSpec"), 3: ("status", "DeploymentStatus")},
    "DeploymentSpec": {
        1: ("replicas", "i"),
        2: ("selector", "LabelSelector"),
        3: ("template", "PodTemplateSpec"),
        4: ("strategy", "DeploymentStrategy"),
        5: ("minReadySeconds", "z"),
        6: ("revisionHistoryLimit", "i"),
        7: ("paused", "n"),
        9: ("progressDeadlineSeconds", "i"),
    },
    "DeploymentStrategy": {1: ("type", "s")},
    "DeploymentStatus": dict.fromkeys((1, 2, 3, 4, 5, 7), ("replicas", "i")),
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "PodSpec": {
        2: ("containers", "*Container"),
        3: ("restartPolicy", "s"),
        6: ("dnsPolicy", "s"),
        8: ("serviceAccountName", "s"),
        9: ("serviceAccount", "s"),
        10: ("nodeName", "s"),
        11: ("hostNetwork", "n"),
        12: ("hostPID", "n"),
        13: ("hostIPC", "n"),
        16: ("hostname", "s"),
        17: ("subdomain", "s"),
        19: ("schedulerName", "s"),
        24: ("priorityClassName", "s"),
    },
    "Container": {
        1: ("name", "s"),
        2: ("image", "s"),
        3: ("command", "*s"),
        4: ("args", "*s"),
        5: ("workingDir", "s"),
        6: ("ports", "*ContainerPort"),
        8: ("resources", "Empty"),
        13: ("terminationMessagePath", "s"),
        14: ("imagePullPolicy", "s"),
        16: ("stdin", "n"),
        17: ("stdinOnce", "n"),
        18: ("tty", "n"),
        20: ("terminationMessagePolicy", "s"),
    },
    "ContainerPort": {
        1: ("name", "s"),
        2: ("hostPort", "z"),
        3: ("containerPort", "i"),
        4: ("protocol", "s"),
        5: ("hostIP", "s"),
    },
    "Quantity": {1: ("string", "s")},
    "Time": {1: ("seconds", "i"), 2: ("nanos", "i")},
    "Empty": {},
}


class NotDecodable(Exception):
    """A body of a kind, or with a field, that is not in the table."""


def decode(data: bytes) -> dict[str, Any]:
    """A body as the JSON that says the same."""
    if not data.startswith(_MAGIC):
        raise NotDecodable("the body does not begin as Kubernetes' protobuf does")
    type_meta: dict[str, Any] = {}
    raw = b""
    for number, value in _fields(data[len(_MAGIC) :]):
        if number == 1:
            type_meta = {{1: "apiVersion", 2: "kind"}[one]: text.decode() for one, text in _fields(value)}
        elif number == 2:
            raw = value
    kind = type_meta.get("kind", "")
    if kind not in _MESSAGES:
        raise NotDecodable(f"{kind} is not decoded from protobuf")
    return {**type_meta, **_message(kind, raw)}


def _message(name: str, data: bytes) -> Any:
    table = _MESSAGES[name]
    found: dict[str, Any] = {}
    for number, value in _fields(data):
        if number not in table:
            raise NotDecodable(f"field {number} of {name} is not decoded from protobuf")
        field, kind = table[number]
        if kind[0] == "*":
            found.setdefault(field, []).append(_value(kind[1:], value))
        elif kind[0] == "%":
            entry = dict(_fields(value))
            found.setdefault(field, {})[entry.get(1, b"").decode()] = _value(kind[1:], entry.get(2, b""))
        else:
            found[field] = _value(kind, value)
    if name == "Quantity":
        return found.get("string", "0")
    if name == "Time":
        moment = datetime.fromtimestamp(found.get("seconds", 0), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if found.get("seconds") else None
    return {field: value for field, value in found.items() if value not in ("", None)}


def _value(kind: str, value: Any) -> Any:
    if kind == "s":
        return value.decode()
    if kind == "B":
        return base64.b64encode(value).decode()
    if kind == "b":
        return bool(value)
    if kind == "n":
        return True if value else None
    if kind == "z":
        return value or None
    if kind == "i":
        return value - (1 << 64) if value >= 1 << 63 else value
    return _message(kind, value)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and their values: integers, or bytes for everything with a length."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == _BYTES:
            size, position = _varint(data, position)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise NotDecodable(f"wire type {wire}")
        if position + size > len(data):
            raise NotDecodable("the body ends too early")
        yield number, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data):
            raise NotDecodable("the body ends too early")
        byte = data[position]
        result |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return result, position
