"""Checks and loads as tables and as JUnit."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as XML

from plugin_utils import junit, reports
from plugin_utils.recap import recap


def report(subject: str, **result: Any) -> dict[str, Any]:
    base = {"site": {"name": "aws-dev", "cloud": "aws"}, "started": "2026-01-01T00:00:00.000+00:00", "seconds": 2.0}
    return reports.site_report(
        {**base, **result}, run="r", host="aws-dev", state="present", check=False, subject=subject
    )


def check(name: str, *, ok: bool = True, detail: str = "fine") -> dict[str, Any]:
    return {"site": "aws-dev", "check": name, "ok": ok, "detail": detail, "seconds": 0.01}


def load(request: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "application": "web",
        "request": request,
        "requests": 40,
        "failures": 4,
        "error_percent": 10.0,
        "per_second": 19.96,
        "p50": 5,
        "p90": 9,
        "p99": 20,
        "max": 21.4,
        "errors": [{"message": "answered 503", "count": 4}],
        "problems": [],
        **changes,
    }


def test_every_check_has_a_row_and_what_is_wrong_is_told_in_full() -> None:
    long = "a reason that goes on and on " * 12
    told = recap(
        report(
            "verify", checks=[check("nodes", detail=long), check("zones", ok=False, detail=long)], failed=True, msg="x"
        )
    )
    lines = told.splitlines()
    assert lines[0] == "aws-dev (aws): FAILED, 2.0s"
    assert lines[1].startswith("  ok      nodes")
    wrong = next(index for index, line in enumerate(lines) if line.startswith("  FAILED  zones"))
    assert " ".join(lines[1:wrong]).count("goes") == " ".join(lines[wrong:]).count("goes") == 12
    assert lines[-1] == "  1 of 2 checks passed"
    assert max(map(len, lines)) <= 100


def test_a_site_that_could_not_be_verified_says_why() -> None:
    told = recap(report("verify", failed=True, msg="no such option", checks=[]))
    assert "no such option" in told
    assert "nothing was verified" in told


def test_a_load_is_a_table_with_what_is_beyond_its_limits() -> None:
    rows = [load("predict"), load(None, problems=["10 % errors are more than 1 %"])]
    told = recap(report("load", loads=rows, failed=True, msg="x")).splitlines()
    assert told[1].split() == ["request", "requests", "per", "s", "errors", "p50", "p90", "p99", "max", "(ms)"]
    assert told[2].split() == ["web", "predict", "40", "20.0", "10.0", "%", "5", "9", "20", "21"]
    assert "    ! 10 % errors are more than 1 %" in told
    assert told[-1] == "  40 requests, 1 of 1 applications beyond their limits"
    nothing = dict.fromkeys(("p50", "p90", "p99", "max"))
    empty = recap(report("load", loads=[load(None, requests=0, **nothing, errors=[], problems=["not there"])]))
    assert "not there" in empty


def test_junit_has_a_suite_for_each_site_and_a_case_for_each_check() -> None:
    good = report("verify", checks=[check("nodes"), check("zones", ok=False, detail='0 < 2 & "none"\x00')])
    broken = report("verify", failed=True, msg="no such option", checks=[])
    broken["site"]["name"] = "gcp-dev"
    text = junit.page([good, broken])
    suites = XML.fromstring(text)  # noqa: S314 - made here
    assert {key: suites.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    cases = {(case.get("classname"), case.get("name")): case for case in suites.iter("testcase")}
    failure = cases["aws-dev", "zones"].find("failure")
    assert failure is not None
    assert failure.get("message") == '0 < 2 & "none"?'
    error = cases["gcp-dev", "verify"].find("error")
    assert error is not None
    assert error.get("message") == "no such option"
