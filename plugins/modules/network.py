#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: A site's network
version_added: 0.1.0
description:
  - Makes, changes or deletes the network of one site. On AWS a VPC, on GCP a VPC network, on Azure a resource group
    and a VNet.
  - It has subnets over the zones, a way out through NAT, routes, private DNS, and firewalls that are closed unless
    opened.
  - The M(multicloud.platform.site) module does this together with the cluster and the buckets in one call.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.run
  - multicloud.platform.network
options:
  network:
    required: true
"""

EXAMPLES = r"""
- name: Two sites take their ranges from one platform, each in a slot that never moves
  multicloud.platform.network:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0, gcp-dev: 1}

- name: The same for production, with a NAT gateway in every zone
  multicloud.platform.network:
    cloud: gcp
    region: europe-west3
    account: my-project
    platform: ml-platform
    environment: prod
    network:
      addresses: {aws-prod: 0, gcp-prod: 1}

- name: See what deleting it would do
  multicloud.platform.network:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0, gcp-dev: 1}
    state: absent
  check_mode: true
"""

RETURN = r"""
resources:
  description: Every object of the specification, in the order of their making.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of object, cloud first.
      type: str
      returned: always
      sample: aws.ec2.vpc
    name:
      description: Name of the object.
      type: str
      returned: always
      sample: ml-platform-aws-dev
    id:
      description: The cloud's id of the object, empty while it does not exist.
      type: str
      returned: always
      sample: vpc-0a1b2c3d4e5f60718
    action:
      description:
        - What was done, or would be done in check mode.
        - V(none), V(create), V(update), V(replace) or V(delete).
      type: str
      returned: always
      sample: update
    changes:
      description: The fields that differ, each with C(field), C(before) and C(after). Secrets are masked.
      type: list
      elements: dict
      returned: always
      sample: [{field: enableDnsHostnames, before: false, after: true}]
    seconds:
      description: Time spent on the object.
      type: float
      returned: always
      sample: 1.2
    started:
      description: When its turn came, in seconds since the run began.
      type: float
      returned: always
      sample: 0.4
    status:
      description: V(ok), V(failed) or V(skipped).
      type: str
      returned: always
      sample: ok
    error:
      description: Why it failed, with the cloud's own words and what to do.
      type: str
      returned: always
      sample: ""
    note:
      description: Why something is done, where that is not obvious.
      type: str
      returned: always
      sample: ""
    needs:
      description: The objects that it refers to, each as kind/name.
      type: list
      elements: str
      returned: always
      sample: []
    lock:
      description: Objects with the same lock are changed one at a time. Empty when there is none.
      type: str
      returned: always
      sample: ""
diff:
  description: The objects that change, in the form that C(ansible-playbook --diff) prints.
  returned: always
  type: list
  elements: dict
  sample: []
outputs:
  description:
    - Ids and addresses by capability, and C(resolved), the specification with everything decided that it left open.
    - In check mode values that only the making will tell say so.
  returned: always
  type: dict
  sample: {cluster: {name: ml-platform-aws-dev}}
orphans:
  description: Always null, which is not looked for. Only M(multicloud.platform.site) looks for orphans.
  returned: always
  type: list
  elements: dict
  sample: []
site:
  description: The site's name, cloud, region, account, platform and environment.
  returned: always
  type: dict
  sample:
    name: aws-dev
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    environment: dev
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
    module = AnsibleModule(argument_spec=arguments("network"), supports_check_mode=True)
    outcome = carry_out("network", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
