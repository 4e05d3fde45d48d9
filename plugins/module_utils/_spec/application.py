# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an application is: services of one site. What of them cannot be is refused here."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from .addresses import parse
from .quantities import quantity
from .repositories import repository_url
from .services import Port, Probe, Service
from .site import Site, check

# A name that is a DNS label; names of services are labels of DNS too (RFC 1035: begin with a letter).
_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_FILE = re.compile(r"[A-Za-z0-9._-]+")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
OWN_ENVIRONMENT = frozenset({"PLATFORM", "ENVIRONMENT", "CLOUD", "REGION", "SITE", "POD_NAME", "POD_NAMESPACE"})


@dataclass(frozen=True)
class Application:
    """The services of one site. One that is no longer listed is left alone; state: absent removes it.

    network_ranges: ranges of the site's own network, from which load balancers and the control plane reach the pods;
    without them those of `network`.
    """

    services: tuple[Service, ...] = ()
    network_ranges: tuple[str, ...] | None = None

    def resolve(self, site: Site) -> Application:
        """Replicas by environment where nothing is said. Raises SpecError naming every problem."""
        keys = [(service.namespace, service.name) for service in self.services]
        problems = [
            f"application.services: two services are named {name!r} in the namespace {namespace!r}. Rename one of them."
            for namespace, name in sorted({key for key in keys if keys.count(key) > 1})
        ]
        names = [service.name for service in self.services]
        problems += [
            f"application.services: {name!r} stands in two namespaces, and results are told by name. Rename one."
            for name in sorted({name for name in names if names.count(name) > 1})
            if len({namespace for namespace, other in keys if other == name}) > 1
        ]
        for cidr in self.network_ranges or ():
            parse(cidr, "application.network_ranges")
        for service in self.services:
            problems += _problems(service)
        check(problems)
        return dataclasses.replace(self, services=tuple(_resolve(service, site) for service in self.services))


def _resolve(service: Service, site: Site) -> Service:
    replicas = service.replicas
    if replicas is None and service.autoscaling is None:
        replicas = {"dev": 1, "staging": 2, "prod": 3}[site.environment]
    canary = service.canary
    if canary and canary.version:
        canary = dataclasses.replace(canary, image=_own(site, service, canary.version))
    return dataclasses.replace(
        service,
        image=_own(site, service, service.version) if service.version else service.image,
        canary=canary,
        replicas=replicas,
        ports=(Port(),) if service.ports is None else service.ports,
    )


def _own(site: Site, service: Service, version: str) -> str:
    """An image of the site's own registry."""
    return f"{repository_url(site, str(service.repository))}:{version}"


def _problems(service: Service) -> list[str]:
    where = f"application.services.{service.name}"
    found = []
    if not _LABEL.fullmatch(service.name):
        found.append(
            f"{where}.name: {service.name!r} must be 1 to 50 lower-case letters, digits and hyphens, beginning with a "
            "letter and not ending with a hyphen."
        )
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", service.namespace):
        found.append(f"{where}.namespace: {service.namespace!r} is not a legal name of a namespace.")
    if service.state == "absent":
        return found
    found += _image_problems(service, where)
    for label, image in (("image", service.image), ("canary.image", service.canary.image if service.canary else None)):
        if image and (re.search(r"\s", image) or image != image.strip() or "://" in image):
            found.append(f"{where}.{label}: {image!r} is not a reference to an image, such as registry/name:version.")
    return (
        found
        + _scaling_problems(service, where)
        + _port_problems(service, where)
        + _content_problems(service, where)
        + _resource_problems(service, where)
        + _time_problems(service, where)
    )


def _image_problems(service: Service, where: str) -> list[str]:
    found = []
    canary = service.canary
    if bool(service.repository) != bool(service.version) and not (service.repository and canary and canary.version):
        found.append(f"{where}: repository and version belong together. Give both, or an image.")
    if service.image and service.version:
        found.append(f"{where}.version: {service.version!r} has no effect with image. Remove one of them.")
    if not service.image and not service.version:
        found.append(f"{where}.image: a service needs one. Name it, or remove the service with state: absent.")
    for label, version in (("version", service.version), ("canary.version", canary.version if canary else None)):
        if version and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", version):
            found.append(f"{where}.{label}: {version!r} is not a tag (letters, digits, '_', '.' and '-').")
    if canary and bool(canary.image) == bool(canary.version):
        found.append(f"{where}.canary: give either image, or version of the service's repository.")
    if canary and canary.version and not service.repository:
        found.append(f"{where}.canary.version: of which repository? Name the service's repository, or canary.image.")
    return found


def _scaling_problems(service: Service, where: str) -> list[str]:
    found = []
    scaling, canary = service.autoscaling, service.canary
    if scaling and service.replicas is not None:
        found.append(f"{where}.replicas: {service.replicas} has no effect with autoscaling. Remove one of them.")
    if service.replicas is not None and not 0 <= service.replicas <= 1000:
        found.append(f"{where}.replicas: {service.replicas} is out of range (0 to 1000).")
    if scaling:
        if not 1 <= scaling.min <= scaling.max <= 1000:
            found.append(f"{where}.autoscaling: min {scaling.min} and max {scaling.max} do not fit (1 <= min <= max).")
        if scaling.cpu is None and scaling.memory is None:
            found.append(f"{where}.autoscaling: by what? Give cpu or memory, in percent of what is requested.")
        for name, value in (("cpu", scaling.cpu), ("memory", scaling.memory)):
            if value is not None and not 1 <= value <= 500:
                found.append(f"{where}.autoscaling.{name}: {value} is out of range (1 to 500 percent).")
    if canary and not 1 <= canary.weight <= 99:
        found.append(
            f"{where}.canary.weight: {canary.weight} is out of range (1 to 99 percent). To end it remove canary; to go "
            "over to it make its image the service's."
        )
    if canary and service.count < 1:
        found.append(f"{where}.canary: has no effect with 0 replicas. Remove it, or raise replicas.")
    amounts = {
        "update.max_surge": service.update.max_surge,
        "update.max_unavailable": service.update.max_unavailable,
        "max_unavailable": service.max_unavailable,
    }
    found += [
        f"{where}.{name}: {text!r} is no number and no percentage, such as 1 or 25%."
        for name, text in amounts.items()
        if not re.fullmatch(r"\d{1,4}|(\d{1,2}|100)%", str(text))
    ]
    if {service.update.max_surge, service.update.max_unavailable} <= {"0", "0%"}:
        found.append(f"{where}.update: max_surge and max_unavailable cannot both be 0: nothing could ever be replaced.")
    return found


def _port_problems(service: Service, where: str) -> list[str]:
    found = []
    ports = (Port(),) if service.ports is None else service.ports
    names = [port.name for port in ports]
    offered = [(port.service_port or port.port, port.protocol) for port in ports]
    if not ports:
        found.append(f"{where}.ports: a service needs one at least.")
    for port in ports:
        for number in (port.port, port.service_port or port.port):
            if not 1 <= number <= 65535:
                found.append(f"{where}.ports.{port.name}: {number} is not a port (1 to 65535).")
        if port.port < 1024:
            found.append(
                f"{where}.ports.{port.name}: port {port.port} is for root alone, which the container is not. "
                "Let it listen above 1023 and set service_port."
            )
        if not _PORT_NAME.fullmatch(port.name):
            found.append(f"{where}.ports: {port.name!r} must be up to 15 lower-case letters, digits and hyphens.")
    if len(set(names)) < len(names) or len(set(offered)) < len(offered):
        found.append(f"{where}.ports: two ports have one name or one service_port. Name them apart.")
    if service.allowed_cidrs and service.expose == "cluster":
        found.append(f"{where}.allowed_cidrs: has no effect with expose: cluster. Use allow_from, or expose it.")
    for cidr in service.allowed_cidrs or ():
        parse(cidr, f"{where}.allowed_cidrs")
    if service.load_balancer_annotations and service.expose == "cluster":
        found.append(f"{where}.load_balancer_annotations: without effect with expose: cluster. Remove them.")
    if service.allow_from and not service.network_policy:
        found.append(f"{where}.allow_from: has no effect with network_policy: false. Remove one of them.")
    return found


def _content_problems(service: Service, where: str) -> list[str]:
    found = []
    for secret in service.secrets:
        if not secret.env and not secret.path:
            found.append(f"{where}.secrets.{secret.name}: without env and path it has no effect. Give one of them.")
        if secret.path and not secret.path.startswith("/"):
            found.append(f"{where}.secrets.{secret.name}.path: {secret.path!r} must begin with a slash.")
    for name, content in (service.config_files or {}).items():
        if not _FILE.fullmatch(name) or name in (".", ".."):
            found.append(f"{where}.config_files.{name}: is not a file name (letters, digits, '.', '_' and '-').")
        if not isinstance(content, str):
            found.append(f"{where}.config_files.{name}: must be text, not {type(content).__name__}.")
    for path in (service.config_path, *service.writable):
        if not path.startswith("/"):
            found.append(f"{where}: {path!r} must be a path that begins with a slash (config_path, writable).")
    if service.identity and service.service_account:
        found.append(
            f"{where}.identity: belongs to the service's own account. With service_account give it to that one "
            "(kubernetes_base.service_accounts)."
        )
    return found + _environment_problems(service, where)


def _environment_problems(service: Service, where: str) -> list[str]:
    sources: dict[str, Any] = {
        "env": service.env or {},
        "config": service.config or {},
        "secret_references": service.secret_references or {},
        **{f"secrets.{secret.name}.env": secret.env or {} for secret in service.secrets},
    }
    found: list[str] = []
    given: dict[str, str] = {}
    canary = {"canary.env": (service.canary.env if service.canary else None) or {}}  # may say what others say
    for source, names in {**sources, **canary}.items():
        for name, value in names.items():
            option = f"{where}.{source}.{name}"
            if not _ENVIRONMENT.fullmatch(name):
                found.append(f"{option}: is not a legal name of an environment variable.")
            if name in OWN_ENVIRONMENT:
                found.append(f"{option}: is set by the collection itself. Remove it.")
            if not isinstance(value, (str, int, float, bool)):
                found.append(f"{option}: must be text, not {type(value).__name__}. Quote it, or write it as JSON text.")
            if source in sources and name in given:
                found.append(f"{option}: is given by {given[name]} too. Remove one of them.")
            given.setdefault(name, source)
    return found


def _resource_problems(service: Service, where: str) -> list[str]:
    found = []
    limits = service.resources
    for name in ("cpu", "memory", "cpu_limit", "memory_limit"):
        text = getattr(limits, name)
        if text is not None and quantity(text) is None:
            found.append(f"{where}.resources.{name}: {text!r} is not a quantity, such as 250m, 2, 512Mi.")
    for low, high in (("cpu", "cpu_limit"), ("memory", "memory_limit")):
        request, limit = quantity(getattr(limits, low)), quantity(getattr(limits, high) or "")
        if request is not None and limit is not None and request > limit:
            found.append(
                f"{where}.resources: {low} {getattr(limits, low)} is more than {high} {getattr(limits, high)}."
            )
    if not 0 <= limits.gpu <= 16:
        found.append(f"{where}.resources.gpu: {limits.gpu} is out of range (0 to 16).")
    if service.user < 1 or service.group < 1:
        found.append(f"{where}.user, group: 0 is root, which containers here are not. Use a number above.")
    for name in ("health_path", "ready_path"):
        path = getattr(service, name)
        if path is not None and not path.startswith("/"):
            found.append(f"{where}.{name}: {path!r} must begin with a slash.")
    return found


def _time_problems(service: Service, where: str) -> list[str]:
    found = []
    bounds = {
        "health_timeout": (1, 7200),
        "startup_seconds": (1, 3600),
        "pre_stop_seconds": (0, 300),
        "termination_seconds": (1, 3600),
    }
    for name, (low, high) in bounds.items():
        if not low <= getattr(service, name) <= high:
            found.append(f"{where}.{name}: {getattr(service, name)} is out of range ({low} to {high} seconds).")
    if service.pre_stop_seconds >= service.termination_seconds:
        found.append(
            f"{where}.pre_stop_seconds: {service.pre_stop_seconds} leaves nothing of termination_seconds "
            f"{service.termination_seconds} to end in. Raise the one or lower the other."
        )
    for kind in ("liveness", "readiness"):
        for item in dataclasses.fields(Probe):
            value = getattr(getattr(service, kind), item.name)
            if value is not None and not 1 <= value <= 3600:
                found.append(f"{where}.{kind}.{item.name}: {value} is out of range (1 to 3600).")
    return found
