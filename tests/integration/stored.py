"""Every value that stands in the emulated clouds' secret stores, in any version, read through the vendors' SDKs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def passwords(environment: Mapping[str, Any]) -> set[str]:
    """The values of all clouds: bare, and of the JSON objects the passwords."""
    readers: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {"aws": _aws, "gcp": _gcp, "azure": _azure}
    stored = [value for cloud, read in readers.items() for value in read(environment["clouds"][cloud])]
    return {_bare(value) for value in stored}


def _bare(stored: str) -> str:
    try:
        value = json.loads(stored)
    except ValueError:
        return stored
    return str(value["password"]) if isinstance(value, dict) else stored


def _aws(cloud: Mapping[str, Any]) -> Iterator[str]:
    import boto3

    variables = cloud["environment"]
    session = boto3.session.Session(
        variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], region_name=variables["AWS_REGION"]
    )
    secrets = session.client("secretsmanager", endpoint_url=cloud["endpoints"]["default"])
    for page in secrets.get_paginator("list_secrets").paginate():
        for item in page["SecretList"]:
            for version in secrets.list_secret_version_ids(SecretId=item["ARN"])["Versions"]:
                found = secrets.get_secret_value(SecretId=item["ARN"], VersionId=version["VersionId"])
                yield found["SecretString"]


def _gcp(cloud: Mapping[str, Any]) -> Iterator[str]:
    from google.oauth2 import service_account
    from googleapiclient import discovery

    variables = cloud["environment"]
    credentials = service_account.Credentials.from_service_account_file(
        variables["GOOGLE_APPLICATION_CREDENTIALS"], scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )
    client = discovery.build(
        "secretmanager",
        "v1",
        credentials=credentials,
        client_options={"api_endpoint": cloud["endpoints"]["secretmanager"]},
        static_discovery=True,
        cache_discovery=False,
    )
    secrets = client.projects().secrets()
    listed = secrets.list(parent=f"projects/{variables['GOOGLE_CLOUD_PROJECT']}").execute()
    for item in listed.get("secrets", []):
        for version in secrets.versions().list(parent=item["name"]).execute().get("versions", []):
            if version["state"] == "ENABLED":
                payload = secrets.versions().access(name=version["name"]).execute()["payload"]
                yield base64.b64decode(payload["data"]).decode()


def _azure(cloud: Mapping[str, Any]) -> Iterator[str]:
    from azure.identity import ClientSecretCredential
    from azure.keyvault.secrets import SecretClient
    from azure.mgmt.keyvault import KeyVaultManagementClient

    variables, url, ca = cloud["environment"], cloud["url"], cloud["endpoints"]["ca_bundle"]
    credential = ClientSecretCredential(
        variables["AZURE_TENANT_ID"],
        variables["AZURE_CLIENT_ID"],
        variables["AZURE_CLIENT_SECRET"],
        authority=url,
        disable_instance_discovery=True,
        connection_verify=ca,
    )
    vaults = KeyVaultManagementClient(
        credential,
        variables["AZURE_SUBSCRIPTION_ID"],
        base_url=url,
        credential_scopes=[f"{url}/.default"],
        connection_verify=ca,
    )
    for vault in vaults.vaults.list_by_subscription():
        client = SecretClient(
            vault.properties.vault_uri, credential, verify_challenge_resource=False, connection_verify=ca
        )
        for item in client.list_properties_of_secrets():
            for version in client.list_properties_of_secret_versions(item.name or ""):
                if version.enabled:
                    yield client.get_secret(item.name or "", version.version).value or ""
