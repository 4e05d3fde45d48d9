# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `application` block: options of the module application."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  application:
    description: The services of the site.
    type: dict
    suboptions:
      services:
        description:
          - The services.
          - One that is no longer listed is left alone, O(application.services[].state=absent) removes it.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - Name of the service and of its objects, 1 to 50 lower-case letters, digits and hyphens, beginning with
                a letter.
              - The second Deployment of a canary is called by it with C(-canary).
            type: str
            required: true
          image:
            description:
              - Image of the container. Needed, or O(application.services[].repository) and
                O(application.services[].version), unless O(application.services[].state=absent).
            type: str
          repository:
            description:
              - Instead of O(application.services[].image), one of the site's own repositories
                (O(multicloud.platform.registry#module:registry.repositories)).
            type: str
          version:
            description: Tag of the image in O(application.services[].repository).
            type: str
          state:
            description: V(absent) removes everything that the service is made of.
            type: str
            choices: [present, absent]
            default: present
          namespace:
            description:
              - "Namespace, which must be there: the role P(multicloud.platform.kubernetes_base#role) makes it."
            type: str
            default: ml-serving
          replicas:
            description:
              - How many replicas run. The default follows from O(environment), 1, 2 or 3. Not with
                O(application.services[].autoscaling).
            type: int
          autoscaling:
            description: Replicas follow the load. What the autoscaler decides is then left alone.
            type: dict
            suboptions:
              min:
                description: Replicas at least.
                type: int
                required: true
              max:
                description: Replicas at most.
                type: int
                required: true
              cpu:
                description: Percent of the requested CPU that the replicas are to use on average.
                type: int
              memory:
                description: Percent of the requested memory that the replicas are to use on average.
                type: int
          ports:
            description:
              - Ports that the container listens on. Without it 8080, called V(http).
              - Probes ask the first of them that is TCP.
            type: list
            elements: dict
            suboptions:
              port:
                description: The port, above 1023, because the container is not root.
                type: int
                default: 8080
              name:
                description: Name of the port. Behind one that is called V(http) the protocol is taken to be HTTP.
                type: str
                default: http
              service_port:
                description:
                  - Port under which the Service offers it. The default is O(application.services[].ports[].port).
                type: int
              protocol:
                description: Protocol.
                type: str
                choices: [TCP, UDP]
                default: TCP
          command:
            description: Instead of the image's ENTRYPOINT.
            type: list
            elements: str
          args:
            description: Instead of the image's CMD.
            type: list
            elements: str
          env:
            description:
              - Environment variables.
              - C(PLATFORM), C(ENVIRONMENT), C(CLOUD), C(REGION), C(SITE), C(POD_NAME) and C(POD_NAMESPACE) are always
                there.
            type: dict
          config:
            description:
              - Environment variables that live in a ConfigMap of the service's own. A change is a new version, which
                rolls.
              - The ConfigMap is named after its content and never changes. So a former version that comes back finds
                what it was healthy with.
            type: dict
          config_files:
            description: Files, names to contents, that live in a ConfigMap likewise.
            type: dict
          config_path:
            description: Directory that O(application.services[].config_files) are mounted at.
            type: str
            default: /etc/config
          secrets:
            description: Secrets that exist in the namespace. No value of one is ever read here.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description: Name of the Secret.
                type: str
                required: true
              env:
                description: Environment variables, names to keys of the Secret.
                type: dict
              path:
                description: Mount all keys of the Secret as files in this directory.
                type: str
          secret_references:
            description:
              - Environment variables with ids in the cloud's secret store, which the service reads with its own
                identity.
            type: dict
          platform_config:
            description:
              - Name of a ConfigMap of the namespace whose entries become environment variables, V(platform) for the
                one that M(multicloud.platform.kubernetes_base) makes. It is read when a pod starts.
            type: str
          resources:
            description: What one replica requests and may use at most.
            type: dict
            suboptions:
              cpu:
                description: CPU that is requested.
                type: str
                default: "100m"
              memory:
                description: Memory that is requested.
                type: str
                default: "128Mi"
              cpu_limit:
                description: CPU at most. Without it what the namespace's limits say.
                type: str
              memory_limit:
                description: Memory at most. The default is what is requested.
                type: str
              gpu:
                description: Whole NVIDIA GPUs. With them the taint of GPU pools is tolerated.
                type: int
                default: 0
          health_path:
            description: HTTP path that tells whether the container lives. Without it its port must be open.
            type: str
          ready_path:
            description:
              - HTTP path that tells whether it can answer. The default is O(application.services[].health_path).
            type: str
          startup_seconds:
            description: How long a start may take before the container is started again.
            type: int
            default: 60
          liveness:
            description: How often it is asked whether it lives.
            type: dict
            suboptions:
              period:
                description: Seconds between two questions.
                type: int
              timeout:
                description: Seconds for an answer.
                type: int
              failures:
                description: Failures in a row that count.
                type: int
          readiness:
            description: How often it is asked whether it can answer.
            type: dict
            suboptions:
              period:
                description: Seconds between two questions.
                type: int
              timeout:
                description: Seconds for an answer.
                type: int
              failures:
                description: Failures in a row that count.
                type: int
          service_account:
            description: A ServiceAccount that exists. Without it the service gets one of its own, called like it.
            type: str
          identity:
            description:
              - Who the service's own account is in the cloud. On AWS the ARN of a role, on GCP the e-mail address of
                a service account, on Azure the client id of a managed identity.
              - What the identity may do, and that this account may be it, is said in the cloud.
              - A workload of M(multicloud.platform.workload_identity) needs none.
            type: str
          image_pull_secrets:
            description: Names of Secrets with credentials of registries. The site's own registry needs none.
            type: list
            elements: str
            default: []
          node_pool:
            description: Name of the node pool that it runs on.
            type: str
          tolerations:
            description: Taints of nodes that are tolerated.
            type: list
            elements: dict
            default: []
            suboptions:
              key:
                description: Key of the taint.
                type: str
                required: true
              value:
                description: Value of the taint. Without it any.
                type: str
              effect:
                description: Effect of the taint. Without it any.
                type: str
                choices: [no_schedule, prefer_no_schedule, no_execute]
          spread:
            description: How strictly replicas are spread over zones, and then over nodes.
            type: str
            choices: [preferred, required, none]
            default: preferred
          max_unavailable:
            description:
              - Replicas, as a number or percentage, that may be taken away on purpose at the same time, for example
                when nodes are drained.
            type: str
            default: "1"
          user:
            description: User id of the process. Never root.
            type: int
            default: 10001
          group:
            description: Group id of the process and of what is mounted.
            type: int
            default: 10001
          writable:
            description: Directories that can be written to, and are empty at the start. Everything else is read-only.
            type: list
            elements: str
            default: [/tmp]
          network_policy:
            description:
              - Let only its namespace, O(application.services[].allow_from), the site's network and the control plane
                reach it.
            type: bool
            default: true
          allow_from:
            description: Other namespaces whose pods may reach it.
            type: list
            elements: str
            default: []
          pre_stop_seconds:
            description: How long a replica that is to end still answers, until nobody is led to it any more.
            type: int
            default: 5
          termination_seconds:
            description: How long a replica has to end, O(application.services[].pre_stop_seconds) included.
            type: int
            default: 30
          priority_class:
            description: Name of a PriorityClass.
            type: str
          expose:
            description:
              - V(cluster) is reached inside the cluster alone, V(internal) by a load balancer in the site's network,
                V(public) by one on the Internet.
              - Load balancers are the cloud's own, for TCP.
            type: str
            choices: [cluster, internal, public]
            default: cluster
          allowed_cidrs:
            description: Ranges that the load balancer lets in. Without it everybody who reaches it.
            type: list
            elements: str
          load_balancer_annotations:
            description: Further annotations of the Service, over those that the cloud needs.
            type: dict
          labels:
            description: Further labels of the pods.
            type: dict
          annotations:
            description: Annotations of the pods.
            type: dict
          update:
            description: How a new version takes over.
            type: dict
            suboptions:
              max_surge:
                description: Replicas, as a number or percentage, that there may be more meanwhile.
                type: str
                default: "25%"
              max_unavailable:
                description: Replicas, as a number or percentage, that may be missing meanwhile.
                type: str
                default: "0"
          health_timeout:
            description: Seconds without progress after which a new version has failed.
            type: int
            default: 300
          rollback:
            description:
              - Return to the last healthy version when a new one has failed. The call fails even so, and tells why.
              - There is nothing to return to when no version was ever healthy. The failed one then stays for
                inspection.
            type: bool
            default: true
          canary:
            description:
              - Another image behind the same Service, as a second Deployment.
              - The replicas are divided in the proportion that comes nearest. How near that is stands in RV(outputs).
            type: dict
            suboptions:
              image:
                description: Its image.
                type: str
              version:
                description: Instead of an image, a tag of O(application.services[].repository).
                type: str
              weight:
                description: Percent of the requests that it is to get, 1 to 99.
                type: int
                default: 10
              env:
                description: Environment variables that differ from the service's.
                type: dict
      network_ranges:
        description:
          - Ranges of the site's own network, from which load balancers and the control plane reach pods. Without it
            those of O(network), or all private ranges when that is not described either.
        type: list
        elements: str
"""
