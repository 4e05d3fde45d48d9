# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig's text, changed in the places that are ours: everything else keeps its order and its very spelling.

Worked on as YAML nodes instead of values, so that nobody's `yes`, `0123` or unknown member becomes something else.
Comments are not part of YAML's nodes and get lost. No I/O. Format: Kubernetes reference, "kubeconfig (v1)".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.errors import InvalidRequest

# Sections, and the member that holds what each of their items is.
SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}
EXTENSION = "multicloud.platform"
_EMPTY = "apiVersion: v1\nkind: Config\npreferences: {}\nclusters: []\ncontexts: []\nusers: []\ncurrent-context: ''\n"


class Kubeconfig:
    """One file's content. Raises InvalidRequest for what is not a kubeconfig; its message quotes nothing of it."""

    def __init__(self, text: str) -> None:
        import yaml

        try:
            root = yaml.compose(text if text.strip() else _EMPTY, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            raise InvalidRequest(f"not valid YAML: {error.problem or error.context}{where}.") from None
        except yaml.YAMLError:  # characters that YAML does not allow
            raise InvalidRequest("not valid YAML: it is not text.") from None
        if root is None:  # comments alone
            root = yaml.compose(_EMPTY, Loader=yaml.SafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise InvalidRequest("not a kubeconfig: it is not a mapping.")
        self._root = root
        kind = _plain(_member(root, "kind"))
        if kind not in (None, "Config"):
            raise InvalidRequest(f"not a kubeconfig: its kind is {kind!r} and not 'Config'.")
        for section in SECTIONS:
            node = _member(root, section)
            if not (_plain(node) is None or isinstance(node, yaml.SequenceNode)):
                raise InvalidRequest(f"not a kubeconfig: its {section} are not a list.")

    def text(self) -> str:
        """The whole as YAML."""
        import yaml

        return str(yaml.serialize(self._root, Dumper=yaml.SafeDumper, allow_unicode=True, width=1_000_000))

    # -- looking ---------------------------------------------------------------------------------------------------

    def get(self, section: str, name: str) -> dict[str, Any] | None:
        """What an item of a section is, without its name, or None."""
        item = _named(_member(self._root, section), name)
        if item is None:
            return None
        body = _plain(_member(item, SECTIONS[section]))
        return body if isinstance(body, dict) else {}

    @property
    def current(self) -> str:
        return str(_plain(_member(self._root, "current-context")) or "")

    def users_of(self, section: str, name: str) -> list[str]:
        """Names of the contexts that refer to a cluster or user."""
        contexts = _plain(_member(self._root, "contexts")) or []
        found = [item for item in contexts if isinstance(item, dict)]
        member = SECTIONS[section]
        return [str(item.get("name")) for item in found if (item.get("context") or {}).get(member) == name]

    # -- changing --------------------------------------------------------------------------------------------------

    def put(self, section: str, name: str, members: Mapping[str, Any], mark: Mapping[str, str]) -> None:
        """Make an item, or set these members of it; a member that is None goes. Others stay. mark: whose it is."""
        items = _sequence(self._root, section)
        item = _named(items, name)
        if item is None:
            item = _node({"name": name, SECTIONS[section]: {}})
            items.value.append(item)
        body = _mapping(item, SECTIONS[section])
        for key, value in members.items():
            _set(body, key, value)
        marks = _sequence(body, "extensions")
        extension = _named(marks, EXTENSION)
        if extension is None:
            marks.value.append(_node({"name": EXTENSION, "extension": dict(mark)}))
        else:
            _set(extension, "extension", dict(mark))

    def remove(self, section: str, name: str) -> None:
        items = _sequence(self._root, section)
        items.value = [item for item in items.value if _plain(_member(item, "name")) != name]

    def make_current(self, name: str) -> None:
        _set(self._root, "current-context", name)


def mark_of(body: Mapping[str, Any] | None) -> dict[str, str]:
    """Whose an item says that it is; nothing for what others made."""
    for extension in (body or {}).get("extensions") or []:
        if isinstance(extension, Mapping) and extension.get("name") == EXTENSION:
            told = extension.get("extension")
            return {str(key): str(value) for key, value in told.items()} if isinstance(told, Mapping) else {}
    return {}


# -- nodes -------------------------------------------------------------------------------------------------------------


def _plain(node: Any) -> Any:
    import yaml

    return None if node is None else yaml.constructor.SafeConstructor().construct_document(node)


def _node(value: Any) -> Any:
    import yaml

    return yaml.representer.SafeRepresenter(default_flow_style=False, sort_keys=False).represent_data(value)


def _member(mapping: Any, key: str) -> Any:
    pairs = mapping.value if getattr(mapping, "id", "") == "mapping" else []
    return next((value for name, value in pairs if name.value == key), None)


def _named(items: Any, name: str) -> Any:
    nodes = items.value if getattr(items, "id", "") == "sequence" else []
    return next((item for item in nodes if _plain(_member(item, "name")) == name), None)


def _set(mapping: Any, key: str, value: Any) -> None:
    """Put a value into a mapping, in place of the one that is there; None takes it out."""
    if value is None:
        mapping.value = [pair for pair in mapping.value if pair[0].value != key]
        return
    node, found = _node(value), _member(mapping, key)
    if found is None:
        mapping.value.append((_node(key), node))
        mapping.flow_style = mapping.flow_style and len(mapping.value) > 1
        return
    mapping.value = [(name, node if old is found else old) for name, old in mapping.value]


def _sequence(mapping: Any, key: str) -> Any:
    """The list at a key, made if there is none (`null` is how kubectl writes an empty one)."""
    found = _member(mapping, key)
    if getattr(found, "id", "") != "sequence":
        _set(mapping, key, [])
        found = _member(mapping, key)
    if not found.value:
        found.flow_style = False
    return found


def _mapping(mapping: Any, key: str) -> Any:
    found = _member(mapping, key)
    if getattr(found, "id", "") != "mapping":
        _set(mapping, key, {})
        found = _member(mapping, key)
    return found
