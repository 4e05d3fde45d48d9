"""Service Usage: which APIs are switched on in the project."""

from __future__ import annotations

import hashlib
from typing import Any

from . import lro
from .calls import Call, handles, own_project
from .errors import GoogleError, invalid
from .listing import page
from .state import NUMBER, State, hex_id

TITLES = {
    "artifactregistry.googleapis.com": "Artifact Registry API",
    "certificatemanager.googleapis.com": "Certificate Manager API",
    "cloudapis.googleapis.com": "Google Cloud APIs",
    "cloudbilling.googleapis.com": "Cloud Billing API",
    "cloudkms.googleapis.com": "Cloud Key Management Service (KMS) API",
    "cloudresourcemanager.googleapis.com": "Cloud Resource Manager API",
    "compute.googleapis.com": "Compute Engine API",
    "container.googleapis.com": "Kubernetes Engine API",
    "containerscanning.googleapis.com": "Container Scanning API",
    "containerregistry.googleapis.com": "Container Registry API",
    "dns.googleapis.com": "Cloud DNS API",
    "file.googleapis.com": "Cloud Filestore API",
    "gkehub.googleapis.com": "GKE Hub API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "iamcredentials.googleapis.com": "IAM Service Account Credentials API",
    "logging.googleapis.com": "Cloud Logging API",
    "memorystore.googleapis.com": "Memorystore API",
    "monitoring.googleapis.com": "Cloud Monitoring API",
    "networkconnectivity.googleapis.com": "Network Connectivity API",
    "oslogin.googleapis.com": "Cloud OS Login API",
    "pubsub.googleapis.com": "Cloud Pub/Sub API",
    "redis.googleapis.com": "Google Cloud Memorystore for Redis API",
    "secretmanager.googleapis.com": "Secret Manager API",
    "servicemanagement.googleapis.com": "Service Management API",
    "servicenetworking.googleapis.com": "Service Networking API",
    "serviceusage.googleapis.com": "Service Usage API",
    "sql-component.googleapis.com": "Cloud SQL",
    "sqladmin.googleapis.com": "Cloud SQL Admin API",
    "storage-api.googleapis.com": "Google Cloud Storage JSON API",
    "storage-component.googleapis.com": "Cloud Storage",
    "storage.googleapis.com": "Cloud Storage API",
    "storagetransfer.googleapis.com": "Storage Transfer API",
    "vpcaccess.googleapis.com": "Serverless VPC Access API",
}
SERVICE_OF = {
    "compute": "compute.googleapis.com",
    "container": "container.googleapis.com",
    "iam": "iam.googleapis.com",
    "cloudresourcemanager": "cloudresourcemanager.googleapis.com",
    "serviceusage": "serviceusage.googleapis.com",
    "servicenetworking": "servicenetworking.googleapis.com",
    "storage": "storage.googleapis.com",
    "cloudkms": "cloudkms.googleapis.com",
    "sqladmin": "sqladmin.googleapis.com",
    "redis": "redis.googleapis.com",
    "memorystore": "memorystore.googleapis.com",
    "monitoring": "monitoring.googleapis.com",
    "secretmanager": "secretmanager.googleapis.com",
    "artifactregistry": "artifactregistry.googleapis.com",
    "networkconnectivity": "networkconnectivity.googleapis.com",
}
# Off in the sandbox's project until someone switches them on; everything else in TITLES is on.
_OFF = {
    "artifactregistry.googleapis.com",
    "certificatemanager.googleapis.com",
    "containerscanning.googleapis.com",
    "dns.googleapis.com",
    "file.googleapis.com",
    "gkehub.googleapis.com",
    "memorystore.googleapis.com",
    "redis.googleapis.com",
    "secretmanager.googleapis.com",
    "sqladmin.googleapis.com",
    "storagetransfer.googleapis.com",
    "vpcaccess.googleapis.com",
}
# service -> services that cannot be used without it
_DEPENDANTS = {
    "compute.googleapis.com": ("container.googleapis.com",),
    "servicenetworking.googleapis.com": (),
}
_TYPE = "type.googleapis.com/google.api.serviceusage.v1."
# Domains of service agents that are not gcp-sa-<service>.
_AGENTS = {
    "compute.googleapis.com": "compute-system",
    "container.googleapis.com": "container-engine-robot",
    "redis.googleapis.com": "cloud-redis",
    "servicenetworking.googleapis.com": "service-networking",
    "sqladmin.googleapis.com": "gcp-sa-cloud-sql",
}


def fresh(state: State) -> None:
    """The services of a project that has been used before."""
    state.services = {name: name not in _OFF for name in TITLES}


def enabled(state: State, service: str) -> bool:
    """Whether a service is on."""
    return state.services.get(service, False)


def _known(name: str) -> str:
    if name not in TITLES:
        detail = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
            "domain": "serviceusage.googleapis.com",
            "metadata": {"services": name},
        }
        raise GoogleError(403, f"Not found or permission denied for service(s): {name}.", details=[detail])
    return name


def _service(state: State, name: str) -> dict[str, Any]:
    return {
        "name": f"projects/{NUMBER}/services/{name}",
        "config": {
            "name": name,
            "title": TITLES[name],
            "documentation": {},
            "quota": {},
            "authentication": {},
            "usage": {"requirements": ["serviceusage.googleapis.com/tos/cloud"]},
        },
        "state": "ENABLED" if state.services[name] else "DISABLED",
        "parent": f"projects/{NUMBER}",
    }


def _name(call: Call) -> str:
    return _known(call.path["name"].rpartition("/")[2])


def _operation() -> str:
    return f"operations/acat.p2-{NUMBER}-{hex_id(8)}-{hex_id(4)}-{hex_id(4)}-{hex_id(4)}-{hex_id(12)}"


def _metadata(names: list[str]) -> dict[str, Any]:
    resources = [f"services/{name}/projectSettings/{NUMBER}" for name in names]
    return {"@type": f"{_TYPE}OperationMetadata", "resourceNames": resources}


@handles("serviceusage.services.get")
def get(call: Call) -> dict[str, Any]:
    """One service."""
    return _service(call.state, _name(call))


@handles("serviceusage.services.list")
def listing(call: Call) -> dict[str, Any]:
    """All services, or those in a state."""
    text = call.query.get("filter", "")
    wanted = {"": None, "state:ENABLED": "ENABLED", "state:DISABLED": "DISABLED"}
    if text not in wanted:
        raise invalid(f"Invalid filter: {text}. Only state:ENABLED and state:DISABLED are supported.")
    items = [_service(call.state, name) for name in TITLES]
    items = [item for item in items if wanted[text] in (None, item["state"])]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=50)
    answer: dict[str, Any] = {"services": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles("serviceusage.services.batchGet")
def batch_get(call: Call) -> dict[str, Any]:
    """Several services by name."""
    names = [own_project(name).rpartition("/")[2] for name in call.query.get("names", [])]
    if len(names) > 30:
        raise invalid("At most 30 services can be read in one request.")
    return {"services": [_service(call.state, _known(name)) for name in names]}


@handles("serviceusage.services.enable")
def enable(call: Call) -> dict[str, Any]:
    """Switch one service on; done at once when it is on."""
    name = _name(call)

    def response() -> dict[str, Any]:
        call.state.services[name] = True
        return {"@type": f"{_TYPE}EnableServiceResponse", "service": _service(call.state, name)}

    if call.state.services[name]:
        return {"name": "operations/noop.DONE_OPERATION", "done": True, "response": response()}
    return lro.start(call, _operation(), "serviceusage.enable", response, _metadata([name]))


@handles("serviceusage.services.batchEnable")
def batch_enable(call: Call) -> dict[str, Any]:
    """Switch several services on."""
    names = call.body.get("serviceIds", [])
    if not names:
        raise invalid("At least one service must be specified.", field="service_ids")
    if len(names) > 20:
        raise invalid("A single request can enable a maximum of 20 services at a time.", field="service_ids")
    for name in names:
        _known(name)

    def response() -> dict[str, Any]:
        for name in names:
            call.state.services[name] = True
        services = [_service(call.state, name) for name in names]
        return {"@type": f"{_TYPE}BatchEnableServicesResponse", "services": services}

    if all(call.state.services[name] for name in names):
        return {"name": "operations/noop.DONE_OPERATION", "done": True, "response": response()}
    return lro.start(call, _operation(), "serviceusage.enable", response, _metadata(names))


@handles("serviceusage.services.generateServiceIdentity")
def generate_identity(call: Call) -> dict[str, Any]:
    """The agent that a service acts as in the project; made when it is first asked for."""
    name = _known(call.path["parent"].rpartition("/")[2])
    mail = f"service-{NUMBER}@{_AGENTS.get(name) or 'gcp-sa-' + name.partition('.')[0]}.iam.gserviceaccount.com"
    identity = {"@type": "type.googleapis.com/google.api.serviceusage.v1beta1.ServiceIdentity", "email": mail}
    unique = str(10**20 + int(hashlib.sha256(mail.encode()).hexdigest()[:15], 16))
    return {"name": _operation(), "done": True, "response": {**identity, "uniqueId": unique}}


@handles("serviceusage.services.disable")
def disable(call: Call) -> dict[str, Any]:
    """Switch one service off; refused while an enabled one needs it."""
    name = _name(call)
    needed = [item for item in _DEPENDANTS.get(name, ()) if call.state.services[item]]
    if needed and not call.body.get("disableDependentServices"):
        raise GoogleError(
            400,
            f"The service {name} is depended on by the following active service(s): {', '.join(needed)}; Please "
            "specify disableDependentServices=true if you want to proceed with disabling all services.",
            status="FAILED_PRECONDITION",
        )

    def response() -> dict[str, Any]:
        for item in (name, *needed):
            call.state.services[item] = False
        return {"@type": f"{_TYPE}DisableServiceResponse", "service": _service(call.state, name)}

    return lro.start(call, _operation(), "serviceusage.disable", response, _metadata([name]))
