"""Maintenance and backup windows of RDS and ElastiCache."""

from __future__ import annotations

import pytest
from module_utils._aws.windows import daily, daily_beside, overlap, weekly, weekly_problems
from module_utils._spec.cluster import MaintenanceWindow


def test_windows_are_written_as_the_services_do() -> None:
    assert daily("23:30", 60) == "23:30-00:30"
    assert weekly(MaintenanceWindow("22:00", ("sunday",), 4)) == "sun:22:00-mon:02:00"


@pytest.mark.parametrize(
    ("day", "week", "meets"),
    [
        ("03:00-04:00", "sun:03:30-sun:05:00", True),
        ("02:00-03:00", "sun:03:00-sun:05:00", False),
        ("23:30-00:30", "mon:00:00-mon:01:00", True),
        ("01:00-02:00", "sun:23:00-mon:03:00", True),
        ("05:00-06:00", "sun:23:00-mon:03:00", False),
    ],
)
def test_overlap(day: str, week: str, meets: bool) -> None:
    assert overlap(day, week) is meets


@pytest.mark.parametrize("hours", [1, 4, 23])
@pytest.mark.parametrize("start", ["00:00", "00:30", "03:00", "23:00"])
def test_a_backup_window_that_nobody_chose_lies_beside_the_maintenance(start: str, hours: int) -> None:
    window = MaintenanceWindow(start, ("sunday",), hours)
    chosen = daily_beside(None, 60, window)
    assert chosen is not None
    assert not overlap(chosen, weekly(window))


def test_windows_that_are_left_to_the_service() -> None:
    assert daily_beside(None, 60, None) is None
    assert daily_beside("04:00", 60, None) == "04:00-05:00"


def test_one_day_a_week() -> None:
    assert weekly_problems(MaintenanceWindow("03:00"), "x", "RDS")
    assert weekly_problems(MaintenanceWindow("03:00", ("monday",), 24), "x", "RDS")
    assert not weekly_problems(MaintenanceWindow("03:00", ("monday",)), "x", "RDS")
