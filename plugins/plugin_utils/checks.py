# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks and loads of a site as tables for terminals and logs. Controller side only."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from .progress import duration

_WIDTH = 100
_NAME = 40


def checks(details: Mapping[str, Any]) -> list[str]:
    """One row per check."""
    rows = details["checks"] or []
    width = min(_NAME, max((len(row["check"]) for row in rows), default=0))
    lines: list[str] = []
    for row in rows:
        head = f"  {'ok' if row['ok'] else 'FAILED':<6}  {row['check']:<{width}}  {duration(row['seconds']):>6}  "
        lines += _wrap(row["detail"], head)
    return lines


def loads(details: Mapping[str, Any]) -> list[str]:
    """One row per request, and what is beyond its limits."""
    rows = details["loads"] or []
    if not rows:
        return []
    names = [f"{row['application']} {row['request'] or 'all'}" for row in rows]
    width = max(len("request"), *map(len, names))
    titles = ("requests", "per s", "errors", "p50", "p90", "p99", "max")
    lines = [f"  {'request':<{width}}" + "".join(f"{title:>10}" for title in titles) + "  (ms)"]
    for name, row in zip(names, rows, strict=True):
        values = (
            f"{row['requests']}",
            f"{row['per_second']:.1f}",
            f"{row['error_percent']:.1f} %",
            *(f"{row[key]:.0f}" if row[key] is not None else "-" for key in ("p50", "p90", "p99", "max")),
        )
        lines.append(f"  {name:<{width}}" + "".join(f"{value:>10}" for value in values))
        for problem in row["problems"]:
            lines += _wrap(problem, "    ! ")
        for error in row["errors"]:
            lines += _wrap(f"{error['count']} times: {error['message']}", "      ")
    return lines


def summary_of_checks(report: Mapping[str, Any]) -> str:
    """For example: 12 of 14 checks passed."""
    if report["subject"] == "verify":
        rows = report["details"]["checks"] or []
        return f"{sum(row['ok'] for row in rows)} of {len(rows)} checks passed" if rows else "nothing was verified"
    rows = [row for row in report["details"]["loads"] or [] if not row["request"]]
    if not rows:
        return "no load was sent"
    beyond = sum(bool(row["problems"]) for row in rows)
    verdict = f"{beyond} of {len(rows)} applications beyond their limits" if beyond else "all within their limits"
    return f"{sum(row['requests'] for row in rows)} requests, {verdict}"


TABLES = {"verify": checks, "load": loads}


def _wrap(text: str, head: str) -> list[str]:
    flat, rest = " ".join(text.split()), " " * len(head)
    wrapped = textwrap.wrap(flat, _WIDTH, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False)
    return wrapped or [head.rstrip()]
