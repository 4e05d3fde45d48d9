"""What a parameter group means to a real PostgreSQL server."""

from __future__ import annotations

from .parameters import parameters_of
from .state import ParameterGroup

# Sized for machines that are not there, or part of how the server is run.
_NOT_HERE = {"shared_buffers", "huge_pages", "effective_cache_size", "ssl", "client_encoding", "search_path"}
# Modules that come with Debian's PostgreSQL.
_PRELOADABLE = {"pg_stat_statements", "auto_explain", "pg_prewarm"}


def server_settings(group: ParameterGroup) -> tuple[dict[str, str], bool]:
    """Settings for the server, and whether it requires TLS."""
    known = parameters_of(group.family)
    settings: dict[str, str] = {}
    force_tls = known["rds.force_ssl"].default == "1"
    for name, (value, _) in group.values.items():
        if name == "rds.force_ssl":
            force_tls = value == "1"
        elif name == "shared_preload_libraries":
            wanted = [item.strip() for item in value.split(",")]
            settings[name] = ",".join(item for item in wanted if item in _PRELOADABLE)
        elif not (name.startswith(("rds.", "cron.", "pgaudit.")) or name in _NOT_HERE or "{" in value):
            settings[name] = value
    return settings, force_tls
