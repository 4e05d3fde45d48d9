"""Inside an EKS cluster: unmodified boto3 for the account, the official client for the cluster."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.signers import RequestSigner
from kubernetes import client

from sandbox.fixture import Sandbox
from tests.sandbox.aws_support import REGION, Account, refused
from tests.sandbox.kubernetes_support import eventually

_POLICY = "arn:aws:eks::aws:cluster-access-policy/"


class Site:
    """A cluster with nodes, and ways to ask it."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self.account = Account(sandbox)
        ec2 = self.account.client("ec2")
        self.vpc, self.subnets = self.account.network()
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"]
        ec2.create_route(
            RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=self.gateway
        )
        self.cluster = self.account.cluster(
            accessConfig={"authenticationMode": "API"}, resourcesVpcConfig={"subnetIds": self.subnets}
        )
        self.authority = directory / "ca.pem"
        self.authority.write_bytes(base64.b64decode(self.cluster["certificateAuthority"]["data"]))
        eks = self.account.client("eks")
        eks.create_addon(clusterName="demo", addonName="aws-ebs-csi-driver")
        eks.create_nodegroup(
            clusterName="demo",
            nodegroupName="workers",
            subnets=self.subnets,
            nodeRole=self.account.role("nodes", "ec2.amazonaws.com"),
            scalingConfig={"minSize": 1, "maxSize": 4, "desiredSize": 2},
            instanceTypes=["m6i.large"],
            labels={"role": "worker"},
        )

    def token(self, session: boto3.Session | None = None, cluster: str = "demo", sts: str | None = None) -> str:
        """As ``aws eks get-token`` makes it."""
        session = session or self.session()
        sts = sts or self.account.sandbox.url("aws")
        api = session.client("sts", endpoint_url=sts)
        signer = RequestSigner(
            api.meta.service_model.service_id, REGION, "sts", "v4", session.get_credentials(), session.events
        )
        request = {
            "method": "GET",
            "url": f"{sts}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": cluster},
            "context": {},
        }
        url = signer.generate_presigned_url(request, region_name=REGION, expires_in=60, operation_name="")
        return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")

    def session(self, **keys: str) -> boto3.Session:
        """The account's own key, or another one."""
        environment = self.account.sandbox.environment()
        own = {
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.Session(region_name=REGION, **{**own, **keys})

    def role(self, name: str, policy: str, namespaces: tuple[str, ...] = ()) -> boto3.Session:
        """A session of a new role that an access entry with one policy lets in."""
        arn = self.account.role(name, "ec2.amazonaws.com")
        eks = self.account.client("eks")
        eks.create_access_entry(clusterName="demo", principalArn=arn)
        scope = {"type": "namespace", "namespaces": list(namespaces)} if namespaces else {"type": "cluster"}
        eks.associate_access_policy(clusterName="demo", principalArn=arn, policyArn=_POLICY + policy, accessScope=scope)
        return self.assumed(arn)

    def assumed(self, arn: str) -> boto3.Session:
        """A session of a role."""
        given = self.account.client("sts").assume_role(RoleArn=arn, RoleSessionName="somebody")["Credentials"]
        return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION)

    def api(self, token: str | None = None) -> client.ApiClient:
        """The official client."""
        configuration = client.Configuration()
        configuration.host = self.cluster["endpoint"]
        configuration.ssl_ca_cert = str(self.authority)
        configuration.api_key = {"authorization": f"Bearer {token or self.token()}"}
        return client.ApiClient(configuration)

    def core(self, token: str | None = None) -> client.CoreV1Api:
        """Its half for the core group."""
        return client.CoreV1Api(self.api(token))

    def nodes(self) -> list[Any]:
        """Now."""
        return list(self.core().list_node().items)


@pytest.fixture(scope="module")
def site(aws_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One for all tests of this file."""
    return Site(aws_sandbox, tmp_path_factory.mktemp("site"))


def _code(ask: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(client.ApiException) as error:
        ask()
    return error.value.status, str(error.value.reason)


def test_the_creator_is_let_in(site: Site) -> None:
    """By a token of the sandbox's endpoint and by one of AWS's own; each cluster names its version."""
    assert site.core().list_namespace().items
    assert site.core(site.token(sts=f"https://sts.{REGION}.amazonaws.com")).list_namespace().items
    version = client.VersionApi(site.api()).get_code().git_version
    assert version.startswith(f"v{site.cluster['version']}.")
    assert "-eks-" in version
    me = client.AuthenticationV1Api(site.api()).create_self_subject_review({}).status.user_info
    assert me.extra["canonicalArn"] == ["arn:aws:iam::123456789012:user/sandbox"]
    assert me.username == "arn:aws:iam::123456789012:user/sandbox"


def test_tokens_that_are_refused(site: Site) -> None:
    """Of another cluster, signed with another secret, too old, changed, of a host that is not STS."""
    good = site.token()
    with patch("botocore.auth.get_current_datetime", return_value=datetime(2020, 1, 1)):
        old = site.token()
    url = base64.urlsafe_b64decode(good.removeprefix("k8s-aws-v1.") + "==").decode()
    changed = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    bad = {
        "another cluster's": site.token(cluster="other"),
        "another secret's": site.token(site.session(aws_secret_access_key="wrong")),
        "an unknown key's": site.token(site.session(aws_access_key_id="AKIAUNKNOWN000000000")),
        "an old one": old,
        "a changed one": "k8s-aws-v1." + base64.urlsafe_b64encode(changed.encode()).decode().rstrip("="),
        "a padded one": good + "=",
        "one of a stranger": site.token(sts="https://sts.example.org"),
        "no token at all": "nonsense",
    }
    answers = {name: _code(site.core(token).list_namespace) for name, token in bad.items()}
    assert answers == dict.fromkeys(bad, (401, "Unauthorized"))


def test_who_has_no_access_entry_stays_outside(site: Site) -> None:
    """A good identity is not enough; an entry lets it in at once, and its groups meet RBAC."""
    arn = site.account.role("stranger", "ec2.amazonaws.com")
    session = site.assumed(arn)
    assert _code(lambda: site.core(site.token(session)).list_namespace())[0] == 401
    eks = site.account.client("eks")
    eks.create_access_entry(clusterName="demo", principalArn=arn, kubernetesGroups=["viewers"])
    me = client.AuthenticationV1Api(site.api(site.token(session))).create_self_subject_review({}).status.user_info
    assert me.username == "arn:aws:sts::123456789012:assumed-role/stranger/somebody"
    assert set(me.groups) == {"viewers", "system:authenticated"}
    assert _code(lambda: site.core(site.token(session)).list_namespaced_pod("default")) == (403, "Forbidden")
    binding = {
        "metadata": {"name": "viewers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "viewers"}],
    }
    client.RbacAuthorizationV1Api(site.api()).create_cluster_role_binding(binding)
    site.core(site.token(session)).list_namespaced_pod("default")
    eks.delete_access_entry(clusterName="demo", principalArn=arn)
    assert _code(lambda: site.core(site.token(session)).list_namespace())[0] == 401


def test_access_policies(site: Site) -> None:
    """Viewers see and do not write; a policy for some namespaces ends at their borders."""
    viewer = site.core(site.token(site.role("viewer", "AmazonEKSViewPolicy")))
    viewer.list_pod_for_all_namespaces()
    body = {"metadata": {"name": "made"}}
    code = _code(lambda: viewer.create_namespaced_config_map("default", body))
    assert code == (403, "Forbidden")
    assert _code(lambda: viewer.list_namespaced_secret("default"))[0] == 403
    editor = site.core(site.token(site.role("editor", "AmazonEKSEditPolicy", ("team-*",))))
    site.core().create_namespace({"metadata": {"name": "team-a"}})
    editor.create_namespaced_config_map("team-a", body)
    assert _code(lambda: editor.create_namespaced_config_map("default", body))[0] == 403
    admin = site.core(site.token(site.role("boss", "AmazonEKSClusterAdminPolicy")))
    admin.create_namespace({"metadata": {"name": "team-b"}})


def test_nodes_follow_their_group(site: Site) -> None:
    """One per machine, spread over zones; a change of size or of labels is seen, an upgrade replaces them."""
    nodes = site.nodes()
    assert len(nodes) == 2
    labels = nodes[0].metadata.labels
    assert (labels["eks.amazonaws.com/nodegroup"], labels["role"]) == ("workers", "worker")
    assert labels["node.kubernetes.io/instance-type"] == "m6i.large"
    assert {one.metadata.labels["topology.kubernetes.io/zone"] for one in nodes} == {f"{REGION}a", f"{REGION}b"}
    assert nodes[0].spec.provider_id.startswith(f"aws:///{REGION}")
    assert (nodes[0].status.capacity["cpu"], nodes[0].status.capacity["pods"]) == ("2", "29")
    eks = site.account.client("eks")
    names = {"clusterName": "demo", "nodegroupName": "workers"}

    def change(**wanted: Any) -> None:
        eks.update_nodegroup_config(**names, **wanted)
        site.account.wait(lambda: eks.describe_nodegroup(**names)["nodegroup"]["status"] == "ACTIVE")

    change(scalingConfig={"desiredSize": 3}, labels={"addOrUpdateLabels": {"tier": "a"}})
    assert {one.metadata.name for one in nodes} < {one.metadata.name for one in site.nodes()}
    eventually(lambda: [one.metadata.labels.get("tier") for one in site.nodes()] == ["a"] * 3)
    change(scalingConfig={"desiredSize": 1})
    eventually(lambda: len(site.nodes()) == 1)
    change(scalingConfig={"desiredSize": 2})
    before = {one.metadata.name for one in site.nodes()}
    eks.update_nodegroup_version(**names)
    site.account.wait(lambda: eks.describe_nodegroup(**names)["nodegroup"]["status"] == "ACTIVE")
    eventually(lambda: len(site.nodes()) == 2 and not before & {one.metadata.name for one in site.nodes()})
    pods = [one.metadata.name for one in site.core().list_namespaced_pod("kube-system").items]
    assert {name.rsplit("-", 1)[0] for name in pods} >= {"aws-node", "kube-proxy", "ebs-csi-node"}


def _service(name: str, **annotations: str) -> dict[str, Any]:
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    meta = {"name": name, "annotations": {prefix + key: value for key, value in annotations.items()}}
    return {"metadata": meta, "spec": {"type": "LoadBalancer", "selector": {"a": "b"}, "ports": [{"port": 18090}]}}


def _address(site: Site, name: str) -> Any:
    return site.core().read_namespaced_service(name, "default").status.load_balancer.ingress


def test_a_load_balancer_in_the_account(site: Site) -> None:
    """Tagged, with a security group and interfaces, which keep the network from being deleted; then all is gone."""
    site.core().create_namespaced_service("default", _service("web"))
    eventually(lambda: _address(site, "web"))
    elb, ec2 = site.account.client("elb"), site.account.client("ec2")
    made = elb.describe_load_balancers()["LoadBalancerDescriptions"]
    assert [(one["Scheme"], sorted(one["Subnets"])) for one in made] == [("internet-facing", sorted(site.subnets))]
    name = made[0]["LoadBalancerName"]
    tags = elb.describe_tags(LoadBalancerNames=[name])["TagDescriptions"][0]["Tags"]
    assert {one["Key"]: one["Value"] for one in tags} == {
        "kubernetes.io/service-name": "default/web",
        "kubernetes.io/cluster/demo": "owned",
    }
    interfaces = [{"Name": "description", "Values": [f"ELB {name}"]}]
    assert len(ec2.describe_network_interfaces(Filters=interfaces)["NetworkInterfaces"]) == 2
    with pytest.raises(ClientError, match="mapped public address") as error:
        ec2.detach_internet_gateway(InternetGatewayId=site.gateway, VpcId=site.vpc)
    assert refused(error)[0] == "DependencyViolation"
    group = made[0]["SecurityGroups"][0]
    with pytest.raises(ClientError) as error:
        ec2.delete_security_group(GroupId=group)
    assert refused(error)[0] == "DependencyViolation"
    site.core().delete_namespaced_service("web", "default")
    eventually(lambda: not elb.describe_load_balancers()["LoadBalancerDescriptions"])
    assert not ec2.describe_network_interfaces(Filters=interfaces)["NetworkInterfaces"]
    assert group not in [one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]]


def test_a_network_load_balancer(site: Site) -> None:
    """By annotation, and internal."""
    site.core().create_namespaced_service("default", _service("net", type="nlb", internal="true"))
    eventually(lambda: _address(site, "net"))
    elb = site.account.client("elbv2")
    (made,) = elb.describe_load_balancers()["LoadBalancers"]
    assert ":loadbalancer/net/" in made["LoadBalancerArn"]
    tags = elb.describe_tags(ResourceArns=[made["LoadBalancerArn"]])["TagDescriptions"][0]["Tags"]
    assert {"Key": "kubernetes.io/cluster/demo", "Value": "owned"} in tags
    assert (made["Type"], made["Scheme"], made["VpcId"]) == ("network", "internal", site.vpc)
    listeners = elb.describe_listeners(LoadBalancerArn=made["LoadBalancerArn"])["Listeners"]
    assert [(one["Protocol"], one["Port"]) for one in listeners] == [("TCP", 18090)]
    site.core().delete_namespaced_service("net", "default")
    eventually(lambda: not elb.describe_load_balancers()["LoadBalancers"])
    assert not elb.describe_target_groups()["TargetGroups"]


def _claim(site: Site, name: str) -> None:
    claim = {
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "gp2",
            "resources": {"requests": {"storage": "8Gi"}},
        },
    }
    site.core().create_namespaced_persistent_volume_claim("default", claim)
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": name}}
    pod = {"containers": [{"name": "main", "image": "example.org/idle:1"}], "volumes": [volume]}
    site.core().create_namespaced_pod("default", {"metadata": {"name": name}, "spec": pod})


def _volumes(site: Site) -> list[Any]:
    tagged = [{"Name": "tag:ebs.csi.aws.com/cluster", "Values": ["true"]}]
    return list(site.account.client("ec2").describe_volumes(Filters=tagged)["Volumes"])


def test_a_volume_in_the_account(site: Site) -> None:
    """In the zone of the node that wants it; it goes with its claim."""
    _claim(site, "data")
    (made,) = eventually(lambda: _volumes(site))
    tags = {one["Key"]: one["Value"] for one in made["Tags"]}
    assert (made["Size"], made["VolumeType"], tags["kubernetes.io/created-for/pvc/name"]) == (8, "gp2", "data")
    node = site.core().read_namespaced_pod("data", "default").spec.node_name
    zone = site.core().read_node(node).metadata.labels["topology.kubernetes.io/zone"]
    assert made["AvailabilityZone"] == zone
    volume = eventually(lambda: site.core().list_persistent_volume().items)[0]
    assert (volume.spec.csi.driver, volume.spec.csi.volume_handle) == ("ebs.csi.aws.com", made["VolumeId"])
    site.core().delete_namespaced_persistent_volume_claim("data", "default")
    site.core().delete_namespaced_pod("data", "default", grace_period_seconds=0)
    eventually(lambda: not _volumes(site))


def test_requests_are_in_the_log_and_faults_strike(site: Site) -> None:
    """The cluster's traffic is the cloud's traffic."""
    core = site.core()
    site.account.sandbox.fault("aws", operation=r"^kubernetes\.list\.configmaps$", kind="error")
    assert _code(lambda: core.list_namespaced_config_map("default")) == (500, "Internal Server Error")
    core.list_namespaced_config_map("default")
    entries = [one for one in site.account.sandbox.journal("aws") if one["operation"] == "kubernetes.list.configmaps"]
    assert [(one["status"], one["write"]) for one in entries[-2:]] == [(500, False), (200, False)]
    assert [one["seq"] for one in site.account.sandbox.journal("aws")] == list(
        range(1, len(site.account.sandbox.journal("aws")) + 1)
    )


def test_what_a_deleted_cluster_leaves_behind(site: Site) -> None:
    """The account keeps what Kubernetes made in it, and the network cannot be deleted until that is gone."""
    site.core().create_namespaced_service("default", _service("left"))
    eventually(lambda: _address(site, "left"))
    _claim(site, "left")
    eventually(lambda: _volumes(site))
    eks, ec2, elb = (site.account.client(name) for name in ("eks", "ec2", "elb"))
    eks.delete_nodegroup(clusterName="demo", nodegroupName="workers")
    site.account.wait(lambda: not eks.list_nodegroups(clusterName="demo")["nodegroups"])
    eks.delete_cluster(name="demo")
    site.account.wait(lambda: not eks.list_clusters()["clusters"])
    with pytest.raises(Exception, match="refused"):
        site.core().list_namespace(_request_timeout=5)
    owned = [{"Key": "kubernetes.io/cluster/demo", "Values": ["owned"]}]
    listed = site.account.client("resourcegroupstaggingapi").get_resources(TagFilters=owned)["ResourceTagMappingList"]
    kinds = sorted(one["ResourceARN"].split(":")[5].split("/")[0] for one in listed)
    assert kinds == ["loadbalancer", "security-group", "volume"]
    (made,) = elb.describe_load_balancers()["LoadBalancerDescriptions"]
    with pytest.raises(ClientError) as error:
        ec2.delete_subnet(SubnetId=site.subnets[0])
    assert refused(error)[0] == "DependencyViolation"
    elb.delete_load_balancer(LoadBalancerName=made["LoadBalancerName"])
    ec2.delete_security_group(GroupId=made["SecurityGroups"][0])
    for subnet in site.subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.detach_internet_gateway(InternetGatewayId=site.gateway, VpcId=site.vpc)
