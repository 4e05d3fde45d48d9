#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_info
short_description: What exists of a site, how it differs from its specification, and orphans
version_added: 0.1.0
description:
  - Reads every object of one site, compares it with the specification, and looks for orphans. Changes nothing.
  - What would stop M(multicloud.platform.site) (foreign objects, changes that cannot be made) does not stop this
    module but is told in RV(problems).
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.network
  - multicloud.platform.secret_store
  - multicloud.platform.cluster
  - multicloud.platform.database
  - multicloud.platform.cache
  - multicloud.platform.registry
  - multicloud.platform.object_store
  - multicloud.platform.workload_identity
options:
  only:
    description:
      - Look at these capabilities only. Objects of the others then count as orphans.
      - Without it every capability whose block is given is looked at.
    type: list
    elements: str
    choices: [network, secret_store, cluster, database, cache, registry, object_store, workload_identity]
  retry_timeout:
    description: How long a call that fails for a passing reason (throttling, server errors) is tried again, in seconds.
    type: int
    default: 180
attributes:
  check_mode:
    description: Changes nothing anyway.
    support: full
  diff_mode:
    description: Differences are in RV(resources[].changes).
    support: none
"""

EXAMPLES = r"""
- name: Look at a site
  multicloud.platform.site_info:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0, gcp-dev: 1}
    cluster:
      endpoint: private
  register: look

- name: Fail when somebody has changed it by hand
  ansible.builtin.assert:
    that: look.resources | selectattr('exists') | selectattr('drift') | length == 0
    fail_msg: "{{ look.resources | selectattr('drift') | map(attribute='changes') | list }}"

- name: Tell what nobody needs any more
  ansible.builtin.debug:
    var: look.orphans
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
      description: The cloud's id of the object, empty when it does not exist.
      type: str
      returned: always
      sample: vpc-0a1b2c3d4e5f60718
    exists:
      description: Whether the cloud has it.
      type: bool
      returned: always
      sample: true
    drift:
      description: Whether a run would do something about it.
      type: bool
      returned: always
      sample: false
    changes:
      description:
        - The fields that differ from the specification, each with C(field), C(before) (what the cloud has) and C(after)
          (what the specification says). Secrets are masked.
        - Empty for objects that do not exist.
      type: list
      elements: dict
      returned: always
      sample: []
    note:
      description: What the cloud or the plan says about it, where there is something to say.
      type: str
      returned: always
      sample: ""
outputs:
  description: Ids and addresses by capability, and C(resolved), the specification with everything decided.
  returned: always
  type: dict
  sample: {cluster: {name: ml-platform-aws-dev}}
orphans:
  description:
    - Objects with this site's ownership tags that the specification does not hold.
    - Each has C(kind), C(id) and C(name).
  returned: always
  type: list
  elements: dict
  sample: []
kept:
  description:
    - What stays on purpose although the specification does not hold it, such as the final snapshot of a deleted
      database.
    - Each has C(kind), C(id), C(name) and the reason as C(kept).
  returned: always
  type: list
  elements: dict
  sample: []
problems:
  description: What would stop a run, as sentences.
  returned: always
  type: list
  elements: str
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
  sample: 3.1
msg:
  description: What failed, on which object, what the cloud answered, and what to do.
  returned: failure
  type: str
  sample: "account: these credentials belong to 210987654321, not to 123456789012."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._module import CAPABILITIES, arguments, carry_out


def main() -> None:
    module = AnsibleModule(
        argument_spec=arguments("site_info"),
        required_one_of=[list(CAPABILITIES)],
        supports_check_mode=True,
    )
    outcome = carry_out("site_info", module.params, check=True, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
