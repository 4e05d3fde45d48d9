"""``python -m ml_inference``."""

from __future__ import annotations

import sys

from . import logs
from .settings import Settings, SettingsError


def main() -> int:
    """Serve until told to stop. Exit status 1 when the model cannot be served, 2 for settings that make no sense."""
    try:
        settings = Settings.of()
    except SettingsError as failure:
        print(failure, file=sys.stderr)
        return 2
    logs.configure(settings.log_level, cloud=settings.cloud, region=settings.region, pod=settings.pod_name)
    from .server import Server  # after the settings: a wrong one is told at once

    server = Server(settings)
    server.run()
    return 1 if server.failed or not server.started else 0


if __name__ == "__main__":
    sys.exit(main())
