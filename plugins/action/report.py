# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what a site's run did, and writes it down. See the module of the same name for documentation."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multicloud.platform.plugins.plugin_utils import junit, reports, timeline
from ansible_collections.multicloud.platform.plugins.plugin_utils.recap import recap, summary

display = Display()

# Ansible loads an action plugin before it starts the first process for it, so all hosts of one ansible-playbook run
# see the same value. Should that ever change, each site has a timeline of its own.
RUN = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"


SUBJECTS = ("site", "backup", "restore", "kubernetes_base", "application", "verify", "load")


class ActionModule(ActionBase):
    """Prints the recap of one site, writes its report, and keeps what the run's sites share."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            argument_spec={
                "result": {"type": "dict", "required": True},
                "directory": {"type": "path"},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "subject": {"type": "str", "choices": list(SUBJECTS), "default": "site"},
                "run": {"type": "str"},
            }
        )
        report = reports.site_report(
            arguments["result"],
            run=arguments["run"] or RUN,
            host=(task_vars or {}).get("inventory_hostname", ""),
            state=arguments["state"],
            check=self._task.check_mode,
            subject=arguments["subject"],
        )
        display.display(f"\n{recap(report)}\n")
        files = _write(Path(arguments["directory"]).expanduser(), report) if arguments["directory"] else []
        result.update(changed=False, files=files, summary=summary(report), counts=report["counts"])
        if report["failed"]:
            result.update(failed=True, msg=report["msg"])
        elif report["orphans"] and report["mode"] == "destroy":
            names = ", ".join(f"{item['kind']} {item['name']}" for item in report["orphans"])
            result.update(
                failed=True,
                msg=f"{len(report['orphans'])} objects with this site's tags are left behind: {names}. "
                "Delete them, or they go on costing money.",
            )
        return result


def _write(directory: Path, report: dict[str, Any]) -> list[str]:
    """Write the files; their paths. Raises AnsibleActionFail where the directory cannot be written."""
    try:
        with reports.locked(directory):
            about = "" if report["subject"] == "site" else f"-{report['subject']}"
            if report["subject"] in reports.READING:
                paths = [directory / f"{report['subject']}.json"]
                together = reports.add_to_plan(paths[0], report)
                if report["subject"] == "verify":
                    paths.append(directory / "verify.xml")
                    reports.write(paths[1], junit.page(together["sites"].values()))
            elif report["mode"] == "plan":
                paths = [directory / f"plan{about}.json"]
                reports.add_to_plan(paths[0], report)
            elif about:
                paths = [directory / f"{report['site']['name']}{about}.json"]
                reports.write_json(paths[0], report)
            else:
                paths = [directory / f"{report['site']['name']}.json", directory / "timeline.html"]
                reports.write_json(paths[0], report)
                reports.write(paths[1], timeline.page(reports.of_run(directory, report["run"])))
    except OSError as error:
        raise AnsibleActionFail(f"The report cannot be written to {directory}: {error.strerror}.") from error
    return [str(path) for path in paths]
