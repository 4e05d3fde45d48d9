# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks as JUnit's XML, which every CI system shows. Controller side only, no Ansible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree as XML  # only written, never read

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def page(reports: Iterable[Mapping[str, Any]]) -> str:
    """One suite per site, one case per check. A site whose checks could not begin is an error of its suite."""
    suites = XML.Element("testsuites", name="verify")
    totals = {"tests": 0, "failures": 0, "errors": 0}
    for report in reports:
        checks = report["details"]["checks"] or []
        name = report["site"]["name"]
        suite = XML.SubElement(suites, "testsuite", name=name, timestamp=report["started"][:19])
        for check in checks:
            case = XML.SubElement(
                suite, "testcase", classname=name, name=_clean(check["check"]), time=f"{check['seconds']:.3f}"
            )
            if check["ok"]:
                XML.SubElement(case, "system-out").text = _clean(check["detail"])
            else:
                XML.SubElement(case, "failure", message=_clean(check["detail"]), type="check")
        counted = {"tests": len(checks), "failures": sum(not check["ok"] for check in checks), "errors": 0}
        if report["failed"] and not counted["failures"]:
            case = XML.SubElement(suite, "testcase", classname=name, name="verify", time="0.000")
            XML.SubElement(case, "error", message=_clean(report["msg"]), type="error")
            counted["tests"] += 1
            counted["errors"] = 1
        suite.attrib.update({key: str(value) for key, value in counted.items()}, time=f"{report['seconds']:.3f}")
        for key, value in counted.items():
            totals[key] += value
    suites.attrib.update({key: str(value) for key, value in totals.items()})
    XML.indent(suites)
    return XML.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: Any) -> str:
    """Without characters that XML cannot hold."""
    return _ILLEGAL.sub("?", str(text))
