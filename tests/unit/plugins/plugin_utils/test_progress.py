"""Which events become lines, and what the lines look like."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def progress(collection: str) -> Any:
    return importlib.import_module(f"{collection}.plugin_utils.progress")


def event(state: str, elapsed: float = 0.0, message: str = "", **more: Any) -> dict[str, Any]:
    base = {"site": "aws-dev", "kind": "aws.eks.cluster", "name": "mlp", "action": "create"}
    return {**base, "state": state, "elapsed": elapsed, "message": message, **more}


def texts(lines: list[Any]) -> list[str]:
    return [line.text for line in lines]


def test_what_is_over_at_once_gets_one_line(progress: Any) -> None:
    narrator = progress.Narrator()
    assert narrator.hear(event("started"), 100.0) == []
    assert texts(narrator.hear(event("done", 0.4), 100.4)) == ["aws-dev      0.4s  created        aws.eks.cluster mlp"]
    assert narrator.due(200.0) == []


def test_what_takes_longer_is_announced(progress: Any) -> None:
    narrator = progress.Narrator(site_width=9)
    narrator.hear(event("started"), 100.0)
    assert narrator.due(100.9) == []
    assert texts(narrator.due(101.0)) == ["aws-dev             creating       aws.eks.cluster mlp"]
    assert narrator.due(102.0) == []


def test_waiting_gives_a_line_now_and_then(progress: Any) -> None:
    narrator = progress.Narrator()
    narrator.hear(event("started"), 0.0)
    told = []
    for second in range(1, 601):
        told += narrator.hear(event("waiting", second, "CREATING"), float(second))
    assert 8 <= len(told) <= 14  # ten minutes, first every ten seconds, then every minute
    assert told[-1].text.endswith("creating       aws.eks.cluster mlp  CREATING")


def test_a_new_state_is_told_but_states_that_take_turns_do_not_fill_the_screen(progress: Any) -> None:
    narrator = progress.Narrator()
    narrator.hear(event("waiting", 0, "CREATING"), 0.0)
    assert texts(narrator.hear(event("waiting", 20, "UPDATING"), 20.0))[0].endswith("UPDATING")
    told = [line for n in range(100) for line in narrator.hear(event("waiting", n, "AB"[n % 2]), 20.0 + n / 10)]
    assert told == []


def test_failure_is_told_in_one_line_without_control_characters(progress: Any) -> None:
    line = progress.Narrator().hear(event("failed", 75, "aws.eks.cluster mlp: no\x1b[31m\n capacity" + "." * 999), 0.0)[
        0
    ]
    assert line.tone == "failed"
    assert "1m15s  create FAILED  aws.eks.cluster mlp  no [31m capacity" in line.text
    assert line.text.isprintable()
    assert len(line.text) < 270


def test_skipped_and_foreign_waits(progress: Any) -> None:
    narrator = progress.Narrator()
    assert narrator.hear(event("skipped", message="not attempted"), 0.0)[0].tone == "skipped"
    assert narrator.hear(event("done", action="none"), 0.0)[0].tone == "ok"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (9.94, "9.9s"), (9.96, "10s"), (59.6, "1m00s"), (552, "9m12s"), (3600, "1h00m"), (3905, "1h05m")],
)
def test_duration(progress: Any, seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


def test_tail_follows_whole_lines_from_where_it_began(progress: Any, tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_text(json.dumps(event("done", name="before")) + "\n")
    said: list[Any] = []
    with progress.Tail(path, progress.Narrator(), said.append), path.open("a") as file:
        line = json.dumps(event("done", name="first")) + "\n"
        file.write(line[:20])
        file.flush()
        file.write(line[20:] + "not json\n[]\n" + json.dumps(event("done", name="last")) + "\n")
    assert [line.text.split()[-1] for line in said] == ["first", "last"]


def test_tail_of_a_file_that_never_comes(progress: Any, tmp_path: Path) -> None:
    with progress.Tail(tmp_path / "none", progress.Narrator(), pytest.fail):
        pass
