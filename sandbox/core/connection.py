"""How clients reach the emulated clouds: fixed identities, environment variables, endpoint overrides."""

from __future__ import annotations

from pathlib import Path

CLOUDS = ("aws", "gcp", "azure")
SCHEMES = {"aws": "http", "gcp": "http", "azure": "https"}
DEFAULT_PORTS = {"aws": 4566, "gcp": 4567, "azure": 4568}

AWS_ACCOUNT = "123456789012"
AWS_ACCESS_KEY = "AKIASANDBOX000000000"
AWS_SECRET_KEY = "sandbox-secret-key"  # noqa: S105  # opens nothing but the emulator
AWS_REGION = "eu-central-1"

GCP_PROJECT = "sandbox-project"
GCP_PROJECT_NUMBER = "100000000001"
GCP_SERVICE_ACCOUNT_FILE = "service-account.json"
GCP_APIS = (
    "artifactregistry",
    "cloudkms",
    "cloudresourcemanager",
    "compute",
    "container",
    "iam",
    "memorystore",
    "monitoring",
    "networkconnectivity",
    "redis",
    "secretmanager",
    "servicenetworking",
    "serviceusage",
    "sqladmin",
    "storage",
)

AZURE_TENANT = "00000000-0000-0000-0000-00000000aaaa"
AZURE_SUBSCRIPTION = "00000000-0000-0000-0000-00000000bbbb"
AZURE_CLIENT = "00000000-0000-0000-0000-00000000cccc"
AZURE_GROUP = "00000000-0000-0000-0000-00000000ffff"  # a security group that the client is a member of
AZURE_SECRET = "sandbox-client-secret"  # noqa: S105  # opens nothing but the emulator


def ca_directory(directory: Path) -> Path:
    """Where the CA of the sandbox in ``directory`` lives."""
    return directory / "ca"


def environment(cloud: str, url: str, directory: Path) -> dict[str, str]:
    """The environment variables with which the vendor's SDK talks to the emulated cloud at ``url``."""
    if cloud == "aws":
        return {
            "AWS_ACCESS_KEY_ID": AWS_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET_KEY,
            "AWS_DEFAULT_REGION": AWS_REGION,
            "AWS_REGION": AWS_REGION,
            "AWS_ENDPOINT_URL": url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    if cloud == "gcp":
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(directory / "gcp" / GCP_SERVICE_ACCOUNT_FILE),
            "GOOGLE_CLOUD_PROJECT": GCP_PROJECT,
            "NO_GCE_CHECK": "true",
        }
    return {
        "AZURE_TENANT_ID": AZURE_TENANT,
        "AZURE_SUBSCRIPTION_ID": AZURE_SUBSCRIPTION,
        "AZURE_CLIENT_ID": AZURE_CLIENT,
        "AZURE_CLIENT_SECRET": AZURE_SECRET,
        "AZURE_AUTHORITY_HOST": url,
        "REQUESTS_CA_BUNDLE": str(ca_directory(directory) / "ca.pem"),
    }


def endpoints(cloud: str, url: str, directory: Path) -> dict[str, str]:
    """Base URLs by the name the vendor gives to the service; ``default`` serves every service without its own."""
    if cloud == "azure":
        return {
            "default": url,
            "resource_manager": url,
            "active_directory": url,
            "ca_bundle": str(ca_directory(directory) / "ca.pem"),
        }
    if cloud == "gcp":
        # Each stands for https://<api>.googleapis.com/; `default` serves every path that one API alone has.
        return {"default": url, **{api: f"{url}/{api}/" for api in GCP_APIS}}
    return {"default": url}
