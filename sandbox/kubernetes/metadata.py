"""What every object has in common: names, labels, finalizers, owners, and what only the server may write."""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import datetime
from typing import Any

from .catalogue import Resource
from .errors import Cause, bad_request, bad_value, not_allowed, required

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_LONGEST_BASE = 63 - _SUFFIX_LENGTH
_LABEL_RE = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_RE = rf"{_LABEL_RE}(\.{_LABEL_RE})*"
_QUALIFIED_RE = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SUBDOMAIN = re.compile(f"^{_SUBDOMAIN_RE}$")
_LABEL = re.compile(f"^{_LABEL_RE}$")
_SERVICE = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_QUALIFIED = re.compile(f"^{_QUALIFIED_RE}$")
_LABEL_VALUE = re.compile(f"^({_QUALIFIED_RE})?$")

SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    f"and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN_RE}')"
)
LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    f"with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL_RE}')"
)
_SERVICE_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_NAME_PART_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED_RE}')"
)
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    f"is '({_QUALIFIED_RE})?')"
)
_LABEL_NAMES = ("namespaces",)
_PATH_NAMES = "rbac.authorization.k8s.io"
_ANNOTATIONS_LIMIT = 256 * 1024


def timestamp(moment: datetime) -> str:
    """As metav1.Time is written."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def new_uid() -> str:
    """A uid."""
    return str(uuid.uuid4())


def generated_name(base: str) -> str:
    """A name from ``metadata.generateName``."""
    return base[:_LONGEST_BASE] + "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_LENGTH))


def prepare_create(body: dict[str, Any], resource: Resource, namespace: str, now: datetime) -> None:
    """Name and namespace from the request, and what the server alone writes."""
    metadata = body.setdefault("metadata", {})
    place(metadata, resource, namespace)
    if metadata.get("resourceVersion") not in (None, ""):
        raise bad_request("resourceVersion should not be set on objects to be created")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated_name(metadata["generateName"])
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"):
        metadata.pop(name, None)
    metadata["uid"] = new_uid()
    metadata["creationTimestamp"] = timestamp(now)
    metadata.pop("generation", None)
    if resource.generation:
        metadata["generation"] = 1


def place(metadata: dict[str, Any], resource: Resource, namespace: str) -> None:
    """The namespace of the request, which the body may repeat but not contradict."""
    given = metadata.get("namespace")
    if not resource.namespaced:
        metadata.pop("namespace", None)
        return
    if given and given != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    metadata["namespace"] = namespace


def validate(body: dict[str, Any], resource: Resource) -> list[Cause]:
    """What is wrong with the metadata."""
    metadata = body["metadata"]
    causes: list[Cause] = []
    name = metadata.get("name", "")
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    else:
        causes += [bad_value("metadata.name", name, text) for text in name_problems(name, resource)]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    causes += label_problems(labels, "metadata.labels")
    for key in annotations:
        causes += [bad_value("metadata.annotations", key, text) for text in _key_problems(key.lower())]
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        causes.append(
            Cause(
                "FieldValueTooLong",
                f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes",
                "metadata.annotations",
            )
        )
    for index, finalizer in enumerate(metadata.get("finalizers") or []):
        causes += [bad_value(f"metadata.finalizers[{index}]", finalizer, text) for text in _key_problems(finalizer)]
    causes += _owner_problems(metadata.get("ownerReferences") or [])
    return causes


def name_problems(name: str, resource: Resource) -> list[str]:
    """What is wrong with a name."""
    if resource.group == _PATH_NAMES:
        if name in (".", ".."):
            return [f"may not be '{name}'"]
        return [f"may not contain '{sign}'" for sign in "/%" if sign in name]
    if resource.id == "services":
        return _shape(name, _SERVICE, 63, _SERVICE_TEXT)
    if resource.id in _LABEL_NAMES:
        return _shape(name, _LABEL, 63, LABEL_TEXT)
    return _shape(name, _SUBDOMAIN, 253, SUBDOMAIN_TEXT)


def label_problems(labels: dict[str, str], field: str) -> list[Cause]:
    """What is wrong with labels, or with ``matchLabels``."""
    causes = []
    for key, value in labels.items():
        causes += [bad_value(field, key, text) for text in _key_problems(key)]
        if len(value) > 63:
            causes.append(bad_value(field, value, "must be no more than 63 characters"))
        if not _LABEL_VALUE.match(value):
            causes.append(bad_value(field, value, _LABEL_VALUE_TEXT))
    return causes


def validate_update(new: dict[str, Any], old: dict[str, Any]) -> list[Cause]:
    """What an update of the metadata may not do."""
    before, after = old["metadata"], new["metadata"]
    causes = []
    if before.get("deletionTimestamp"):
        added = [one for one in after.get("finalizers") or [] if one not in (before.get("finalizers") or [])]
        if added:
            names = ", ".join(f'"{one}"' for one in added)
            detail = "no new finalizers can be added if the object is being deleted, "
            detail += f"found new finalizers []string{{{names}}}"
            causes.append(not_allowed("metadata.finalizers", detail))
    return causes


def _shape(name: str, pattern: re.Pattern[str], limit: int, text: str) -> list[str]:
    problems = [f"must be no more than {limit} characters"] if len(name) > limit else []
    return problems if pattern.match(name) else [*problems, text]


def _key_problems(key: str) -> list[str]:
    prefix, slash, name = key.rpartition("/")
    problems = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash and not _SUBDOMAIN.match(prefix):
        problems.append(f"prefix part {SUBDOMAIN_TEXT}")
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append("name part must be no more than 63 characters")
    if not _QUALIFIED.match(name):
        problems.append(_NAME_PART_TEXT)
    return problems


def _owner_problems(owners: list[dict[str, Any]]) -> list[Cause]:
    causes = []
    controllers = 0
    for index, owner in enumerate(owners):
        field = f"metadata.ownerReferences[{index}]"
        for name, word in (("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")):
            if not owner.get(name):
                causes.append(bad_value(f"{field}.{name}", owner.get(name, ""), f"{word} must not be empty"))
        controllers += bool(owner.get("controller"))
    if controllers > 1:
        detail = "Only one reference can have Controller set to true."
        causes.append(bad_value("metadata.ownerReferences", owners, detail))
    return causes
