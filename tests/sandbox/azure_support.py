"""Clients and ready-made objects for the tests of the Azure emulator."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.loganalytics import LogAnalyticsManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.storage import StorageManagementClient

from sandbox.core.connection import AZURE_CLIENT, AZURE_SECRET, AZURE_SUBSCRIPTION, AZURE_TENANT
from sandbox.fixture import Sandbox

LOCATION = "westeurope"
GROUP = "platform"
API = "2025-03-01"


class Subscription:
    """The sandbox's subscription through Microsoft's own clients, unmodified, and through plain requests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.url = sandbox.url("azure")
        self.ca = str(sandbox.ca_bundle)
        self.id = f"/subscriptions/{AZURE_SUBSCRIPTION}"
        self.group_id = f"{self.id}/resourceGroups/{GROUP}"
        self.credential = self.credential_with(AZURE_SECRET)
        self.resources: ResourceManagementClient = self.client(ResourceManagementClient)
        self.network: NetworkManagementClient = self.client(NetworkManagementClient)
        self.dns: PrivateDnsManagementClient = self.client(PrivateDnsManagementClient)
        self.aks: ContainerServiceClient = self.client(ContainerServiceClient)
        self.storage: StorageManagementClient = self.client(StorageManagementClient)
        self.identities: ManagedServiceIdentityClient = self.client(ManagedServiceIdentityClient)
        self.roles: AuthorizationManagementClient = self.client(AuthorizationManagementClient, api_version="2022-04-01")
        self.compute: ComputeManagementClient = self.client(ComputeManagementClient)
        self.vaults: KeyVaultManagementClient = self.client(KeyVaultManagementClient)
        self.logs: LogAnalyticsManagementClient = self.client(LogAnalyticsManagementClient)

    def credential_with(self, secret: str, client: str = AZURE_CLIENT, tenant: str = AZURE_TENANT) -> Any:
        """A credential as azure-identity makes it for a private cloud."""
        return ClientSecretCredential(
            tenant, client, secret, authority=self.url, disable_instance_discovery=True, connection_verify=self.ca
        )

    def client(self, kind: Any, subscription: str = AZURE_SUBSCRIPTION, credential: Any = None, **more: Any) -> Any:
        """An SDK client of the emulator; it polls without waiting and does not retry."""
        return kind(
            credential or self.credential,
            subscription,
            base_url=self.url,
            credential_scopes=[f"{self.url}/.default"],
            connection_verify=self.ca,
            polling_interval=0,
            retry_total=0,
            **more,
        )

    def make_group(self, name: str = GROUP, location: str = LOCATION, **tags: str) -> Any:
        """A resource group."""
        return self.resources.resource_groups.create_or_update(name, {"location": location, "tags": tags})

    def make_vnet(self, name: str = "net", space: str = "10.1.0.0/16", **subnets: str) -> Any:
        """A virtual network with subnets (name = prefix)."""
        parts = [{"name": key, "properties": {"addressPrefix": value}} for key, value in subnets.items()]
        body = {
            "location": LOCATION,
            "properties": {"addressSpace": {"addressPrefixes": [space]}, "subnets": parts},
        }
        return self.network.virtual_networks.begin_create_or_update(GROUP, name, body).result()

    def make_address(self, name: str = "ip") -> Any:
        """A standard public IP address."""
        body = {
            "location": LOCATION,
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        }
        return self.network.public_ip_addresses.begin_create_or_update(GROUP, name, body).result()

    def make_cluster(self, name: str = "k8s", pool: dict[str, Any] | None = None, **properties: Any) -> Any:
        """A cluster with one system pool."""
        body = cluster_body(pool, **properties)
        return self.aks.managed_clusters.begin_create_or_update(GROUP, name, body).result()

    def send(
        self, method: str, path: str, body: Any = None, version: str | None = API, **headers: str
    ) -> requests.Response:
        """A plain request with a good token; ``version`` None leaves the api-version out."""
        session = requests.Session()
        session.trust_env = False  # a CA bundle of the machine would take the place of the sandbox's
        token = self.credential.get_token(f"{self.url}/.default").token
        return session.request(
            method,
            self.url + path,
            params={"api-version": version} if version else {},
            json=body,
            headers={"Authorization": f"Bearer {token}", **headers},
            verify=self.ca,
            timeout=30,
        )


def cluster_body(pool: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """The body of a small cluster."""
    system = {"name": "system", "mode": "System", "count": 2, "vmSize": "Standard_D2s_v5", **(pool or {})}
    return {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {"dnsPrefix": "test", "agentPoolProfiles": [system], **properties},
    }


def code_of(caught: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int | None, str]:
    """Status and error code of an SDK exception."""
    error = caught.value.error
    return caught.value.status_code, str(error.code) if error is not None else ""
