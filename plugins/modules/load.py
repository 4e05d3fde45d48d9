#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: load
short_description: Send a site's applications a bounded load, and measure what they answer
version_added: 0.1.0
description:
  - Sends the requests of O(applications) in turns, with a bounded number of users and requests per second, for a
    bounded time, one application after the other. Locust does it, in a process of its own.
  - An answer that is not as stated is an error, as one that does not come.
  - The module fails when errors or percentiles are beyond their limits, after all applications had their load.
  - The cluster is reached by the cloud's own short-lived token, which is handed over in memory. It stands in no command
    line, no environment and no file, and goes to no address but the API server's.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
options:
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
            description:
              - How often M(multicloud.platform.verify) repeats the request. It says nothing about the load, and stands
                here so that both take the same applications.
            type: int
            default: 0
          limits_ms:
            description: Limits of M(multicloud.platform.verify). See O(limits_ms) for those of the load.
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
  seconds:
    description: How long the load on one application lasts, at most 600.
    type: int
    default: 10
  users:
    description: How many requests are under way at the same time at most, up to 200.
    type: int
    default: 4
  rate:
    description:
      - Requests per second of all users together, at most 1000. That many are sent when the answers are fast enough.
      - At most 100 unless every application has C(through=address), because the API server has more to do.
    type: float
    default: 20.0
  max_error_percent:
    description: How many of a hundred requests may fail.
    type: float
    default: 0.0
  min_requests:
    description: How many requests have to be sent at least, so that the load says something.
    type: int
    default: 1
  limits_ms:
    description: The longest that percentiles of an application's answers may be, in milliseconds.
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
    description: Sends nothing in check mode. The task is skipped.
    support: none
  diff_mode:
    description: There is nothing to compare.
    support: none
requirements:
  - kubernetes
  - locust
"""

EXAMPLES = r"""
- name: Twenty predictions a second for half a minute
  multicloud.platform.load:
    cloud: gcp
    region: europe-west3
    account: my-project
    platform: ml-platform
    seconds: 30
    users: 8
    rate: 20
    max_error_percent: 0.1
    limits_ms:
      p99: 500
    applications:
      - name: ml-inference
        namespace: ml-serving
        requests:
          - name: predict
            path: /predict
            method: POST
            body:
              instances:
                - [5.1, 3.5, 1.4, 0.2]
            expect:
              predictions.0.class: setosa
"""

RETURN = r"""
loads:
  description: What was measured, a row for each request and one for each application.
  returned: always
  type: list
  elements: dict
  contains:
    application:
      description: Name of the application.
      type: str
      returned: always
      sample: ml-inference
    request:
      description: Name of the request, null in the row of the whole application.
      type: str
      returned: always
      sample: predict
    through:
      description: V(proxy), V(address), or nothing when the application could not be reached.
      type: str
      returned: always
      sample: proxy
    requests:
      description: How many were answered, or failed.
      type: int
      returned: always
      sample: 600
    failures:
      description: How many of them failed or were answered wrongly.
      type: int
      returned: always
      sample: 0
    error_percent:
      description: How many of a hundred that is.
      type: float
      returned: always
      sample: 0.0
    per_second:
      description: Requests per second.
      type: float
      returned: always
      sample: 19.8
    p50:
      description: Half of the answers took no longer, in milliseconds. Null, as the next three, when nothing was sent.
      type: float
      returned: always
      sample: 12.3
    p90:
      description: Nine of ten answers took no longer.
      type: float
      returned: always
      sample: 19.2
    p99:
      description: 99 of a hundred answers took no longer.
      type: float
      returned: always
      sample: 40.9
    max:
      description: The longest.
      type: float
      returned: always
      sample: 52.1
    errors:
      description: The most frequent errors, each with C(message) and C(count).
      type: list
      elements: dict
      returned: always
      sample: []
    problems:
      description: What is beyond its limits. Only in the row of the whole application.
      type: list
      elements: str
      returned: always
      sample: []
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
  description: What is beyond its limits, or why no load was sent.
  returned: failure
  type: str
  sample: "The load was not borne. ml-inference: p99 900.0 ms is more than 500 ms."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._verify import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("load"), supports_check_mode=False)
    outcome = carry_out("load", module.params, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
