# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress for people: events become lines, few enough to read. Controller side only."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.2
HOLD_SECONDS = 1.0  # what is over sooner gets one line, not two
WAITING_SECONDS = (10.0, 20.0, 40.0, 60.0)  # between lines about one object in one state; the last one repeats
_MESSAGE = 200

# action -> what is going on, what has happened, what was tried
_WORDS = {
    "create": ("creating", "created", "create"),
    "update": ("updating", "updated", "update"),
    "replace": ("replacing", "replaced", "replace"),
    "delete": ("deleting", "deleted", "delete"),
    "none": ("waiting", "ready", "look"),
}


@dataclass(frozen=True)
class Line:
    """One line, and how it is meant: plain | changed | ok | failed | skipped."""

    text: str
    tone: str = "plain"


@dataclass
class _Waiting:
    message: str
    printed: float
    times: int = 0

    @property
    def due(self) -> float:
        return self.printed + WAITING_SECONDS[min(self.times, len(WAITING_SECONDS) - 1)]


class Narrator:
    """Decides which events are worth a line.

    The beginning of something is held back for a moment, and dropped when it ends within it. While an object waits
    there is a line when its state changes, and otherwise one now and then.
    """

    def __init__(self, site_width: int = 0) -> None:
        self.site_width = max(8, site_width)
        self._held: dict[tuple[str, str], tuple[float, Line]] = {}
        self._waiting: dict[tuple[str, str], _Waiting] = {}

    def hear(self, event: Mapping[str, Any], now: float) -> list[Line]:
        """The lines that an event gives. now: monotonic seconds."""
        key = (event["kind"], event["name"])
        lines = self.due(now)
        if event["state"] == "started":
            self._held[key] = (now + HOLD_SECONDS, self._line(event))
        elif event["state"] == "waiting":
            lines += self._wait(key, event, now)
        else:
            self._held.pop(key, None)
            self._waiting.pop(key, None)
            lines.append(self._line(event))
        return lines

    def due(self, now: float) -> list[Line]:
        """Lines that were held back and whose time has come."""
        ready = [key for key, (when, _line) in self._held.items() if now >= when]
        return [self._held.pop(key)[1] for key in ready]

    def _wait(self, key: tuple[str, str], event: Mapping[str, Any], now: float) -> list[Line]:
        message = _single(event.get("message", ""))
        if key in self._held:  # its beginning has not been told: that comes first, and says enough for now
            self._waiting[key] = _Waiting(message, now)
            return []
        past = self._waiting.get(key)
        if past is None or past.message != message:
            # Two states that take turns must not fill the screen either.
            if past is not None and now < past.printed + WAITING_SECONDS[0]:
                return []
            self._waiting[key] = _Waiting(message, now)
        elif now < past.due:
            return []
        else:
            past.printed, past.times = now, past.times + 1
        return [self._line(event)]

    def _line(self, event: Mapping[str, Any]) -> Line:
        doing, did, deed = _WORDS.get(event["action"], _WORDS["none"])
        # The line says already which object it is about.
        said = event.get("message", "").removeprefix(f"{event['kind']} {event['name']}: ")
        message = _single(said.removeprefix(f"{event['action']}: "))
        state = event["state"]
        if state == "done":
            word, tone, message = did, "ok" if event["action"] == "none" else "changed", ""
        elif state == "failed":
            word, tone = f"{deed} FAILED", "failed"
        elif state == "skipped":
            word, tone = "skipped", "skipped"
        else:
            word, tone = doing, "plain"
        tail = f"  {message}" if message else ""
        elapsed = "" if state == "started" else duration(event["elapsed"])
        head = f"{event['site']:<{self.site_width}}  {elapsed:>7}  {word:<14}"
        return Line(f"{head} {event['kind']} {event['name']}{tail}", tone)


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4s, 12s, 9m12s, 1h05m."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def cut(text: str, width: int) -> str:
    """At most `width` long. The middle goes: names differ at their ends."""
    if len(text) <= width:
        return text
    head = (width - 3) // 2
    return f"{text[:head]}...{text[len(text) - (width - 3 - head) :]}"


def _single(text: str) -> str:
    """One line without control characters, not too long."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 3] + "..."


class Tail:
    """Follows a file of progress events on a thread while the `with` block runs, and says their lines."""

    def __init__(self, path: Path, narrator: Narrator, say: Callable[[Line], None]) -> None:
        self.path = path
        self.narrator = narrator
        self.say = say
        self._offset = path.stat().st_size if path.exists() else 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)

    def __enter__(self) -> Tail:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._read()  # what came after the last look

    def _follow(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            self._read()

    def _read(self) -> None:
        now = time.monotonic()
        for line in self._complete_lines():
            try:
                event = json.loads(line)
                lines = self.narrator.hear(event, now)
            except (ValueError, KeyError, TypeError):
                continue  # somebody else writes into this file
            for told in lines:
                self.say(told)
        for told in self.narrator.due(now):
            self.say(told)

    def _complete_lines(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        return data[:end].splitlines()
