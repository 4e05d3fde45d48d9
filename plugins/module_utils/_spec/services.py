# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service is: an image with scaling, probes, configuration and a way to be reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .arguments import NOT_SECRET


@dataclass(frozen=True)
class Port:
    """A port that the container listens on. service_port: under which the Service offers it, the same without it."""

    port: int = 8080
    name: str = "http"
    service_port: int | None = None
    protocol: Literal["TCP", "UDP"] = "TCP"


@dataclass(frozen=True)
class Autoscaling:
    """Replicas follow the load. cpu, memory: percent of what is requested that is used on average."""

    min: int
    max: int
    cpu: int | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Resources:
    """What a replica requests and may use at most, in Kubernetes' words (250m, 512Mi). gpu: whole GPUs."""

    cpu: str = "100m"
    memory: str = "128Mi"
    cpu_limit: str | None = None
    memory_limit: str | None = None
    gpu: int = 0


@dataclass(frozen=True)
class Probe:
    """How often it is asked, in seconds, and how many failures in a row count."""

    period: int | None = None
    timeout: int | None = None
    failures: int | None = None


@dataclass(frozen=True)
class Secret:
    """Keys of a Secret that exists in the namespace. env: names of environment variables to keys; path: mounts all of
    its keys as files there."""

    name: str
    env: dict[str, str] | None = None
    path: str | None = None


@dataclass(frozen=True)
class Toleration:
    """Of a taint of nodes. Without a value: of any value."""

    key: str = field(metadata=NOT_SECRET)
    value: str | None = None
    effect: Literal["no_schedule", "prefer_no_schedule", "no_execute"] | None = None


@dataclass(frozen=True)
class Update:
    """How a new version takes over. max_surge, max_unavailable: a number or a percentage of the replicas."""

    max_surge: str = "25%"
    max_unavailable: str = "0"


@dataclass(frozen=True)
class Canary:
    """Another image behind the same Service, for `weight` percent of the requests. version: of the service's
    repository. env: what differs for it."""

    image: str | None = None
    version: str | None = None
    weight: int = 10
    env: dict[str, str] | None = None


@dataclass(frozen=True)
class Service:
    """One service. Without autoscaling `replicas` of it run.

    repository, version: instead of an image, a tag of one of the site's own repositories.
    ports: without them 8080, called http.
    config: environment variables from a ConfigMap of its own; config_files: names to contents, mounted at config_path.
    A change of either is a new version. secret_references: environment variables with ids in the secret store.
    health_path: asked whether it lives, ready_path whether it can answer; without one of them the port must be open.
    writable: directories that may be written to, of a container whose root cannot be.
    identity: who it is in the cloud (AWS: role ARN, GCP: service account, Azure: client id).
    health_timeout: seconds that a new version has to become healthy; then, with rollback, the last healthy one returns.
    """

    name: str
    image: str | None = None
    repository: str | None = None
    version: str | None = None
    state: Literal["present", "absent"] = "present"
    namespace: str = "ml-serving"
    replicas: int | None = None
    autoscaling: Autoscaling | None = None
    ports: tuple[Port, ...] | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: dict[str, str] | None = None
    config: dict[str, str] | None = None
    config_files: dict[str, str] | None = None
    config_path: str = "/etc/config"
    secrets: tuple[Secret, ...] = field(default=(), metadata=NOT_SECRET)  # names of Secrets and keys, no values
    secret_references: dict[str, str] | None = field(default=None, metadata=NOT_SECRET)
    platform_config: str | None = None
    resources: Resources = field(default_factory=Resources)
    health_path: str | None = None
    ready_path: str | None = None
    startup_seconds: int = 60
    liveness: Probe = field(default_factory=Probe)
    readiness: Probe = field(default_factory=Probe)
    service_account: str | None = None
    identity: str | None = None
    image_pull_secrets: tuple[str, ...] = field(default=(), metadata=NOT_SECRET)
    node_pool: str | None = None
    tolerations: tuple[Toleration, ...] = ()
    spread: Literal["preferred", "required", "none"] = "preferred"
    max_unavailable: str = "1"
    user: int = 10001
    group: int = 10001
    writable: tuple[str, ...] = ("/tmp",)  # noqa: S108 - a directory of the container's own
    network_policy: bool = True
    allow_from: tuple[str, ...] = ()
    pre_stop_seconds: int = 5
    termination_seconds: int = 30
    priority_class: str | None = None
    expose: Literal["cluster", "internal", "public"] = "cluster"
    allowed_cidrs: tuple[str, ...] | None = None
    load_balancer_annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    update: Update = field(default_factory=Update)
    health_timeout: int = 300
    rollback: bool = True
    canary: Canary | None = None

    @property
    def count(self) -> int:
        """Replicas that run at least."""
        return self.autoscaling.min if self.autoscaling else (self.replicas if self.replicas is not None else 1)
