"""EKS clusters through unmodified boto3."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509

from tests.sandbox.aws_support import Account, refused


def test_life_of_a_cluster(aws: Account) -> None:
    eks, ec2 = aws.client("eks"), aws.client("ec2")
    vpc, subnets = aws.network()
    role = aws.role("control-plane", "eks.amazonaws.com")
    created = eks.create_cluster(
        name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, tags={"team": "ml"}
    )["cluster"]
    assert created["status"] == "CREATING"
    assert "endpoint" not in created
    assert created["certificateAuthority"] == {}
    cluster = eks.describe_cluster(name="demo")["cluster"]
    assert cluster["status"] == "ACTIVE"
    assert cluster["endpoint"].startswith("https://127.0.0.1:")
    assert cluster["identity"]["oidc"]["issuer"].startswith("https://oidc.eks.eu-central-1.amazonaws.com/id/")
    x509.load_pem_x509_certificate(base64.b64decode(cluster["certificateAuthority"]["data"]))
    config = cluster["resourcesVpcConfig"]
    assert config["vpcId"] == vpc
    assert (config["endpointPublicAccess"], config["endpointPrivateAccess"]) == (True, False)
    assert config["publicAccessCidrs"] == ["0.0.0.0/0"]
    assert cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.20.0.0/16"
    assert cluster["accessConfig"] == {"authenticationMode": "CONFIG_MAP"}
    assert cluster["tags"] == {"team": "ml"}
    group = ec2.describe_security_groups(GroupIds=[config["clusterSecurityGroupId"]])["SecurityGroups"][0]
    assert {"Key": "kubernetes.io/cluster/demo", "Value": "owned"} in group["Tags"]
    assert len(ec2.describe_network_interfaces()["NetworkInterfaces"]) == 2

    assert eks.delete_cluster(name="demo")["cluster"]["status"] == "DELETING"
    with pytest.raises(ClientError) as error:
        eks.describe_cluster(name="demo")
    assert refused(error) == ("ResourceNotFoundException", 404)
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    with pytest.raises(ClientError):
        ec2.describe_security_groups(GroupIds=[config["clusterSecurityGroupId"]])


def test_waiters_and_pages(aws: Account) -> None:
    eks = aws.client("eks")
    subnets, role = aws.network()[1], aws.role("control-plane", "eks.amazonaws.com")
    for name in ("a", "b", "c"):
        eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
        eks.get_waiter("cluster_active").wait(name=name, WaiterConfig={"Delay": 0, "MaxAttempts": 20})
    pages = list(eks.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2}))
    assert [page["clusters"] for page in pages] == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"roleArn": "arn:aws:iam::123456789012:role/none"}, "could not be assumed"),
        ({"version": "1.19"}, "unsupported Kubernetes version"),
        ({"version": "1.99"}, "unsupported Kubernetes version"),
        ({"resourcesVpcConfig": {"subnetIds": ["subnet-0123456789abcdef0"]}}, "does not exist"),
        ({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.20.0.0/20"}}, "overlaps"),
        ({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "100.64.0.0/16"}}, "must be within"),
        ({"name": "-bad"}, "pattern"),
        (
            {"encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:x:1:key/1"}}]},
            "is not found",
        ),
    ],
)
def test_refused_creation(aws: Account, change: dict[str, Any], words: str) -> None:
    wanted: dict[str, Any] = {
        "name": "demo",
        "roleArn": aws.role("control-plane", "eks.amazonaws.com"),
        "resourcesVpcConfig": {"subnetIds": aws.network()[1]},
    }
    with pytest.raises(ClientError, match=words) as error:
        aws.client("eks").create_cluster(**{**wanted, **change})
    assert refused(error) == ("InvalidParameterException", 400)
    assert aws.client("eks").list_clusters()["clusters"] == []


def test_subnets_in_one_zone_and_wrong_trust(aws: Account) -> None:
    eks, subnets = aws.client("eks"), aws.network()[1]
    role = aws.role("control-plane", "eks.amazonaws.com")
    with pytest.raises(ClientError, match="two different AZs"):
        eks.create_cluster(name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": subnets[:1]})
    wrong = aws.role("nodes", "ec2.amazonaws.com")
    with pytest.raises(ClientError, match="trusted entity"):
        eks.create_cluster(name="demo", roleArn=wrong, resourcesVpcConfig={"subnetIds": subnets})
    eks.create_cluster(name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    with pytest.raises(ClientError, match="already exists") as error:
        eks.create_cluster(name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    assert refused(error) == ("ResourceInUseException", 409)


def test_a_new_role_takes_time(aws: Account) -> None:
    aws.sandbox.set_profile("realistic", scale=1)
    eks, subnets = aws.client("eks"), aws.network()[1]
    role = aws.role("control-plane", "eks.amazonaws.com")
    with pytest.raises(ClientError, match="could not be assumed"):
        eks.create_cluster(name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    aws.sandbox.advance("aws", 8)
    eks.create_cluster(name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    assert eks.describe_cluster(name="demo")["cluster"]["status"] == "CREATING"
    aws.sandbox.advance("aws", 530)
    assert eks.describe_cluster(name="demo")["cluster"]["status"] == "CREATING"
    aws.sandbox.advance("aws", 20)
    assert eks.describe_cluster(name="demo")["cluster"]["status"] == "ACTIVE"


def test_updates_come_one_at_a_time(aws: Account) -> None:
    eks = aws.client("eks")
    aws.cluster(version="1.33")
    aws.sandbox.set_profile("realistic", scale=1)
    logging = {"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]}
    update = eks.update_cluster_config(name="demo", logging=logging)["update"]
    assert (update["status"], update["type"]) == ("InProgress", "LoggingUpdate")
    assert eks.describe_cluster(name="demo")["cluster"]["status"] == "UPDATING"
    with pytest.raises(ClientError, match=f"currently has update {update['id']} in progress") as error:
        eks.update_cluster_version(name="demo", version="1.34")
    assert refused(error) == ("ResourceInUseException", 409)
    with pytest.raises(ClientError) as error:
        eks.delete_cluster(name="demo")
    assert refused(error) == ("ResourceInUseException", 409)
    eks.tag_resource(resourceArn=eks.describe_cluster(name="demo")["cluster"]["arn"], tags={"a": "b"})
    aws.sandbox.advance("aws", 1000)
    assert eks.describe_update(name="demo", updateId=update["id"])["update"]["status"] == "Successful"
    cluster = eks.describe_cluster(name="demo")["cluster"]
    assert cluster["logging"]["clusterLogging"] == [
        {"types": ["api", "audit"], "enabled": True},
        {"types": ["authenticator", "controllerManager", "scheduler"], "enabled": False},
    ]
    assert (cluster["status"], cluster["tags"]) == ("ACTIVE", {"a": "b"})
    with pytest.raises(ClientError, match="No changes needed"):
        eks.update_cluster_config(name="demo", logging=logging)
    assert eks.list_updates(name="demo")["updateIds"] == [update["id"]]


def test_one_minor_version_at_a_time(aws: Account) -> None:
    eks = aws.client("eks")
    aws.cluster(version="1.33")
    for version in ("1.35", "1.32"):
        with pytest.raises(ClientError, match="minor version update"):
            eks.update_cluster_version(name="demo", version=version)
    eks.update_cluster_version(name="demo", version="1.34")
    assert eks.describe_cluster(name="demo")["cluster"]["version"] == "1.34"


def test_endpoint_access(aws: Account) -> None:
    eks = aws.client("eks")
    aws.cluster()
    config = {"endpointPublicAccess": True, "endpointPrivateAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}
    eks.update_cluster_config(name="demo", resourcesVpcConfig=config)
    now = eks.describe_cluster(name="demo")["cluster"]["resourcesVpcConfig"]
    assert {key: now[key] for key in config} == config
    with pytest.raises(ClientError, match="already at the desired configuration"):
        eks.update_cluster_config(name="demo", resourcesVpcConfig=config)
    with pytest.raises(ClientError, match="cannot both be false"):
        eks.update_cluster_config(
            name="demo", resourcesVpcConfig={"endpointPublicAccess": False, "endpointPrivateAccess": False}
        )
    with pytest.raises(ClientError, match="Only one type of update"):
        eks.update_cluster_config(
            name="demo",
            resourcesVpcConfig={"endpointPrivateAccess": False},
            logging={"clusterLogging": [{"types": ["api"], "enabled": True}]},
        )
    eks.update_cluster_config(name="demo", resourcesVpcConfig={"endpointPublicAccess": False})
    assert eks.describe_cluster(name="demo")["cluster"]["resourcesVpcConfig"]["publicAccessCidrs"] == []


def test_encryption_deletion_protection_and_modes(aws: Account) -> None:
    eks, kms = aws.client("eks"), aws.client("kms")
    aws.cluster(deletionProtection=True)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    wanted = [{"resources": ["secrets"], "provider": {"keyArn": key}}]
    update = eks.associate_encryption_config(clusterName="demo", encryptionConfig=wanted)["update"]
    assert update["params"] == [
        {"type": "EncryptionConfig", "value": f'[{{"resources":["secrets"],"provider":{{"keyArn":"{key}"}}}}]'}
    ]
    assert eks.describe_cluster(name="demo")["cluster"]["encryptionConfig"] == wanted
    with pytest.raises(ClientError, match="already enabled"):
        eks.associate_encryption_config(clusterName="demo", encryptionConfig=wanted)
    with pytest.raises(ClientError, match="protection") as error:
        eks.delete_cluster(name="demo")
    assert refused(error) == ("InvalidRequestException", 400)
    eks.update_cluster_config(name="demo", deletionProtection=False)
    with pytest.raises(ClientError, match="authentication mode update"):
        eks.update_cluster_config(name="demo", accessConfig={"authenticationMode": "API"})
    eks.update_cluster_config(name="demo", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    eks.delete_cluster(name="demo")
    assert eks.list_clusters()["clusters"] == []


def test_injected_failures(aws: Account) -> None:
    eks = aws.client("eks")
    aws.sandbox.fault("aws", kind="fail_operation", operation="eks.CreateCluster", message="no capacity in the zone")
    role, subnets = aws.role("control-plane", "eks.amazonaws.com"), aws.network()[1]
    eks.create_cluster(name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    cluster = eks.describe_cluster(name="demo")["cluster"]
    assert cluster["status"] == "FAILED"
    assert cluster["health"]["issues"][0]["message"] == "no capacity in the zone"
    eks.delete_cluster(name="demo")
    eks.create_cluster(name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, version="1.33")
    assert eks.describe_cluster(name="demo")["cluster"]["status"] == "ACTIVE"
    aws.sandbox.fault("aws", kind="fail_operation", operation="eks.UpdateClusterVersion", message="not today")
    update = eks.update_cluster_version(name="demo", version="1.34")["update"]["id"]
    ended = eks.describe_update(name="demo", updateId=update)["update"]
    assert ended["status"] == "Failed"
    assert ended["errors"][0]["errorMessage"] == "not today"
    assert eks.describe_cluster(name="demo")["cluster"]["version"] == "1.33"


def test_versions(aws: Account) -> None:
    eks = aws.client("eks")
    default = eks.describe_cluster_versions(defaultOnly=True)["clusterVersions"]
    assert len(default) == 1
    assert aws.cluster()["version"] == default[0]["clusterVersion"]
    offered = {
        item["clusterVersion"]: item["versionStatus"] for item in eks.describe_cluster_versions()["clusterVersions"]
    }
    assert "UNSUPPORTED" not in offered.values()
    everything = eks.describe_cluster_versions(includeAll=True)["clusterVersions"]
    assert len(everything) > len(offered)


def test_quota(aws: Account) -> None:
    quotas = aws.client("service-quotas")
    assert quotas.get_service_quota(ServiceCode="eks", QuotaCode="L-1194D53C")["Quota"]["Value"] == 100
    aws.sandbox.set_quotas("aws", {"eks/L-1194D53C": 1})
    assert quotas.get_service_quota(ServiceCode="eks", QuotaCode="L-1194D53C")["Quota"]["Value"] == 1
    aws.cluster()
    with pytest.raises(ClientError) as error:
        aws.client("eks").create_cluster(
            name="second",
            roleArn=aws.role("another", "eks.amazonaws.com"),
            resourcesVpcConfig={"subnetIds": aws.network("10.30.0.0/16")[1]},
        )
    assert refused(error) == ("ResourceLimitExceededException", 400)


def test_what_is_not_emulated_says_so(aws: Account) -> None:
    with pytest.raises(ClientError) as error:
        aws.client("eks").register_cluster(
            name="x", connectorConfig={"roleArn": "arn:aws:iam::123456789012:role/x", "provider": "OTHER"}
        )
    assert refused(error) == ("NotImplemented", 501)
