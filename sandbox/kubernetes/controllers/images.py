"""What an image is on this machine: a program that runs, a name alone, or something that cannot be pulled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """How to run an image: as its ENTRYPOINT, CMD, ENV and WORKDIR would say."""

    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


class PullFailure(Exception):
    """An image that cannot be had; the text is what the runtime says."""


# An image to its program; None: it "runs" in name only. PullFailure when there is no such image.
Images = Callable[[str], Program | None]


@dataclass
class ImageTable:
    """Patterns (``*/ml-inference:*``) to programs, and patterns of images that cannot be pulled."""

    programs: dict[str, Program] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def __call__(self, image: str) -> Program | None:
        """The program of the first pattern that fits."""
        if any(fnmatchcase(image, pattern) for pattern in self.missing):
            raise PullFailure(f'failed to pull and unpack image "{image}": {image}: not found')
        return next((program for pattern, program in self.programs.items() if fnmatchcase(image, pattern)), None)
