#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Prove that a site's cluster and its applications are as they should be
version_added: 0.1.0
description:
  - Looks whether nodes and workloads are ready, whether network policies deny by default, whether applications have
    autoscalers and disruption budgets, and whether they answer rightly and fast enough.
  - What is to be true is stated by the options. Every check is carried out, whatever others find. The module fails
    after the last of them when one has failed.
  - The cluster is reached by the cloud's own short-lived token, which is made in this process and written nowhere.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
options:
  nodes:
    description: The cluster's nodes. Every node that is not being drained has to be ready.
    type: dict
    suboptions:
      ready:
        description: How many are ready at least.
        type: int
        default: 1
      zones:
        description: In how many zones there are ready nodes at least.
        type: int
        default: 1
      pools:
        description: Node pools.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the pool.
            type: str
            required: true
          ready:
            description: How many of its nodes are ready at least.
            type: int
            default: 1
  namespaces:
    description: Namespaces that have to be there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the namespace.
        type: str
        required: true
      default_deny:
        description: Directions in which a network policy has to deny what no other allows.
        type: list
        elements: str
        choices: [ingress, egress]
        default: [ingress, egress]
      network_policies:
        description: Names of network policies that have to be there.
        type: list
        elements: str
        default: []
      workloads:
        description: Whether every Deployment, StatefulSet and DaemonSet in it has to be ready.
        type: bool
        default: true
  applications:
    description: Applications of the cluster, what they need, and what they answer.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the workload.
        type: str
        required: true
      namespace:
        description: The namespace that it is in.
        type: str
        required: true
      kind:
        description: Kind of the workload.
        type: str
        choices: [Deployment, StatefulSet, DaemonSet]
        default: Deployment
      autoscaler:
        description: Whether there has to be a HorizontalPodAutoscaler of this workload.
        type: bool
        default: true
      disruption_budget:
        description: Whether there has to be a PodDisruptionBudget that selects its pods.
        type: bool
        default: true
      service:
        description: Name of its Service. The default is the application's name.
        type: str
      port:
        description: Name or number of the Service's port.
        type: str
        default: http
      scheme:
        description: What the Service speaks.
        type: str
        choices: [http, https]
        default: http
      through:
        description:
          - How requests reach it.
          - V(proxy) is the API server's service proxy, which needs no address of the application's own.
          - V(address) is the address of its load balancer, which must be reachable from where the module runs.
          - V(auto) is that address when there is one, else the proxy.
        type: str
        choices: [auto, proxy, address]
        default: auto
      requests:
        description: Requests and their right answers.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: What the request is called in results.
            type: str
            required: true
          path:
            description: Path, with its query.
            type: str
            default: /
          method:
            description: Method.
            type: str
            choices: [GET, HEAD, POST, PUT, PATCH, DELETE]
            default: GET
          body:
            description: Body, sent as JSON.
            type: dict
          headers:
            description: Headers beside those that the collection sets. No credentials.
            type: dict
          status:
            description: Status that the answer has to have.
            type: int
            default: 200
          expect:
            description:
              - Members that the JSON answer has to have, by their dotted path, and their values. Numbers in a path
                count the items of a list.
            type: dict
          contains:
            description: Text that has to stand in the answer.
            type: str
          timeout:
            description: How long an answer may take, in seconds, at most 60.
            type: float
            default: 10.0
          samples:
            description: How often the request is repeated to measure its latency, at most 1000.
            type: int
            default: 0
          limits_ms:
            description:
              - The longest that percentiles of the samples may be, in milliseconds. Beyond them the check fails.
            type: dict
            suboptions:
              p50:
                description: Half of the answers take no longer.
                type: float
              p90:
                description: Nine of ten answers take no longer.
                type: float
              p99:
                description: 99 of a hundred answers take no longer.
                type: float
  cluster_name:
    description:
      - Another cluster than the platform's own, as the cloud writes it. On GCP V(location/name), on Azure
        V(resource-group/name).
    type: str
  retry_timeout:
    description:
      - How long a call that fails for a passing reason (throttling, server errors) is tried again, in seconds.
      - Requests to applications are not tried again. Their first answer counts.
    type: int
    default: 60
attributes:
  check_mode:
    description: Reads and asks in check mode too. State only requests that change nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
requirements:
  - kubernetes
"""

EXAMPLES = r"""
- name: Prove that the inference service answers from this site
  multicloud.platform.verify:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    nodes:
      ready: 2
      zones: 2
    namespaces:
      - name: ml-serving
    applications:
      - name: ml-inference
        namespace: ml-serving
        requests:
          - name: health
            path: /health
            expect:
              status: ok
          - name: predict
            path: /predict
            method: POST
            body:
              instances:
                - [5.1, 3.5, 1.4, 0.2]
            expect:
              predictions.0.class: setosa
              cloud: aws
              region: eu-central-1
            samples: 50
            limits_ms:
              p99: 250
"""

RETURN = r"""
checks:
  description: Every check.
  returned: always
  type: list
  elements: dict
  contains:
    site:
      description: Name of the site.
      type: str
      returned: always
      sample: aws-dev
    check:
      description: What was looked at.
      type: str
      returned: always
      sample: request ml-inference predict
    ok:
      description: Whether it is as it should be.
      type: bool
      returned: always
      sample: true
    detail:
      description: What was found, or what is wrong.
      type: str
      returned: always
      sample: 200, predictions.0.class setosa
    seconds:
      description: How long it took. Checks of the same objects share it, the first of them has it.
      type: float
      returned: always
      sample: 0.02
latencies:
  description:
    - By application and request, percentiles and the longest in milliseconds, the number of samples, how many of them
      were not right, and the way that they went.
  returned: always
  type: dict
  sample: {ml-inference: {predict: {p50: 3.1, p90: 4.0, p99: 9.2, max: 9.2, samples: 50, errors: 0, through: proxy}}}
site:
  description: The site's name, cloud, region, account, platform and environment.
  returned: always
  type: dict
  sample: {name: aws-dev, cloud: aws, region: eu-central-1}
started:
  description: When the call began, in UTC.
  returned: always
  type: str
  sample: "2025-11-21T08:30:00.000+00:00"
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 1.3
msg:
  description: Which checks failed, and why.
  returned: failure
  type: str
  sample: "1 of 14 checks failed. request ml-inference predict: answered 503, not 200: no endpoints available."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._verify import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("verify"), supports_check_mode=True)
    outcome = carry_out("verify", module.params, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
