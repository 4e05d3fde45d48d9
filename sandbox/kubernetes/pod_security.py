"""Pod Security admission: namespaces say by their labels what pods in them may ask for.

Source: Kubernetes documentation, "Pod Security Standards"; messages as in k8s.io/pod-security-admission/policy. What
the levels say of Windows, unconfined seccomp, AppArmor, SELinux, sysctls and /proc mounts is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .catalogue import Resource
from .errors import forbidden
from .options import WriteOptions
from .store import Body, Store

_LABEL = "pod-security.kubernetes.io"
_TEMPLATES = {
    "deployments.apps": ("spec", "template"),
    "replicasets.apps": ("spec", "template"),
    "statefulsets.apps": ("spec", "template"),
    "daemonsets.apps": ("spec", "template"),
    "jobs.batch": ("spec", "template"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template"),
}
_DEFAULT_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
        "image",
    }
)
_SECCOMP = ("RuntimeDefault", "Localhost")


class PodSecurity:
    """The admission plugin of one cluster."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def admit(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """Refuse pods that the namespace's level does not allow; warn of them, and of templates of such pods."""
        if options.subresource or (resource.id != "pods" and resource.id not in _TEMPLATES):
            return
        stored = self._store.get("namespaces", ("", body["metadata"].get("namespace", "")))
        labels = (stored.body["metadata"].get("labels") or {}) if stored else {}
        if resource.id == "pods":
            if old is not None:
                return  # nothing that counts can be changed
            text = _violations(labels, "enforce", body["spec"])
            if text:
                raise forbidden("pods", "", body["metadata"].get("name", ""), f"violates PodSecurity {text}")
        spec: Any = body
        for part in (*_TEMPLATES.get(resource.id, ()), "spec"):
            spec = (spec or {}).get(part)
        text = _violations(labels, "warn", spec or {})
        if text:
            options.warnings.append(f"would violate PodSecurity {text}")


def _violations(labels: dict[str, str], mode: str, spec: Body) -> str:
    """What a pod breaks, as the message has it: `"restricted:v1.34": privileged (...), ...`."""
    level = labels.get(f"{_LABEL}/{mode}", "privileged")
    version = labels.get(f"{_LABEL}/{mode}-version", "latest")
    if level not in ("baseline", "restricted"):
        return ""
    found = list(_baseline(spec))
    if level == "restricted":
        found += _restricted(spec)
    return f'"{level}:{version}": {", ".join(found)}' if found else ""


def _containers(spec: Body) -> list[tuple[str, Body, Body]]:
    """Name, container, its security context."""
    every = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return [(one["name"], one, one.get("securityContext") or {}) for one in every]


def _named(names: list[str]) -> str:
    return f"container{'s' if len(names) > 1 else ''} " + ", ".join(f'"{name}"' for name in names)


def _baseline(spec: Body) -> Iterator[str]:
    host = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if host:
        yield f"host namespaces ({', '.join(host)})"
    privileged = [name for name, _one, context in _containers(spec) if context.get("privileged")]
    if privileged:
        yield f"privileged ({_named(privileged)} must not set securityContext.privileged=true)"
    for name, _one, context in _containers(spec):
        added = [
            cap for cap in (context.get("capabilities") or {}).get("add") or [] if cap not in _DEFAULT_CAPABILITIES
        ]
        if added:
            shown = ", ".join(f'"{cap}"' for cap in added)
            must = f"must not include {shown} in securityContext.capabilities.add"
            yield f'non-default capabilities (container "{name}" {must})'
    paths = [volume["name"] for volume in spec.get("volumes") or [] if "hostPath" in volume]
    if paths:
        yield (
            f"hostPath volumes (volume{'s' if len(paths) > 1 else ''} " + ", ".join(f'"{name}"' for name in paths) + ")"
        )
    for name, one, _context in _containers(spec):
        ports = [str(port["hostPort"]) for port in one.get("ports") or [] if port.get("hostPort")]
        if ports:
            yield f'hostPort (container "{name}" uses hostPort{"s" if len(ports) > 1 else ""} {", ".join(ports)})'


def _restricted(spec: Body) -> Iterator[str]:
    pod = spec.get("securityContext") or {}
    every = _containers(spec)
    escalating = [name for name, _one, context in every if context.get("allowPrivilegeEscalation") is not False]
    if escalating:
        must = "must set securityContext.allowPrivilegeEscalation=false"
        yield f"allowPrivilegeEscalation != false ({_named(escalating)} {must})"
    capable = [name for name, _one, context in every if "ALL" not in _dropped(context)]
    if capable:
        yield f'unrestricted capabilities ({_named(capable)} must set securityContext.capabilities.drop=["ALL"])'
    for volume in spec.get("volumes") or []:
        kind = next((key for key in volume if key != "name"), "emptyDir")
        if kind not in _VOLUMES and kind != "hostPath":
            yield f'restricted volume types (volume "{volume["name"]}" uses restricted volume type "{kind}")'
    rooted = [name for name, _one, context in every if not context.get("runAsNonRoot", pod.get("runAsNonRoot"))]
    if rooted:
        yield f"runAsNonRoot != true (pod or {_named(rooted)} must set securityContext.runAsNonRoot=true)"
    zero = [name for name, _one, context in every if context.get("runAsUser") == 0]
    if pod.get("runAsUser") == 0 or zero:
        yield f"runAsUser=0 ({_named(zero) if zero else 'pod'} must not set runAsUser=0)"
    loose = [name for name, _one, context in every if _profile(context, pod) not in _SECCOMP]
    if loose:
        must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        yield f"seccompProfile (pod or {_named(loose)} {must})"


def _dropped(context: Body) -> list[str]:
    return list((context.get("capabilities") or {}).get("drop") or [])


def _profile(context: Body, pod: Body) -> Any:
    return ((context.get("seccompProfile") or pod.get("seccompProfile")) or {}).get("type")
