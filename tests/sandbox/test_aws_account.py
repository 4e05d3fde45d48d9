"""IAM, KMS, logs, STS and the tagging API through unmodified boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws_support import REGION, Account, refused

TAGS = [{"Key": "managed-by", "Value": "platform"}]


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


def test_everything_tagged_is_found_until_it_is_gone(aws: Account) -> None:
    ec2, tagging = aws.client("ec2"), aws.client("resourcegroupstaggingapi")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24", TagSpecifications=tagged("subnet"))["Subnet"]
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    nat = ec2.create_nat_gateway(
        SubnetId=subnet["SubnetId"], AllocationId=address, TagSpecifications=tagged("natgateway")
    )["NatGateway"]["NatGatewayId"]
    group = ec2.create_security_group(
        GroupName="g", Description="g", VpcId=vpc, TagSpecifications=tagged("security-group")
    )["GroupId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", TagSpecifications=tagged("vpc-endpoint")
    )["VpcEndpoint"]["VpcEndpointId"]
    aws.client("s3").create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("s3").put_bucket_tagging(Bucket="data", Tagging={"TagSet": TAGS})
    key = aws.client("kms").create_key(Tags=[{"TagKey": "managed-by", "TagValue": "platform"}])["KeyMetadata"]["Arn"]
    aws.client("logs").create_log_group(logGroupName="/eks/demo", tags={"managed-by": "platform"})
    cluster = aws.cluster(tags={"managed-by": "platform"})["arn"]

    def found() -> set[str]:
        pages = tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": "managed-by", "Values": ["platform"]}], ResourcesPerPage=3
        )
        return {item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]}

    def ec2_arn(kind: str, resource_id: str) -> str:
        return f"arn:aws:ec2:{REGION}:123456789012:{kind}/{resource_id}"

    assert found() == {
        ec2_arn("vpc", vpc),
        ec2_arn("subnet", subnet["SubnetId"]),
        ec2_arn("internet-gateway", gateway["InternetGatewayId"]),
        ec2_arn("route-table", table["RouteTableId"]),
        ec2_arn("elastic-ip", address),
        ec2_arn("natgateway", nat),
        ec2_arn("security-group", group),
        ec2_arn("vpc-endpoint", endpoint),
        "arn:aws:s3:::data",
        key,
        f"arn:aws:logs:{REGION}:123456789012:log-group:/eks/demo",
        cluster,
    }
    assert {
        item["ResourceARN"]
        for item in tagging.get_resources(ResourceTypeFilters=["ec2:subnet", "eks"])["ResourceTagMappingList"]
    } == {ec2_arn("subnet", subnet["SubnetId"]), cluster}

    aws.client("eks").delete_cluster(name="demo")
    aws.client("s3").delete_bucket(Bucket="data")
    aws.client("logs").delete_log_group(logGroupName="/eks/demo")
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    ec2.delete_security_group(GroupId=group)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.delete_route_table(RouteTableId=table["RouteTableId"])
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    ec2.delete_vpc(VpcId=vpc)
    # A key is deleted later, and stays tagged until then.
    assert found() == {key}
    left = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["managed-by"]}])["Tags"]
    assert [tag["ResourceId"] for tag in left] == [nat]


def test_roles_and_their_policies(aws: Account) -> None:
    iam = aws.client("iam")
    aws.role("nodes", "ec2.amazonaws.com")
    for name in ("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"):
        iam.attach_role_policy(RoleName="nodes", PolicyArn=f"arn:aws:iam::aws:policy/{name}")
    attached = iam.list_attached_role_policies(RoleName="nodes")["AttachedPolicies"]
    assert len(attached) == 3
    with pytest.raises(ClientError) as error:
        iam.attach_role_policy(RoleName="nodes", PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
    assert refused(error) == ("NoSuchEntity", 404)
    with pytest.raises(ClientError) as error:
        iam.delete_role(RoleName="nodes")
    assert refused(error) == ("DeleteConflict", 409)
    with pytest.raises(ClientError) as error:
        aws.role("nodes", "ec2.amazonaws.com")
    assert refused(error) == ("EntityAlreadyExists", 409)
    with pytest.raises(ClientError) as error:
        iam.create_role(RoleName="broken", AssumeRolePolicyDocument="{")
    assert refused(error)[0] == "MalformedPolicyDocument"
    iam.tag_role(RoleName="nodes", Tags=TAGS)
    assert iam.list_role_tags(RoleName="nodes")["Tags"] == TAGS


def test_inline_policies(aws: Account) -> None:
    iam = aws.client("iam")
    aws.role("worker", "ec2.amazonaws.com")
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_role_policy(RoleName="worker", PolicyName="logs", PolicyDocument=json.dumps(document))
    assert iam.get_role_policy(RoleName="worker", PolicyName="logs")["PolicyDocument"] == document
    with pytest.raises(ClientError) as error:
        iam.delete_role(RoleName="worker")
    assert refused(error) == ("DeleteConflict", 409)
    iam.delete_role_policy(RoleName="worker", PolicyName="logs")
    iam.delete_role(RoleName="worker")


def test_oidc_providers(aws: Account) -> None:
    iam = aws.client("iam")
    issuer = aws.cluster()["identity"]["oidc"]["issuer"]
    made = iam.create_open_id_connect_provider(
        Url=issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40], Tags=TAGS
    )
    arn = made["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::123456789012:oidc-provider/{issuer.removeprefix('https://')}"
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (provider["ClientIDList"], provider["Tags"]) == (["sts.amazonaws.com"], TAGS)
    with pytest.raises(ClientError) as error:
        iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40])
    assert refused(error) == ("EntityAlreadyExists", 409)
    # The thumbprint is optional: AWS looks it up.
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"])


def test_keys_are_deleted_later(aws: Account) -> None:
    kms = aws.client("kms")
    key = kms.create_key(Description="eks")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/eks", TargetKeyId=key)
    assert kms.describe_key(KeyId="alias/eks")["KeyMetadata"]["KeyId"] == key
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with pytest.raises(ClientError) as error:
        aws.cluster(
            encryptionConfig=[
                {"resources": ["secrets"], "provider": {"keyArn": kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]}}
            ]
        )
    assert refused(error) == ("InvalidParameterException", 400)
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    with pytest.raises(ClientError) as error:
        kms.describe_key(KeyId="alias/none")
    assert refused(error)[0] == "NotFoundException"


def test_log_groups(aws: Account) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/a", tags={"a": "b"})
    logs.put_retention_policy(logGroupName="/a", retentionInDays=30)
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/a")["logGroups"]
    assert group["retentionInDays"] == 30
    assert logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"] == {"a": "b"}
    with pytest.raises(ClientError) as error:
        logs.create_log_group(logGroupName="/a")
    assert refused(error) == ("ResourceAlreadyExistsException", 400)


def test_quotas_are_listed(aws: Account) -> None:
    quotas = aws.client("service-quotas")
    found = {
        (item["ServiceCode"], item["QuotaCode"]): item["Value"]
        for service in ("vpc", "ec2", "eks")
        for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode=service)
        for item in page["Quotas"]
    }
    for key in (
        ("vpc", "L-F678F1CE"),
        ("vpc", "L-FE5A380F"),
        ("ec2", "L-1216C47A"),
        ("ec2", "L-34B43A08"),
        ("ec2", "L-DB2E81BA"),
        ("ec2", "L-3819A6DF"),
        ("ec2", "L-0263D0A3"),
        ("eks", "L-1194D53C"),
    ):
        assert found[key] > 0
    with pytest.raises(ClientError) as error:
        quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")
    assert refused(error) == ("NoSuchResourceException", 400)
