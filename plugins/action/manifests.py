# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the templates where Ansible itself runs, then runs the module of the same name and prints its progress."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.template import trust_as_template
from ansible_collections.multicloud.platform.plugins.action.site import ActionModule as Progress
from ansible_collections.multicloud.platform.plugins.module_utils._engine.errors import SpecError
from ansible_collections.multicloud.platform.plugins.module_utils._kubernetes.documents import parse


class ActionModule(Progress):
    """What the templates hold becomes definitions, behind those that the task has."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        templates = self._task.args.get("templates") or []
        if isinstance(templates, str):
            templates = [templates]
        given = self._task.args.get("definitions") or []
        if templates and isinstance(given, list):
            rendered = [document for each in templates for document in self._render(str(each), task_vars or {})]
            wrong = next((one for one in rendered if not isinstance(one, dict)), None)
            if wrong is not None:
                raise AnsibleActionFail(f"templates: manifests are mappings, not {str(wrong)[:40]!r}.")
            self._task.args = {**self._task.args, "templates": [], "definitions": [*given, *rendered]}
        return super().run(tmp, task_vars)

    def _render(self, name: str, variables: dict[str, Any]) -> list[Any]:
        """The documents of one template, found as the module `template` finds its own."""
        try:
            path = self._find_needle("templates", name)
            text = trust_as_template(self._loader.get_text_file_contents(path))
        except AnsibleError as error:
            raise AnsibleActionFail(f"templates: {error}") from error
        near = [*variables.get("ansible_search_path", []), self._loader.get_basedir(), os.path.dirname(path)]
        search = [place for each in near for place in (os.path.join(each, "templates"), each)]
        templar = self._templar.copy_with_new_env(searchpath=search, available_variables=variables)
        try:
            made = templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})
        except AnsibleError as error:  # undefined variables are errors
            raise AnsibleActionFail(f"templates: {path}{_line(error, text)}: {error}") from error
        try:
            return parse(str(made or ""), path)
        except SpecError as error:
            raise AnsibleActionFail(f"templates: {error.message}") from error


def _line(error: BaseException, text: str) -> str:
    """Where in the template an error is: syntax errors know it; an undefined variable is where it first stands."""
    undefined = re.match(r"'(\w+)' is undefined", str(error))
    if undefined:
        name = re.compile(r"\{[{%].*\b" + undefined[1] + r"\b")
        found = next((number for number, line in enumerate(text.splitlines(), 1) if name.search(line)), None)
        return f" line {found}" if found else ""
    cause: BaseException | None = error
    while cause is not None:
        number = getattr(cause, "lineno", None)
        if isinstance(number, int):
            return f" line {number}"
        cause = cause.__cause__ or cause.__context__
    return ""
