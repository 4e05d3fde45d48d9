#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: application
short_description: Services in a site's cluster, rolled out and back
version_added: 0.1.0
description:
  - Brings services to what their specification says. Each is a Deployment with its Service, disruption budget, network
    policy, account and, where asked for, autoscaler and configuration.
  - Pods are hardened so that the Pod Security level C(restricted) admits them, are spread over zones and nodes, and
    know the cloud and region that they are in.
  - A version that does not become healthy goes again. The last healthy one returns, and the call fails and tells why.
    The same call tries it again. A call that was killed, also on the way back, is finished by the same call.
  - What speaks against any of the services is told before anything is touched.
  - The cluster is reached by the cloud's own short-lived token, which is made in this process and written nowhere.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.waits
  - multicloud.platform.network
  - multicloud.platform.application
options:
  state:
    description:
      - V(absent) removes every service that is listed.
    type: str
    choices: [present, absent]
    default: present
  cluster_name:
    description:
      - Another cluster than the platform's own, as the cloud names it.
      - On GCP the location and the name, V(europe-west3/other), or the name alone in the site's region. On Azure the
        resource group and the name, V(group/other), or the name alone in the site's own group.
    type: str
  adopt:
    description: Take over objects that have the right name but not this site's ownership labels.
    type: bool
    default: false
  force_conflicts:
    description:
      - Take over fields that other field managers hold, such as those that somebody has changed with C(kubectl edit).
        Without it that is an error that names the manager and the fields.
    type: bool
    default: false
  network:
    description: The site's network, described as where it is made, for the addresses that policies allow. Not changed.
  site_outputs:
    description:
      - What RV(multicloud.platform.site#module:outputs) or RV(multicloud.platform.site_info#module:outputs) says of the
        site. On Azure the accounts of services that are workloads of M(multicloud.platform.workload_identity) are told
        their identity from it. On AWS and GCP it is known without.
    type: dict
  application:
    required: true
attributes:
  check_mode:
    description: Predicts exactly what would be done, by dry runs of the API server, and changes nothing.
    support: full
    details: While there is no cluster, everything is predicted to be made.
"""

EXAMPLES = r"""
- name: The inference service, with a new version for a quarter of the requests
  multicloud.platform.application:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0}
    application:
      services:
        - name: ml-inference
          image: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/ml-platform-aws-dev/ml-inference:1.4.0
          replicas: 4
          health_path: /health
          ready_path: /ready
          platform_config: platform
          resources: {cpu: 250m, memory: 512Mi}
          canary:
            image: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/ml-platform-aws-dev/ml-inference:1.5.0
            weight: 25

- name: A public service that follows its load
  multicloud.platform.application:
    cloud: gcp
    region: europe-west3
    account: my-gcp-project
    platform: ml-platform
    application:
      services:
        - name: gateway
          namespace: ml-platform
          image: europe-west3-docker.pkg.dev/my-gcp-project/ml-platform-gcp-dev-gateway/gateway:2.0.1
          autoscaling: {min: 3, max: 12, cpu: 70}
          ports:
            - port: 8443
              name: https
              service_port: 443
          secrets:
            - name: gateway
              env: {API_KEY: key}
          expose: public
          allowed_cidrs: [203.0.113.0/24]
"""

RETURN = r"""
resources:
  description:
    - Every object of the cluster that was looked at, in the order of their making.
    - Each has C(kind), C(name), C(id), C(action), C(changes), C(seconds), C(started), C(status), C(error), C(note),
      C(disruptive), C(needs) and C(lock), as RV(multicloud.platform.site#module:resources) describes.
  returned: always
  type: list
  elements: dict
  sample: []
diff:
  description: The objects that change, in the form that C(ansible-playbook --diff) prints.
  returned: always
  type: list
  elements: dict
  sample: []
outputs:
  description:
    - C(services), by name what runs of each now.
    - Each has C(namespace), C(address) and C(url) (null while a load balancer has none), C(image), C(replicas),
      C(ready), C(revision), C(canary) (null without one, else C(image), C(weight), C(share), C(replicas), C(ready) and
      C(note), which says how exactly the percentage is met), C(rolled_back) and C(reason).
  returned: always
  type: dict
  sample:
    services:
      ml-inference:
        namespace: ml-serving
        address: ml-inference.ml-serving.svc
        url: http://ml-inference.ml-serving.svc:8080
        image: registry.example/ml-inference:1.4.0
        replicas: 3
        ready: 3
        revision: 2
        canary: null
        rolled_back: false
        reason: ""
orphans:
  description: Always null, which is not looked for. Only M(multicloud.platform.site) looks for orphans.
  returned: always
  type: list
  elements: dict
  sample: []
kept:
  description: Always null, as RV(orphans).
  returned: always
  type: list
  elements: dict
  sample: []
rolled_back:
  description: Whether the last healthy version of a service has come back.
  returned: always
  type: bool
  sample: false
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
  sample: 12.5
msg:
  description: What failed, on which object, what Kubernetes said, and what to do.
  returned: failure
  type: str
  sample: "ml-inference: ErrImagePull: not found. Rolled back: registry.example/ml-inference:1.4.0 (3 ready) runs now."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._inside import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("application"), supports_check_mode=True)
    outcome = carry_out("application", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
