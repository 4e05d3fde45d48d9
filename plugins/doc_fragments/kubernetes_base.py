# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `kubernetes_base` block: options of the module kubernetes_base."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  kubernetes_base:
    description: What the cluster begins with.
    type: dict
    suboptions:
      namespaces:
        description:
          - The namespaces. The default is C(ml-platform), C(ml-serving), C(monitoring) and C(istio-system).
          - One that is no longer listed stays with what runs in it. Its quota, limits, network policies and bindings
            are removed.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the namespace.
            type: str
            required: true
          pod_security:
            description:
              - The Pod Security level that is enforced, pinned to the cluster's version. V(restricted) is audited and
                warned of in any case.
            type: str
            choices: [privileged, baseline, restricted]
            default: restricted
          labels:
            description: Further labels.
            type: dict
          quota:
            description:
              - Hard limits of its ResourceQuota, such as C(requests.cpu), over those that follow from O(environment).
            type: dict
          limits:
            description: Its LimitRange, for containers that say nothing, and the most that one may ask for.
            type: dict
            suboptions:
              cpu:
                description: CPU limit of a container that has none. The default is the most.
                type: str
              memory:
                description: Memory limit of a container that has none.
                type: str
                default: "512Mi"
              cpu_request:
                description: CPU that a container requests that says nothing.
                type: str
                default: "100m"
              memory_request:
                description: Memory that a container requests that says nothing.
                type: str
                default: "128Mi"
              max_cpu:
                description: CPU at most. The default follows from O(environment).
                type: str
              max_memory:
                description: Memory at most. The default follows from O(environment).
                type: str
          ingress_from:
            description: Other namespaces whose pods may reach this one's. Both ends are opened.
            type: list
            elements: str
            default: []
          internet:
            description:
              - Its pods may open HTTPS connections to the Internet, which the clouds' own services need, tokens on
                Azure included.
            type: bool
            default: true
          sidecars:
            description: The mesh injects its proxies into new pods. Only once there is a mesh.
            type: bool
            default: false
      quotas:
        description: Whether namespaces have a ResourceQuota and a LimitRange. V(false) removes them.
        type: bool
        default: true
      network_policies:
        description: Whether network policies deny what is not needed. V(false) removes them.
        type: bool
        default: true
      network_ranges:
        description:
          - Ranges of the site's own network, where its data stores and its control plane are. Without it those of
            O(network).
        type: list
        elements: str
      data_ports:
        description: Ports of the data stores in them. The default is those of the cloud's services.
        type: list
        elements: int
      groups:
        description:
          - Who has the roles, as groups that the cloud's authentication names. An empty list gives the role to
            nobody.
        type: dict
        suboptions:
          admin:
            description: Everything in the platform's namespaces. The default is C(<platform>-admins).
            type: list
            elements: str
          developer:
            description:
              - Workloads, but no secrets, quotas or policies. In V(prod) no shell in pods. The default is
                C(<platform>-developers).
            type: list
            elements: str
          viewer:
            description: Look, but not at secrets. The default is C(<platform>-viewers).
            type: list
            elements: str
      priority_classes:
        description:
          - The PriorityClasses. The default is C(<platform>-critical), C(<platform>-serving) and C(<platform>-batch).
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the class.
            type: str
            required: true
          value:
            description: How much a pod of it matters. It cannot be changed later.
            type: int
            required: true
          preempts:
            description: Whether others may have to make room for a pod of it.
            type: bool
            default: true
          description:
            description: What it is for.
            type: str
      service_accounts:
        description: ServiceAccounts that several workloads run as.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the account.
            type: str
            required: true
          namespace:
            description: Its namespace, one of O(kubernetes_base.namespaces).
            type: str
            default: ml-serving
          identity:
            description:
              - Who it is in the cloud. On AWS the ARN of a role, on GCP the e-mail address of a service account, on
                Azure the client id of a managed identity. Without it the cloud's side alone says so.
            type: str
      config_map:
        description:
          - Name of the ConfigMap that every namespace has, with what the platform, the environment, the cloud, the
            region and the site are, and with addresses and references of the site's stores.
        type: str
        default: platform
      references:
        description: Further entries of that ConfigMap. Addresses and ids, never secrets.
        type: dict
"""
