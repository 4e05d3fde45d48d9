"""What a project holds before anyone has touched it."""

from __future__ import annotations

from typing import Any

from . import resourcemanager, services
from .auth import ACCOUNT
from .compute.crud import add
from .compute.kinds import KINDS
from .compute.links import link
from .compute.networks import DEFAULT
from .iam import new_account
from .state import NUMBER, PROJECT, State

_RULES = {
    "default-allow-icmp": ("Allow ICMP from anywhere", [{"IPProtocol": "icmp"}], "0.0.0.0/0"),
    "default-allow-internal": (
        "Allow internal traffic on the default network",
        [
            {"IPProtocol": "tcp", "ports": ["0-65535"]},
            {"IPProtocol": "udp", "ports": ["0-65535"]},
            {"IPProtocol": "icmp"},
        ],
        "10.128.0.0/9",
    ),
    "default-allow-rdp": ("Allow RDP from anywhere", [{"IPProtocol": "tcp", "ports": ["3389"]}], "0.0.0.0/0"),
    "default-allow-ssh": ("Allow SSH from anywhere", [{"IPProtocol": "tcp", "ports": ["22"]}], "0.0.0.0/0"),
}


def fresh_project(state: State) -> State:
    """The default network with its firewall rules, the services that are on, the sandbox's own account."""
    services.fresh(state)
    network = KINDS["networks"]
    add(
        state,
        network,
        DEFAULT,
        {
            "name": "default",
            "description": "Default network for the project",
            "autoCreateSubnetworks": True,
            "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
            "routingConfig": {"routingMode": "REGIONAL", "bgpBestPathSelectionMode": "LEGACY"},
        },
    )
    network.created(state, DEFAULT)
    for name, (text, allowed, source) in _RULES.items():
        rule = {
            "name": name,
            "description": text,
            "network": link(DEFAULT),
            "priority": 65534,
            "sourceRanges": [source],
            "allowed": allowed,
            "direction": "INGRESS",
            "disabled": False,
            "logConfig": {"enable": False},
        }
        add(state, KINDS["firewalls"], f"projects/{PROJECT}/global/firewalls/{name}", rule)
    for mail, title in (
        (ACCOUNT, "Sandbox"),
        (f"{NUMBER}-compute@developer.gserviceaccount.com", "Compute Engine default service account"),
    ):
        state.service_accounts[mail] = new_account(mail, displayName=title)
    state.policies[resourcemanager.KEY] = {"version": 1, "#": 1, "etag": "BwYfdhP5wzI=", "bindings": _bindings()}
    return state


def _bindings() -> list[dict[str, Any]]:
    """Grants that a used project has anyway: whoever replaces the policy must keep them."""
    robot = f"serviceAccount:service-{NUMBER}@"
    return [
        {"role": "roles/compute.serviceAgent", "members": [f"{robot}compute-system.iam.gserviceaccount.com"]},
        {"role": "roles/container.serviceAgent", "members": [f"{robot}container-engine-robot.iam.gserviceaccount.com"]},
        {"role": "roles/editor", "members": [f"serviceAccount:{NUMBER}-compute@developer.gserviceaccount.com"]},
        {"role": "roles/owner", "members": [f"serviceAccount:{ACCOUNT}", "user:owner@example.com"]},
    ]
