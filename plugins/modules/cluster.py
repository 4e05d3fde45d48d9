#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster
short_description: A site's Kubernetes cluster
version_added: 0.1.0
description:
  - Makes, changes or deletes the Kubernetes cluster of one site. EKS on AWS, GKE on GCP, AKS on Azure.
  - It comes with its node pools, add-ons, and the roles, service accounts and managed identities that these need.
  - O(network) is referred to and not changed. It must exist, made by M(multicloud.platform.network) or by others.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.run
  - multicloud.platform.waits
  - multicloud.platform.network
  - multicloud.platform.cluster
options:
  network:
    description: The network that the cluster is in, described as where it is made. It is not changed.
    required: true
  cluster:
    required: true
  allow_unreachable_cluster:
    description:
      - With O(state=absent), load balancers and disks that Kubernetes made in the account are deleted before the
        cluster. When its API server cannot be reached, or does not let these credentials in, the call fails before
        anything is touched.
      - V(true) goes on all the same and leaves them behind. M(multicloud.platform.site_info) names them.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: A small cluster with a GPU pool, its endpoint open to the office
  multicloud.platform.cluster:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0}
    cluster:
      version: "1.34"
      allowed_cidrs: [203.0.113.0/24]
      gpu: true

- name: Node pools of one's own in a network of one's own
  multicloud.platform.cluster:
    cloud: azure
    region: germanywestcentral
    account: 00000000-0000-0000-0000-00000000bbbb
    platform: ml-platform
    network:
      azure:
        existing_subnet_id: "{{ subnet_id }}"
    cluster:
      endpoint: private
      node_pools:
        - name: system
          size: large
          spot: false
        - name: batch
          machine_types: [Standard_D8s_v5]
          min_size: 0
          max_size: 20
          spot: true
          taints:
            - key: batch
"""

RETURN = r"""
resources:
  description:
    - Every object of the specification, in the order of their making.
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
  description: Ids and addresses, and C(resolved), the specification with everything decided that it left open.
  returned: always
  type: dict
  sample: {cluster: {name: ml-platform-aws-dev}}
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
  sample: 741.3
msg:
  description: What failed, on which object, what the cloud answered, and what to do.
  returned: failure
  type: str
  sample: "aws.eks.cluster ml-platform-aws-dev: create: ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._module import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("cluster"), supports_check_mode=True)
    outcome = carry_out("cluster", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
