"""Tokens for EKS: what they hold, and that nobody else can have made them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.credentials import Credentials as Keys
from module_utils._aws.client import Session
from module_utils._aws.cluster_access import ClusterAccess
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import AuthError, Unavailable
from module_utils._spec.site import Credentials, Site

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session/token+=")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def access(cluster: str | None = None, region: str = "eu-central-1", **site: Any) -> ClusterAccess:
    session = Session(Site("aws", region, "ml", "123456789012", **site), SystemClock())
    return ClusterAccess(session, cluster, clock=lambda: 1_000.0)


def decoded(value: str) -> Any:
    head, body = value.split(".", 1)
    assert head == "k8s-aws-v1"
    assert "=" not in body
    return urlsplit(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode())


def signature(url: Any, secret: str, cluster: str) -> str:
    """Signature version 4 of a presigned address, from its description in the AWS General Reference."""
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    query.pop("X-Amz-Signature")
    canonical = "&".join(f"{quote(name, safe='')}={quote(value, safe='-_.~')}" for name, value in sorted(query.items()))
    headers = f"host:{url.netloc}\nx-k8s-aws-id:{cluster}\n"
    empty = hashlib.sha256(b"").hexdigest()
    request = "\n".join(["GET", url.path, canonical, headers, query["X-Amz-SignedHeaders"], empty])
    scope = query["X-Amz-Credential"].split("/", 1)[1]
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, digest])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.usefixtures("made_up")
def test_a_token_is_a_signed_question_to_the_regions_sts_that_names_the_cluster() -> None:
    token = access("prod").token()
    url = decoded(token.value)
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc, url.path) == ("https", "sts.eu-central-1.amazonaws.com", "/")
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert query["X-Amz-Security-Token"] == ["session/token+="]
    assert query["X-Amz-Credential"][0].startswith(f"{KEY}/")
    assert query["X-Amz-Signature"] == [signature(url, SECRET, "prod")]
    assert query["X-Amz-Signature"] != [signature(url, SECRET, "other")]
    assert token.expires == 1_000.0 + 14 * 60
    assert token.value not in repr(token)


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("region", "endpoints", "netloc"),
    [
        ("us-east-1", None, "sts.us-east-1.amazonaws.com"),
        ("cn-north-1", None, "sts.cn-north-1.amazonaws.com.cn"),
        ("eu-central-1", {"sts": "https://vpce-1.sts.example:8443"}, "vpce-1.sts.example:8443"),
        ("eu-central-1", {"default": "http://127.0.0.1:4566/"}, "127.0.0.1:4566"),
    ],
)
def test_where_sts_is(region: str, endpoints: dict[str, str] | None, netloc: str) -> None:
    assert decoded(access(region=region, endpoints=endpoints).token().value).netloc == netloc


@pytest.mark.usefixtures("made_up")
def test_the_token_is_that_of_the_role_which_the_site_assumes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "_assume", lambda *_: Keys("ASIAROLE", "role-secret", "role-token"))
    one = access(credentials=Credentials(role_arn="arn:aws:iam::123456789012:role/deploy"))
    query = parse_qs(decoded(one.token().value).query)
    assert query["X-Amz-Credential"][0].startswith("ASIAROLE/")
    assert query["X-Amz-Security-Token"] == ["role-token"]
    assert one.exec_plugin()["args"][-4:] == [
        "--role-arn",
        "arn:aws:iam::123456789012:role/deploy",
        "--output",
        "json",
    ]


def test_without_credentials_there_is_no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(AuthError, match="credentials"):
        access().token()


@pytest.mark.usefixtures("made_up")
def test_peoples_clients_get_tokens_by_the_aws_cli() -> None:
    site: dict[str, Any] = {"endpoints": {"default": "http://127.0.0.1:1"}, "ca_bundle": "/ca.pem"}
    plugin = access(credentials=Credentials(source="profile", profile="work"), **site).exec_plugin()
    assert plugin["command"] == "aws"
    assert plugin["args"][:6] == ["--region", "eu-central-1", "eks", "get-token", "--cluster-name", "ml-aws-dev"]
    assert {item["name"]: item["value"] for item in plugin["env"]} == {
        "AWS_PROFILE": "work",
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
        "AWS_CA_BUNDLE": "/ca.pem",
    }
    assert SECRET not in str(plugin)


def test_the_endpoint_is_what_eks_says(monkeypatch: pytest.MonkeyPatch) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
    told: dict[str, Any] = {"status": "CREATING"}
    monkeypatch.setattr(Session, "call", lambda self, service, operation, **params: {"cluster": {**told, **params}})
    with pytest.raises(Unavailable, match="CREATING"):
        access().endpoint()
    told |= {"endpoint": "https://A1.eks", "certificateAuthority": {"data": base64.b64encode(pem.encode()).decode()}}
    found = access().endpoint()
    assert (found.cluster, found.server, found.ca) == ("ml-aws-dev", "https://A1.eks", pem)
