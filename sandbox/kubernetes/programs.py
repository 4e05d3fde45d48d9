"""Images that every emulated cluster can run as programs of this machine."""

from __future__ import annotations

from pathlib import Path

from .controllers.images import ImageTable, Program

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_CRASH = "import sys; sys.exit('this image is broken: it cannot start')"


def default_images(examples: Path = EXAMPLES) -> ImageTable:
    """Whatever the registry, name and tag decide.

    ``ml-inference`` runs the sample application as its Dockerfile would. Tags that start with ``broken`` start and end
    with an error (crash loop), those with ``missing`` or ``broken-pull`` cannot be pulled. Every other image runs in
    name only.
    """
    # Many pods share this machine: one computing thread each.
    environment = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    sample = Program(("python", "-m", "ml_inference"), environment=environment, directory=examples / "ml-inference")
    return ImageTable(
        {
            "*:broken*": Program(("python", "-c", _CRASH)),
            "ml-inference:*": sample,
            "*/ml-inference:*": sample,
            "ml-inference@*": sample,
            "*/ml-inference@*": sample,
        },
        missing=["*:missing*", "*:broken-pull*"],
    )
