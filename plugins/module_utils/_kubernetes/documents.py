# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests out of YAML and JSON text, read as Kubernetes reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._engine.errors import SpecError

_SUFFIXES = (".yaml", ".yml", ".json")


def parse(text: str, name: str) -> list[Any]:
    """Every document of a text. name: where it comes from, for messages. Raises SpecError with name and line.

    A key that stands twice is refused, as the API server does, and dates stay text.
    """
    import yaml

    try:
        return [document for document in yaml.load_all(text, Loader=_loader()) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name} line {mark.line + 1}" if mark else name
        raise SpecError(f"{where}: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{name}: {error}.") from error


def read(paths: Sequence[str]) -> list[Any]:
    """The documents of files, and of the YAML and JSON files of directories by name. Raises SpecError."""
    found: list[Any] = []
    for each in paths:
        path = Path(each)
        files = [path]
        if path.is_dir():
            files = sorted(item for item in path.iterdir() if item.suffix in _SUFFIXES and item.is_file())
            if not files:
                raise SpecError(f"src: {each} holds no manifests ({', '.join(_SUFFIXES)}).")
        for file in files:
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise SpecError(f"src: {file} cannot be read: {error}.") from error
            found += parse(text, str(file))
    return found


def _loader() -> type:
    import yaml

    class Loader(yaml.SafeLoader):
        """Of plain data, without dates."""

        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: set[Any] = set()
            for key, _value in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    continue
                if not isinstance(key, yaml.ScalarNode):
                    words = "a key must be plain text; is this a template that was not rendered?"
                    raise yaml.constructor.ConstructorError(None, None, words, key.start_mark)
                name = self.construct_object(key, deep=True)
                if name in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands here twice", key.start_mark)
                seen.add(name)
            made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
            return made

    return Loader
