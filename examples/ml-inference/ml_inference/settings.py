"""What the environment of the process says."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# The model that comes with the package.
OWN_MODEL = Path(__file__).with_name("model.onnx")


class SettingsError(Exception):
    """A variable of the environment that cannot be used; the text names it."""


@dataclass(frozen=True)
class Settings:
    """All settings, with what holds when the environment says nothing.

    ``model_uri`` (``s3://``, ``gs://`` or ``https://<account>.blob.core.windows.net/...``) goes before ``model_path``
    and needs ``model_sha256``. ``drain_seconds``: how long after SIGTERM requests are still accepted, so that load
    balancers learn from ``/ready`` first; ``stop_seconds``: how long requests in flight may take after that.
    """

    host: str = "0.0.0.0"  # noqa: S104  # a pod is reached by its address
    port: int = 8080
    cloud: str = "unknown"
    region: str = "unknown"
    pod_name: str = "unknown"
    pod_namespace: str = ""
    model_path: Path = OWN_MODEL
    model_uri: str = ""
    model_sha256: str = ""
    drain_seconds: float = 5.0
    stop_seconds: int = 15
    log_level: str = "INFO"

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """From ``HOST``, ``PORT`` and so on. SettingsError for what is no number or no level."""
        get = environment.get
        level = (get("LOG_LEVEL") or "INFO").upper()
        if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise SettingsError(f"LOG_LEVEL is {level}, not DEBUG, INFO, WARNING or ERROR")
        settings = cls(
            host=get("HOST") or cls.host,
            port=int(_number(environment, "PORT", cls.port, 65535)),
            cloud=get("CLOUD") or cls.cloud,
            region=get("REGION") or cls.region,
            pod_name=get("POD_NAME") or get("HOSTNAME") or socket.gethostname(),
            pod_namespace=get("POD_NAMESPACE") or "",
            model_path=Path(get("MODEL_PATH") or OWN_MODEL),
            model_uri=get("MODEL_URI") or "",
            model_sha256=(get("MODEL_SHA256") or "").lower(),
            drain_seconds=_number(environment, "DRAIN_SECONDS", cls.drain_seconds, 300),
            stop_seconds=int(_number(environment, "STOP_SECONDS", cls.stop_seconds, 300)),
            log_level=level,
        )
        if settings.model_uri and not settings.model_sha256:
            raise SettingsError(
                "MODEL_URI needs MODEL_SHA256: a model from elsewhere is served only when it is the one"
            )
        return settings


def _number(environment: Mapping[str, str], name: str, default: float, most: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise SettingsError(f"{name} is {text}, not a number from 0 to {most:g}")
    return value
