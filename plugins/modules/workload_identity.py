#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workload_identity
short_description: Who the workloads of a site's cluster are in the cloud
version_added: 0.1.0
description:
  - Lets service accounts of one site's cluster use buckets and secrets of the same site, as identities of their own. No
    key is made, stored or returned.
  - On AWS a workload is an IAM role with an EKS Pod Identity association. On GCP it is a principal of the project's
    workload identity pool, which buckets and secrets let in. On Azure it is a managed identity with a federated
    credential and roles.
  - The network, the cluster, secrets, databases, caches and buckets are referred to and not changed.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.run
  - multicloud.platform.waits
  - multicloud.platform.network
  - multicloud.platform.secret_store
  - multicloud.platform.cluster
  - multicloud.platform.database
  - multicloud.platform.cache
  - multicloud.platform.object_store
  - multicloud.platform.workload_identity
options:
  network:
    description: The network that the cluster is in, described as where it is made. It is not changed.
    required: true
  cluster:
    description: The cluster of the service accounts, described as where it is made. It is not changed.
    required: true
  workload_identity:
    required: true
"""

EXAMPLES = r"""
- name: The inference service reads models and one secret
  multicloud.platform.workload_identity:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0, gcp-dev: 1, azure-dev: 2}
    cluster:
      allowed_cidrs: [203.0.113.0/24]
    object_store:
      buckets:
        - name: models
    secret_store:
      secrets:
        - name: api-key
    workload_identity:
      workloads:
        - name: ml-inference
          namespace: ml-serving
          buckets:
            - name: models
          secrets: [api-key]
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
  sample:
    workload_identity:
      workloads:
        ml-inference:
          namespace: ml-serving
          service_account: ml-inference
          identity: arn:aws:iam::123456789012:role/ml-platform-aws-dev-workload-ml-inference
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
  sample: "aws.iam.role ml-platform-aws-dev-workload-ml-inference: create: ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._module import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("workload_identity"), supports_check_mode=True)
    outcome = carry_out(
        "workload_identity", module.params, check=module.check_mode, missing_library=missing_required_lib
    )
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
