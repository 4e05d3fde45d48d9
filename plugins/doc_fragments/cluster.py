# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `cluster` block: options of the modules site, site_info and cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  cluster:
    description: The site's Kubernetes cluster (EKS, GKE or AKS). Nodes are always private.
    type: dict
    suboptions:
      version:
        description:
          - Kubernetes version, for example V("1.34"), quoted.
          - Without it the cloud's default, chosen at creation.
        type: str
      size:
        description:
          - Size of the node pools that do not say otherwise.
          - V(small) is 2 to 5 nodes of class V(medium), V(medium) is 3 to 10 of class V(large), and V(large) is 5 to 20
            of class V(xlarge).
        type: str
        choices: [small, medium, large]
        default: small
      node_pools:
        description: The node pools. Without it one pool named C(general), of O(cluster.size).
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the pool.
            type: str
            required: true
          state:
            description: V(absent) deletes the pool.
            type: str
            choices: [present, absent]
            default: present
          size:
            description:
              - Class of machine. V(medium) has 2 vCPUs and 4 GiB, V(large) 2 and 8, V(xlarge) 4 and 16.
              - The default comes from O(cluster.size).
            type: str
            choices: [medium, large, xlarge]
          machine_types:
            description: The cloud's own machine types, instead of a class. Several only on AWS.
            type: list
            elements: str
          autoscaling:
            description:
              - Let the cluster autoscaler decide the number of nodes. O(cluster.node_pools[].node_count) then counts at
                creation only.
            type: bool
            default: true
          min_size:
            description: Fewest nodes. The default comes from O(cluster.size); 0 for GPU pools.
            type: int
          max_size:
            description: Most nodes. The default comes from O(cluster.size); 3 for GPU pools.
            type: int
          node_count:
            description: Number of nodes. The default is the fewest.
            type: int
          labels:
            description: Kubernetes labels of the nodes, beside C(workload), which is V(gpu) or the pool's name.
            type: dict
          taints:
            description: Keep pods without a matching toleration away.
            type: list
            elements: dict
            suboptions:
              key:
                description: Key of the taint.
                type: str
                required: true
              value:
                description: Value of the taint.
                type: str
              effect:
                description: What happens to pods that do not tolerate it.
                type: str
                choices: [no_schedule, prefer_no_schedule, no_execute]
                default: no_schedule
          spot:
            description:
              - Use spare capacity, which is cheap and may be taken away. The default is V(true) in dev.
              - Not for pools that carry AKS's own pods. AKS taints spot pools with
                C(kubernetes.azure.com/scalesetpriority).
            type: bool
          gpu:
            description: Nodes with NVIDIA GPUs (T4 by default), tainted C(nvidia.com/gpu).
            type: bool
            default: false
          gpu_count:
            description: Number of GPUs per node. On Azure the machine type decides.
            type: int
            default: 1
          disk_size_gb:
            description: Size of a node's disk, at least 20. The default is 100.
            type: int
          max_surge:
            description: How many nodes may be added while nodes are replaced. Not for spot pools on Azure.
            type: int
          max_unavailable:
            description:
              - How many nodes may be missing while nodes are replaced.
              - On Azure not together with O(cluster.node_pools[].max_surge), and not for pools of mode V(System).
            type: int
          zones:
            description: Zones of the pool, instead of all of the site's.
            type: list
            elements: str
          aws:
            description: What is not portable, read for sites on AWS only.
            type: dict
            suboptions:
              ami_type:
                description: Node image family, for example V(AL2023_x86_64_STANDARD).
                type: str
              subnet_ids:
                description: Subnets of the pool, instead of the network's private ones.
                type: list
                elements: str
          gcp:
            description: What is not portable, read for sites on GCP only.
            type: dict
            suboptions:
              disk_type:
                description: For example V(pd-balanced).
                type: str
              image_type:
                description: For example V(COS_CONTAINERD).
                type: str
              accelerator:
                description: Type of GPU, instead of V(nvidia-tesla-t4).
                type: str
              service_account:
                description: E-mail of the service account of the nodes, instead of one made for them.
                type: str
          azure:
            description: What is not portable, read for sites on Azure only.
            type: dict
            suboptions:
              os_sku:
                description: For example V(AzureLinux).
                type: str
              mode:
                description:
                  - V(System) pools carry AKS's own pods, and can be neither spot nor tainted.
                  - Where no pool is V(System), the first that can be is.
                type: str
                choices: [System, User]
              max_pods:
                description: Most pods per node.
                type: int
      gpu:
        description: Add a pool named C(gpu) unless one of O(cluster.node_pools) has GPUs.
        type: bool
        default: false
      endpoint:
        description: V(public) is reachable from O(cluster.allowed_cidrs), V(private) from the network only.
        type: str
        choices: [public, private]
        default: public
      allowed_cidrs:
        description: Ranges that may reach the public endpoint. Needed for O(cluster.endpoint=public).
        type: list
        elements: str
      network_policy:
        description: Enforce Kubernetes network policies.
        type: bool
        default: true
      workload_identity:
        description: Let pods act with an identity of their own in the cloud.
        type: bool
        default: true
      access:
        description: Who may do what in the cluster.
        type: list
        elements: dict
        suboptions:
          principal:
            description:
              - ARN of an IAM role or user, e-mail of a Google account, or object id in Entra.
              - On GCP write C(group:team@example.com) for a group. A principal that is no longer listed keeps its role
                there, because nothing in the project tells who granted it.
              - On Azure a principal that is no longer listed loses what this collection granted it.
            type: str
            required: true
          role:
            description:
              - What it may do.
              - On GCP these are the IAM roles C(roles/container.admin), C(roles/container.developer) and
                C(roles/container.viewer) on the project.
            type: str
            choices: [admin, edit, view]
            default: view
      control_plane_logs:
        description:
          - The control plane's logs to keep. V([]) keeps none.
          - The default is V(audit) in dev, V(api), V(audit) and V(authenticator) in staging, and all in prod.
          - On GCP audit and authentication events are always in Cloud Audit Logs, and the logs of nodes and workloads
            are kept whatever is said here.
        type: list
        elements: str
        choices: [api, audit, authenticator, controller_manager, scheduler]
      log_retention_days:
        description:
          - How long these logs are kept. The default is 7 in dev, 30 in staging and 90 in prod.
          - Not on GCP, where the project's log buckets decide. On Azure 30 to 730, and 30 in dev.
        type: int
      secrets_encryption:
        description: Encrypt Kubernetes secrets with a key of your own. The default is V(false) in dev.
        type: bool
      encryption_key:
        description:
          - ARN, name or id of the key for O(cluster.secrets_encryption). Without it a key is made.
          - On Azure the id of the key in the form C(/subscriptions/.../vaults/NAME/keys/KEY).
        type: str
      upgrade_channel:
        description:
          - How soon the cloud upgrades the cluster by itself.
          - On Azure V(regular) is AKS's channel C(stable) (the newest patch of the minor version before the newest),
            and V(stable) is C(patch) (new patches of the minor version that runs).
        type: str
        choices: [none, rapid, regular, stable]
      maintenance_window:
        description: When the cloud may touch the cluster.
        type: dict
        suboptions:
          start_time:
            description: Beginning as V(HH:MM), in UTC.
            type: str
            required: true
          days:
            description: Days of the week. Without it every day. On Azure one day, or every day.
            type: list
            elements: str
            choices: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]
          duration_hours:
            description: Length of the window. On Azure 4 to 24.
            type: int
            default: 4
      deletion_protection:
        description:
          - Refuse to delete the cluster. The default is V(true) in prod.
          - GKE has no such switch; there it is a label of the cluster, C(deletion-protection), which this collection
            honours and other tools do not.
          - On Azure it is a resource lock on the cluster, which nobody gets past. It is lifted for the moment in
            which a node pool is removed on purpose.
        type: bool
      aws:
        description: What is not portable, read for sites on AWS only.
        type: dict
        suboptions:
          addons:
            description:
              - EKS add-ons, instead of vpc-cni, coredns, kube-proxy, aws-ebs-csi-driver and eks-pod-identity-agent.
            type: list
            elements: dict
            suboptions:
              name:
                description: Name of the add-on.
                type: str
                required: true
              version:
                description: Version. Without it the newest default that fits the cluster.
                type: str
              configuration:
                description: Configuration as JSON or YAML text.
                type: str
              state:
                description: V(absent) deletes the add-on.
                type: str
                choices: [present, absent]
                default: present
          role_arn:
            description: An IAM role of yours for the control plane, instead of one made for it.
            type: str
          node_role_arn:
            description: An IAM role of yours for the nodes, instead of one made for them.
            type: str
          support_type:
            description: Whether AWS keeps the version alive for extra money after its standard support, or upgrades it.
            type: str
            choices: [STANDARD, EXTENDED]
          load_balancer_controller:
            description:
              - Make the IAM role that the AWS load balancer controller needs.
              - Without it as O(cluster.workload_identity) says.
            type: bool
          cluster_autoscaler:
            description:
              - Make the IAM role that the cluster autoscaler needs.
              - Without it as O(cluster.workload_identity) says.
            type: bool
      gcp:
        description: What is not portable, read for sites on GCP only.
        type: dict
        suboptions:
          dataplane_v2:
            description: Use GKE Dataplane V2. Decided at creation.
            type: bool
            default: true
          managed_prometheus:
            description: Use Google's managed collection of metrics.
            type: bool
            default: true
          filestore_csi:
            description: Add the Filestore CSI driver.
            type: bool
            default: false
          node_locations:
            description: Zones of the nodes, instead of those that GKE chooses.
            type: list
            elements: str
          control_plane_global_access:
            description: Let other regions reach a private endpoint.
            type: bool
          node_auto_provisioning:
            description: GKE's C(autoscaling) block, in the form of its API, to let it make node pools by itself.
            type: dict
          security_group:
            description:
              - Name of the Google group C(gke-security-groups) of your domain, whose member groups RBAC bindings may
                name.
            type: str
      azure:
        description: What is not portable, read for sites on Azure only.
        type: dict
        suboptions:
          admin_group_ids:
            description: Entra groups whose members are cluster administrators.
            type: list
            elements: str
          local_accounts:
            description: Allow accounts beside Entra.
            type: bool
            default: false
          network_policy:
            description: What enforces network policies.
            type: str
            choices: [cilium, calico, azure]
            default: cilium
          outbound_type:
            description: The way out for nodes. Without it the network's NAT gateway where there is one.
            type: str
            choices: [userAssignedNATGateway, loadBalancer]
          sku_tier:
            description:
              - V(Standard) and V(Premium) control planes have an uptime SLA and cost extra.
              - Without it V(Free) in O(environment=dev), else V(Standard).
            type: str
            choices: [Free, Standard, Premium]
          azure_policy:
            description: Switch the Azure Policy add-on on or off.
            type: bool
          auto_scaler_profile:
            description: Settings of the cluster autoscaler, in the form of AKS's C(autoScalerProfile).
            type: dict
"""
