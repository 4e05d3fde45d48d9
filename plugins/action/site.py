# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name and prints its progress while it runs. See the module for documentation."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleAction, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import merge_hash
from ansible_collections.multicloud.platform.plugins.plugin_utils.progress import Line, Narrator, Tail

display = Display()


class ActionModule(ActionBase):
    """Like a module without an action plugin, with progress on the side.

    Progress is a file that the module appends to, so it can be followed only where the module runs on this machine
    and as this user: local connection, no become, no async. Elsewhere the module runs without live lines.
    """

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        wrap_async = self._task.async_val and not self._connection.has_native_async
        arguments = dict(self._task.args)
        with ExitStack() as stack:
            if self._can_follow() and boolean(self._setting(variables, "platform_progress", True), strict=False):
                if not arguments.get("progress_file"):
                    # Made by mkdtemp: readable by this user only.
                    directory = stack.enter_context(tempfile.TemporaryDirectory(dir=C.DEFAULT_LOCAL_TMP))
                    arguments["progress_file"] = str(Path(directory) / "progress.jsonl")
                stack.enter_context(self._follow(arguments["progress_file"], variables))
            try:
                outcome = self._execute_module(module_args=arguments, task_vars=variables, wrap_async=wrap_async)
            except AnsibleAction:
                raise
            except AnsibleError as error:
                # As a result and not as an exception, whose words `failed_when: false` would lose.
                outcome = {"failed": True, "msg": str(error)}
            result = merge_hash(result, outcome)
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return dict(result)

    def _can_follow(self) -> bool:
        local = getattr(self._connection, "transport", "") in ("local", "ansible.builtin.local")
        return local and not self._task.become and not self._task.async_val and not self._task.check_mode

    def _setting(self, variables: dict[str, Any], name: str, default: Any) -> Any:
        return self._templar.template(variables[name]) if name in variables else default

    def _follow(self, path: str, variables: dict[str, Any]) -> AbstractContextManager[Any]:
        hosts = variables.get("ansible_play_hosts_all") or []
        return Tail(Path(path).expanduser(), Narrator(max(map(len, hosts), default=0)), _say)


_COLOURS = {
    "changed": C.COLOR_CHANGED,
    "ok": C.COLOR_OK,
    "failed": C.COLOR_ERROR,
    "skipped": C.COLOR_SKIP,
}


def _say(line: Line) -> None:
    """Colours are Ansible's: none where the output is no terminal."""
    display.display(line.text, color=_COLOURS.get(line.tone))
