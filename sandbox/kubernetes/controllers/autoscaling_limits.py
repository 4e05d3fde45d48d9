"""How fast and how far an autoscaler may go: stabilization windows, policies, bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .base import condition
from .client import Body

_DOWN_SECONDS = 300
_DEFAULTS: dict[str, dict[str, Any]] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": _DOWN_SECONDS,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    },
}
_LONGEST = timedelta(hours=1)  # the longest window that the API takes


@dataclass
class History:
    """What was recommended and done for one autoscaler."""

    recommended: list[tuple[datetime, int]] = field(default_factory=list)
    changes: list[tuple[datetime, int]] = field(default_factory=list)

    def scaled(self, now: datetime, difference: int) -> None:
        """Remember a change of the replicas."""
        self.changes = [one for one in self.changes if one[0] > now - _LONGEST]
        self.changes.append((now, difference))

    def within(self, now: datetime, seconds: int) -> list[int]:
        """Recommendations of a window."""
        return [count for at, count in self.recommended if at > now - timedelta(seconds=seconds)]

    def moved(self, now: datetime, seconds: int, up: bool) -> int:
        """How many replicas were added (or taken away) in a period."""
        recent = [by for at, by in self.changes if at > now - timedelta(seconds=seconds)]
        return sum(abs(by) for by in recent if (by > 0) == up)


def limited(spec: Body, history: History, current: int, proposed: int, now: datetime, conditions: list[Body]) -> int:
    """The replicas to go to now; AbleToScale and ScalingLimited say what held it back."""
    rules = {
        name: {**defaults, **((spec.get("behavior") or {}).get(name) or {})} for name, defaults in _DEFAULTS.items()
    }
    stable = _stabilized(rules, history, current, proposed, now, conditions)
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if stable > current:
        bound = _bound(rules["scaleUp"], history, current, now, up=True)
        if stable > min(bound, most):
            if most <= bound:
                _limit(
                    conditions, "TooManyReplicas", "the desired replica count is more than the maximum replica count"
                )
            else:
                text = "the desired replica count is increasing faster than the maximum scale rate"
                _limit(conditions, "ScaleUpLimit", text)
            return min(bound, most)
    elif stable < current:
        bound = _bound(rules["scaleDown"], history, current, now, up=False)
        if stable < max(bound, least):
            if least >= bound:
                _limit(conditions, "TooFewReplicas", "the desired replica count is less than the minimum replica count")
            else:
                text = "the desired replica count is decreasing faster than the maximum scale rate"
                _limit(conditions, "ScaleDownLimit", text)
            return max(bound, least)
    elif stable >= most and proposed > most:
        _limit(conditions, "TooManyReplicas", "the desired replica count is more than the maximum replica count")
        return stable
    elif stable <= least and proposed < least:
        _limit(conditions, "TooFewReplicas", "the desired replica count is less than the minimum replica count")
        return stable
    text = "the desired count is within the acceptable range"
    condition(conditions, "ScalingLimited", "False", "DesiredWithinRange", text)
    return stable


def _limit(conditions: list[Body], reason: str, text: str) -> None:
    condition(conditions, "ScalingLimited", "True", reason, text)


def _stabilized(
    rules: dict[str, dict[str, Any]],
    history: History,
    current: int,
    proposed: int,
    now: datetime,
    conditions: list[Body],
) -> int:
    """Down to the highest recommendation of its window, up to the lowest of its own."""
    lowest = min([proposed, *history.within(now, rules["scaleUp"]["stabilizationWindowSeconds"])])
    highest = max([proposed, *history.within(now, rules["scaleDown"]["stabilizationWindowSeconds"])])
    history.recommended = [one for one in history.recommended if one[0] > now - _LONGEST]
    history.recommended.append((now, proposed))
    stable = min(max(current, lowest), highest)
    if stable == proposed:
        text = "recommended size matches current size"
        condition(conditions, "AbleToScale", "True", "ReadyForNewScale", text)
    elif proposed < stable:
        text = "recent recommendations were higher than current one, applying the highest recent recommendation"
        condition(conditions, "AbleToScale", "True", "ScaleDownStabilized", text)
    else:
        text = "recent recommendations were lower than current one, applying the lowest recent recommendation"
        condition(conditions, "AbleToScale", "True", "ScaleUpStabilized", text)
    return stable


def _bound(rule: Body, history: History, current: int, now: datetime, up: bool) -> int:
    """How far the policies let it go from where it was at the beginning of their periods."""
    if rule["selectPolicy"] == "Disabled":
        return current
    found = []
    for policy in rule["policies"]:
        moved = history.moved(now, policy["periodSeconds"], up)
        start = current - moved if up else current + moved
        if policy["type"] == "Pods":
            found.append(start + policy["value"] if up else start - policy["value"])
        elif up:
            found.append(-(-start * (100 + policy["value"]) // 100))
        else:
            found.append(start * (100 - policy["value"]) // 100)
    far, near = (max, min) if up else (min, max)
    return far(found) if rule["selectPolicy"] == "Max" else near(found)
