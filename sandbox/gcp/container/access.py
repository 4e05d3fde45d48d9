"""How a control plane is reached: the new ``controlPlaneEndpointsConfig`` and the old blocks that mirror it."""

from __future__ import annotations

import ipaddress

from ..calls import Call
from ..errors import invalid
from ..state import NUMBER
from .common import Data


def begin(call: Call, cluster: Data, given: Data) -> None:
    """Fill the access blocks of a new cluster from whichever of them were sent."""
    dns = {
        "allowExternalTraffic": False,
        "enableK8sTokensViaDns": False,
        "enableK8sCertsViaDns": False,
        "endpoint": f"gke-{cluster['id'][:36]}-{NUMBER}.{cluster['location']}.gke.goog",
    }
    sent = given.get("controlPlaneEndpointsConfig", {})
    cluster["controlPlaneEndpointsConfig"] = {
        "dnsEndpointConfig": {**dns, **sent.get("dnsEndpointConfig", {})},
        "ipEndpointsConfig": {
            "enabled": True,
            "enablePublicEndpoint": True,
            "authorizedNetworksConfig": {"gcpPublicCidrsAccessEnabled": True},
        },
    }
    cluster["privateClusterConfig"] = {}
    if "privateClusterConfig" in given:
        set_private(cluster, given["privateClusterConfig"])
    if "masterAuthorizedNetworksConfig" in given:
        set_authorized(cluster, given["masterAuthorizedNetworksConfig"])
    if "ipEndpointsConfig" in sent:
        set_endpoints(cluster, {"ipEndpointsConfig": sent["ipEndpointsConfig"]})
    mirror(call, cluster)


def set_authorized(cluster: Data, given: Data) -> None:
    """Who may reach the public endpoint."""
    config: Data = {"gcpPublicCidrsAccessEnabled": True, **given}
    for item in config.get("cidrBlocks", []):
        try:
            ipaddress.IPv4Network(item.get("cidrBlock", ""))
        except ValueError:
            raise invalid(f'Invalid CIDR block "{item.get("cidrBlock", "")}" in authorized networks.') from None
    if config.get("cidrBlocks") and not config.get("enabled"):
        raise invalid("Authorized networks must be enabled to specify CIDR blocks.")
    cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]["authorizedNetworksConfig"] = config


def set_private(cluster: Data, given: Data) -> None:
    """The old block for private clusters."""
    endpoints = cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]
    block = given.get("masterIpv4CidrBlock")
    if block:
        try:
            if ipaddress.IPv4Network(block).prefixlen != 28:
                raise ValueError
        except ValueError:
            raise invalid(f'Invalid master_ipv4_cidr_block "{block}": must be a /28 range.') from None
        cluster["privateClusterConfig"]["masterIpv4CidrBlock"] = block
    if "enablePrivateNodes" in given:
        cluster["networkConfig"]["defaultEnablePrivateNodes"] = given["enablePrivateNodes"]
    if "enablePrivateEndpoint" in given:
        endpoints["enablePublicEndpoint"] = not given["enablePrivateEndpoint"]
    if "masterGlobalAccessConfig" in given:
        _global_access(endpoints, given["masterGlobalAccessConfig"].get("enabled", False))
    if given.get("privateEndpointSubnetwork"):
        endpoints["privateEndpointSubnetwork"] = given["privateEndpointSubnetwork"]


def set_endpoints(cluster: Data, given: Data) -> None:
    """The new block; what it does not name stays."""
    present = cluster["controlPlaneEndpointsConfig"]
    present["dnsEndpointConfig"].update(
        {key: value for key, value in given.get("dnsEndpointConfig", {}).items() if key != "endpoint"}
    )
    sent = given.get("ipEndpointsConfig", {})
    endpoints = present["ipEndpointsConfig"]
    if "authorizedNetworksConfig" in sent:
        set_authorized(cluster, sent["authorizedNetworksConfig"])
    if "globalAccess" in sent:
        _global_access(endpoints, sent["globalAccess"])
    if sent.get("privateEndpointSubnetwork"):
        endpoints["privateEndpointSubnetwork"] = sent["privateEndpointSubnetwork"]
    for key in ("enabled", "enablePublicEndpoint"):
        if key in sent:
            endpoints[key] = sent[key]


def _global_access(endpoints: Data, on: bool) -> None:
    # Sent as false it is not printed. Source: recorded traffic.
    endpoints.pop("globalAccess", None)
    if on:
        endpoints["globalAccess"] = True


def mirror(call: Call, cluster: Data) -> None:
    """Bring the old blocks and the addresses in line."""
    endpoints = cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]
    # The API server of the emulated cluster: see State.api_servers.
    address = call.state.api_server(cluster["location"], cluster["name"])
    public = endpoints["enablePublicEndpoint"]
    private = "10.128.15.210" if public else address
    endpoints.update(privateEndpoint=private, publicEndpoint=address)
    if not public:
        del endpoints["publicEndpoint"]
    cluster["endpoint"] = address
    cluster["masterAuthorizedNetworksConfig"] = dict(endpoints["authorizedNetworksConfig"])
    old: Data = {"privateEndpoint": private, "publicEndpoint": address}
    block = cluster["privateClusterConfig"].get("masterIpv4CidrBlock")
    if block:
        old["masterIpv4CidrBlock"] = block
    if cluster["networkConfig"].get("defaultEnablePrivateNodes"):
        old["enablePrivateNodes"] = True
    if not public:
        old["enablePrivateEndpoint"] = True
    if endpoints.get("globalAccess"):
        old["masterGlobalAccessConfig"] = {"enabled": True}
    if endpoints.get("privateEndpointSubnetwork"):
        old["privateEndpointSubnetwork"] = endpoints["privateEndpointSubnetwork"]
    cluster["privateClusterConfig"] = old
