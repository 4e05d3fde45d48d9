#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cache_info
short_description: What exists of a site's caches, and how they differ from their specification
version_added: 0.1.0
description:
  - Reads the caches of one site and compares them with the specification. Changes nothing.
  - What would stop M(multicloud.platform.cache) does not stop this module but is told in RV(problems).
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.network
  - multicloud.platform.secret_store
  - multicloud.platform.cache
options:
  network:
    description: The network that the caches are in, described as where it is made. It is not changed.
    required: true
  secret_store:
    description: The store of the credentials, described as where it is made. Caches keep their
      credentials in it.
  cache:
    required: true
  retry_timeout:
    description: How long a call that fails for a passing reason (throttling, server errors) is tried again, in seconds.
    type: int
    default: 180
attributes:
  check_mode:
    description: Changes nothing anyway.
    support: full
  diff_mode:
    description: Differences are in the member C(changes) of RV(resources).
    support: none
"""

EXAMPLES = r"""
- name: Look at it
  multicloud.platform.cache_info:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0}
    cache:
      instances:
        - name: sessions
          size: medium
          high_availability: true
          persistence: snapshots
          snapshot_window: "02:00"
          eviction_policy: volatile-lru
  register: look

- name: Fail when somebody has changed it by hand
  ansible.builtin.assert:
    that: look.resources | selectattr('drift') | length == 0
"""

RETURN = r"""
resources:
  description:
    - Every object of the specification, in the order of their making.
    - Each has C(kind), C(name), C(id), C(exists), C(drift), C(changes) and C(note), as
      RV(multicloud.platform.site_info#module:resources) describes.
  returned: always
  type: list
  elements: dict
  sample: []
outputs:
  description: Ids and addresses, and C(resolved), the specification with everything decided that it left open.
  returned: always
  type: dict
  sample: {cache: {instances: {}}}
orphans:
  description: Always null, which is not looked for. Only M(multicloud.platform.site_info) looks for orphans.
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
  description: What failed, on which object, what the cloud answered, and what to do.
  returned: failure
  type: str
  sample: "aws.elasticache.group ml-platform-aws-dev-main: create: ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._module import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("cache_info"), supports_check_mode=True)
    outcome = carry_out("cache_info", module.params, check=True, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
