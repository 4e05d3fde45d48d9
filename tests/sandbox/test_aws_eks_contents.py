"""What is inside an EKS cluster, through unmodified boto3: node groups, add-ons, access, pod identities, tags."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws_support import Account, refused


@pytest.fixture
def cluster(aws: Account) -> dict[str, Any]:
    return aws.cluster(accessConfig={"authenticationMode": "API"})


def nodegroup(aws: Account, cluster: dict[str, Any], name: str = "workers", **options: Any) -> dict[str, Any]:
    role = options.pop("nodeRole", None) or aws.role(f"{name}-nodes", "ec2.amazonaws.com")
    subnets = cluster["resourcesVpcConfig"]["subnetIds"]
    made = aws.client("eks").create_nodegroup(
        clusterName="demo", nodegroupName=name, subnets=subnets, nodeRole=role, **options
    )
    described: dict[str, Any] = made["nodegroup"]
    return described


def describe(aws: Account, name: str = "workers") -> dict[str, Any]:
    found: dict[str, Any] = aws.client("eks").describe_nodegroup(clusterName="demo", nodegroupName=name)["nodegroup"]
    return found


def test_life_of_a_node_group(aws: Account, cluster: dict[str, Any]) -> None:
    eks = aws.client("eks")
    created = nodegroup(
        aws,
        cluster,
        scalingConfig={"minSize": 1, "maxSize": 4, "desiredSize": 2},
        instanceTypes=["m6i.large"],
        capacityType="SPOT",
        labels={"role": "worker"},
        taints=[{"key": "dedicated", "value": "ml", "effect": "NO_SCHEDULE"}],
        diskSize=50,
        updateConfig={"maxUnavailablePercentage": 33},
        tags={"team": "ml"},
    )
    assert created["status"] == "CREATING"
    now = describe(aws)
    assert (now["status"], now["health"], now["amiType"]) == ("ACTIVE", {"issues": []}, "AL2023_x86_64_STANDARD")
    assert now["version"] == cluster["version"]
    assert now["taints"] == [{"key": "dedicated", "value": "ml", "effect": "NO_SCHEDULE"}]
    with pytest.raises(ClientError, match="nodegroups attached") as error:
        eks.delete_cluster(name="demo")
    assert refused(error) == ("ResourceInUseException", 409)
    assert eks.delete_nodegroup(clusterName="demo", nodegroupName="workers")["nodegroup"]["status"] == "DELETING"
    with pytest.raises(ClientError) as error:
        describe(aws)
    assert refused(error) == ("ResourceNotFoundException", 404)
    eks.delete_cluster(name="demo")
    assert eks.list_clusters()["clusters"] == []
    assert aws.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def test_what_is_left_out_of_an_update_stays(aws: Account, cluster: dict[str, Any]) -> None:
    eks = aws.client("eks")
    nodegroup(aws, cluster, scalingConfig={"minSize": 1, "maxSize": 4, "desiredSize": 3}, labels={"a": "1", "b": "2"})
    names = {"clusterName": "demo", "nodegroupName": "workers"}
    eks.update_nodegroup_config(**names, labels={"addOrUpdateLabels": {"c": "3"}, "removeLabels": ["a"]})
    assert describe(aws)["labels"] == {"b": "2", "c": "3"}
    assert describe(aws)["scalingConfig"] == {"minSize": 1, "maxSize": 4, "desiredSize": 3}
    eks.update_nodegroup_config(**names, scalingConfig={"maxSize": 6})
    assert describe(aws)["scalingConfig"] == {"minSize": 1, "maxSize": 6, "desiredSize": 3}
    taint = {"key": "gpu", "value": "true", "effect": "NO_EXECUTE"}
    eks.update_nodegroup_config(**names, taints={"addOrUpdateTaints": [taint]})
    assert describe(aws)["taints"] == [taint]
    eks.update_nodegroup_config(**names, taints={"removeTaints": [taint]}, nodeRepairConfig={"enabled": True})
    assert (describe(aws)["taints"], describe(aws)["nodeRepairConfig"]) == ([], {"enabled": True})
    with pytest.raises(ClientError, match="can't be greater"):
        eks.update_nodegroup_config(**names, scalingConfig={"minSize": 9})


def test_node_group_updates_come_one_at_a_time(aws: Account) -> None:
    cluster = aws.cluster(version="1.33")
    eks = aws.client("eks")
    nodegroup(aws, cluster)
    names = {"clusterName": "demo", "nodegroupName": "workers"}
    assert describe(aws)["status"] == "ACTIVE"
    with pytest.raises(ClientError, match="doesn't match cluster version"):
        eks.update_nodegroup_version(**names, version="1.34")
    eks.update_cluster_version(name="demo", version="1.34")
    aws.sandbox.set_profile("realistic", scale=1)
    update = eks.update_nodegroup_version(**names)["update"]
    assert update["type"] == "VersionUpdate"
    assert describe(aws)["status"] == "UPDATING"
    with pytest.raises(ClientError, match="not in Active State") as error:
        eks.update_nodegroup_config(**names, scalingConfig={"maxSize": 3})
    assert refused(error) == ("ResourceInUseException", 409)
    aws.sandbox.advance("aws", 400)
    assert describe(aws)["version"] == "1.34"
    done = eks.describe_update(name="demo", nodegroupName="workers", updateId=update["id"])["update"]
    assert done["status"] == "Successful"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"instanceTypes": ["t9.huge"]}, "do not exist"),
        ({"instanceTypes": ["t4g.medium"], "amiType": "AL2023_x86_64_STANDARD"}, "not a valid instance type"),
        ({"amiType": "AL2_x86_64"}, "only supported"),
        ({"scalingConfig": {"minSize": 3, "maxSize": 2, "desiredSize": 2}}, "can't be greater"),
        ({"nodeRole": "arn:aws:iam::123456789012:role/none"}, "could not be assumed"),
        ({"capacityType": "CHEAP"}, "must be one of"),
        ({"launchTemplate": {"name": "none"}}, "does not exist"),
    ],
)
def test_refused_node_groups(aws: Account, cluster: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as error:
        nodegroup(aws, cluster, **options)
    assert refused(error) == ("InvalidParameterException", 400)


def test_gpu_and_launch_template(aws: Account, cluster: dict[str, Any]) -> None:
    nodegroup(aws, cluster, "gpu", instanceTypes=["g4dn.xlarge"])
    assert describe(aws, "gpu")["amiType"] == "AL2023_x86_64_NVIDIA"
    template = aws.client("ec2").create_launch_template(
        LaunchTemplateName="nodes", LaunchTemplateData={"InstanceType": "m6i.large"}
    )["LaunchTemplate"]
    nodegroup(aws, cluster, "templated", launchTemplate={"name": "nodes"})
    made = describe(aws, "templated")
    assert made["launchTemplate"] == {"name": "nodes", "id": template["LaunchTemplateId"], "version": "1"}
    assert "diskSize" not in made


def test_nodes_that_cannot_be_had(aws: Account, cluster: dict[str, Any]) -> None:
    aws.sandbox.set_quotas("aws", {"ec2/L-1216C47A": 4})
    nodegroup(aws, cluster, instanceTypes=["m6i.xlarge"], scalingConfig={"minSize": 2, "maxSize": 2, "desiredSize": 2})
    failed = describe(aws)
    assert failed["status"] == "CREATE_FAILED"
    assert "VcpuLimitExceeded" in failed["health"]["issues"][0]["message"]
    aws.sandbox.fault("aws", kind="fail_operation", operation="eks.CreateNodegroup", code="NodeCreationFailure")
    nodegroup(aws, cluster, "second")
    assert describe(aws, "second")["health"]["issues"][0]["code"] == "NodeCreationFailure"


def test_nodes_need_a_network_plugin(aws: Account) -> None:
    cluster = aws.cluster(bootstrapSelfManagedAddons=False)
    nodegroup(aws, cluster)
    assert describe(aws)["status"] == "CREATING"
    aws.client("eks").create_addon(clusterName="demo", addonName="vpc-cni")
    aws.wait(lambda: describe(aws)["status"] == "ACTIVE")
    aws.client("eks").delete_addon(clusterName="demo", addonName="vpc-cni")
    nodegroup(aws, cluster, "second")
    aws.sandbox.advance("aws", 10)
    assert describe(aws, "second")["status"] == "CREATE_FAILED"


def test_add_ons(aws: Account, cluster: dict[str, Any]) -> None:
    eks = aws.client("eks")
    offers = eks.describe_addon_versions(addonName="coredns", kubernetesVersion=cluster["version"])["addons"]
    versions = offers[0]["addonVersions"]
    default = [item["addonVersion"] for item in versions if item["compatibilities"][0]["defaultVersion"]]
    assert len(versions) > 1
    assert len(default) == 1
    made = eks.create_addon(clusterName="demo", addonName="coredns", addonVersion=versions[-1]["addonVersion"])["addon"]
    assert made["status"] == "CREATING"

    def now() -> dict[str, Any]:
        found: dict[str, Any] = eks.describe_addon(clusterName="demo", addonName="coredns")["addon"]
        return found

    assert now()["status"] == "DEGRADED"
    assert now()["health"]["issues"][0]["code"] == "InsufficientNumberOfReplicas"
    nodegroup(aws, cluster)
    assert now()["status"] == "ACTIVE"
    with pytest.raises(ClientError, match="already exists") as error:
        eks.create_addon(clusterName="demo", addonName="coredns")
    assert refused(error) == ("ResourceInUseException", 409)
    update = eks.update_addon(
        clusterName="demo", addonName="coredns", addonVersion=default[0], configurationValues='{"replicaCount":3}'
    )["update"]
    assert update["type"] == "AddonUpdate"
    assert (now()["addonVersion"], now()["configurationValues"]) == (default[0], '{"replicaCount":3}')
    assert eks.list_addons(clusterName="demo")["addons"] == ["coredns"]
    eks.delete_addon(clusterName="demo", addonName="coredns")
    with pytest.raises(ClientError) as error:
        now()
    assert refused(error) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"addonName": "unheard-of"}, "not supported"),
        ({"addonVersion": "v0.0.1-eksbuild.1"}, "Addon version specified is not supported"),
        ({"configurationValues": '{"colour":"blue"}'}, "not defined in the schema"),
        ({"configurationValues": '{"replicaCount":"three"}'}, "integer expected"),
        ({"configurationValues": "{"}, "could not be parsed"),
        ({"serviceAccountRoleArn": "arn:aws:iam::123456789012:role/none"}, "does not exist"),
    ],
)
def test_refused_add_ons(aws: Account, cluster: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as error:
        aws.client("eks").create_addon(**{"clusterName": "demo", "addonName": "coredns", **options})
    assert refused(error) == ("InvalidParameterException", 400)


def test_busy_add_on(aws: Account, cluster: dict[str, Any]) -> None:
    eks = aws.client("eks")
    aws.sandbox.set_profile("realistic", scale=1)
    eks.create_addon(clusterName="demo", addonName="vpc-cni")
    for action in (eks.update_addon, eks.delete_addon):
        with pytest.raises(ClientError) as error:
            action(clusterName="demo", addonName="vpc-cni")
        assert refused(error) == ("ResourceInUseException", 409)


def test_access_entries(aws: Account, cluster: dict[str, Any]) -> None:
    eks = aws.client("eks")
    creator = aws.client("sts").get_caller_identity()["Arn"]
    assert eks.list_access_entries(clusterName="demo")["accessEntries"] == [creator]
    role = aws.role("operators", "ec2.amazonaws.com")
    entry = eks.create_access_entry(clusterName="demo", principalArn=role, kubernetesGroups=["operators"])[
        "accessEntry"
    ]
    assert (entry["type"], entry["kubernetesGroups"]) == ("STANDARD", ["operators"])
    assert entry["username"] == "arn:aws:sts::123456789012:assumed-role/operators/{{SessionName}}"
    with pytest.raises(ClientError, match="already in use"):
        eks.create_access_entry(clusterName="demo", principalArn=role)
    with pytest.raises(ClientError, match="invalid principal"):
        eks.create_access_entry(clusterName="demo", principalArn="arn:aws:iam::123456789012:role/none")
    names = {"clusterName": "demo", "principalArn": role}
    view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    eks.associate_access_policy(**names, policyArn=view, accessScope={"type": "namespace", "namespaces": ["ml"]})
    associated = eks.list_associated_access_policies(**names)["associatedAccessPolicies"]
    assert [(item["policyArn"], item["accessScope"]) for item in associated] == [
        (view, {"type": "namespace", "namespaces": ["ml"]})
    ]
    assert eks.list_access_entries(clusterName="demo", associatedPolicyArn=view)["accessEntries"] == [role]
    with pytest.raises(ClientError, match="Namespaces are required"):
        eks.associate_access_policy(**names, policyArn=view, accessScope={"type": "namespace"})
    eks.disassociate_access_policy(**names, policyArn=view)
    assert eks.list_associated_access_policies(**names)["associatedAccessPolicies"] == []
    eks.update_access_entry(**names, kubernetesGroups=[])
    assert eks.describe_access_entry(**names)["accessEntry"]["kubernetesGroups"] == []
    eks.delete_access_entry(**names)
    with pytest.raises(ClientError) as error:
        eks.describe_access_entry(**names)
    assert refused(error) == ("ResourceNotFoundException", 404)


def test_access_entries_of_node_roles(aws: Account, cluster: dict[str, Any]) -> None:
    made = nodegroup(aws, cluster)
    entry = aws.client("eks").describe_access_entry(clusterName="demo", principalArn=made["nodeRole"])["accessEntry"]
    assert (entry["type"], entry["kubernetesGroups"]) == ("EC2_LINUX", ["system:nodes"])


def test_access_entries_need_the_mode(aws: Account) -> None:
    aws.cluster()
    with pytest.raises(ClientError, match="authentication mode") as error:
        aws.client("eks").list_access_entries(clusterName="demo")
    assert refused(error) == ("InvalidRequestException", 400)


def test_pod_identities(aws: Account, cluster: dict[str, Any]) -> None:
    eks = aws.client("eks")
    role = aws.role("pods", "pods.eks.amazonaws.com")
    names = {"clusterName": "demo", "namespace": "ml", "serviceAccount": "trainer"}
    with pytest.raises(ClientError, match="trusted entity"):
        eks.create_pod_identity_association(**names, roleArn=aws.role("wrong", "ec2.amazonaws.com"))
    made = eks.create_pod_identity_association(**names, roleArn=role, tags={"a": "b"})["association"]
    with pytest.raises(ClientError, match=made["associationId"]) as error:
        eks.create_pod_identity_association(**names, roleArn=role)
    assert refused(error) == ("ResourceInUseException", 409)
    listed = eks.list_pod_identity_associations(clusterName="demo", namespace="ml")["associations"]
    assert [item["associationId"] for item in listed] == [made["associationId"]]
    other = aws.role("pods2", "pods.eks.amazonaws.com")
    wanted = {"clusterName": "demo", "associationId": made["associationId"]}
    eks.update_pod_identity_association(**wanted, roleArn=other)
    assert eks.describe_pod_identity_association(**wanted)["association"]["roleArn"] == other
    eks.delete_pod_identity_association(**wanted)
    assert eks.list_pod_identity_associations(clusterName="demo")["associations"] == []


def test_pod_identities_of_add_ons(aws: Account, cluster: dict[str, Any]) -> None:
    eks = aws.client("eks")
    role = aws.role("csi", "pods.eks.amazonaws.com")
    account = "ebs-csi-controller-sa"
    assert eks.describe_addon_configuration(addonName="aws-ebs-csi-driver", addonVersion="v1.56.0-eksbuild.1")[
        "podIdentityConfiguration"
    ] == [
        {
            "serviceAccount": account,
            "recommendedManagedPolicies": ["arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"],
        }
    ]
    addon = eks.create_addon(
        clusterName="demo",
        addonName="aws-ebs-csi-driver",
        podIdentityAssociations=[{"serviceAccount": account, "roleArn": role}],
    )["addon"]
    listed = eks.list_pod_identity_associations(clusterName="demo")["associations"]
    assert [item["associationArn"] for item in listed] == addon["podIdentityAssociations"]
    assert listed[0]["ownerArn"] == addon["addonArn"]
    with pytest.raises(ClientError, match="owned by"):
        eks.delete_pod_identity_association(clusterName="demo", associationId=listed[0]["associationId"])
    assert eks.describe_addon(clusterName="demo", addonName="aws-ebs-csi-driver")["addon"]["status"] == "DEGRADED"
    eks.delete_addon(clusterName="demo", addonName="aws-ebs-csi-driver")
    assert eks.list_pod_identity_associations(clusterName="demo")["associations"] == []


def test_tags_of_everything(aws: Account, cluster: dict[str, Any]) -> None:
    eks = aws.client("eks")
    arns = [
        cluster["arn"],
        nodegroup(aws, cluster)["nodegroupArn"],
        eks.create_addon(clusterName="demo", addonName="vpc-cni")["addon"]["addonArn"],
    ]
    for arn in arns:
        eks.tag_resource(resourceArn=arn, tags={"owner": "ml", "stage": "dev"})
        eks.untag_resource(resourceArn=arn, tagKeys=["stage"])
        assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"owner": "ml"}
