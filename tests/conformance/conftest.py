"""Prints the table of kinds, cases and passes after the run."""

from __future__ import annotations

from collections import defaultdict
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    table: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "conformance" and getattr(report, "when", "") == "call":
                    cloud, kind, cases, passed = value.split("|")
                    table[cloud, kind][0] += int(cases)
                    table[cloud, kind][1] += int(passed)
    if not table:
        return
    terminalreporter.section("recorded traffic: kinds x cases x pass")
    for (cloud, kind), (cases, passed) in sorted(table.items()):
        mark = "ok" if cases == passed else "FAILED"
        terminalreporter.write_line(f"{cloud:<6} {kind:<55} {cases:>4} cases {passed:>4} pass  {mark}")
    cases, passed = (sum(row[i] for row in table.values()) for i in (0, 1))
    terminalreporter.write_line(f"{'':<6} {'all kinds':<55} {cases:>4} cases {passed:>4} pass")
