#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: What could be brought back of a site's databases and caches
version_added: 0.1.0
description:
  - Tells the backups of every database server and cache of the specification, how old the newest state is that could be
    restored, and whether that is within a stated bound. Changes nothing.
  - It does not fail when a store is out of bounds.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.database
  - multicloud.platform.cache
options:
  rpo_minutes:
    description:
      - Recovery point objective. How many minutes of data may be lost at most.
      - It is not held against caches with C(persistence=none), which may lose what they hold.
    type: int
  retry_timeout:
    description: How long a call that fails for a passing reason (throttling, server errors) is tried again, in seconds.
    type: int
    default: 180
attributes:
  check_mode:
    description: Changes nothing anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Look at the backups
  multicloud.platform.backup_info:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    rpo_minutes: 60
    database:
      servers:
        - name: main
  register: look

- name: Fail when more than an hour would be lost
  ansible.builtin.assert:
    that: look.within_rpo
"""

RETURN = r"""
stores:
  description: What can be brought back of every store.
  returned: always
  type: list
  elements: dict
  contains:
    capability:
      description: V(database) or V(cache).
      type: str
      returned: always
      sample: database
    name:
      description: Name of the server or cache.
      type: str
      returned: always
      sample: main
    exists:
      description: Whether the store itself exists. Its backups may outlive it.
      type: bool
      returned: always
      sample: true
    retention_days:
      description: How long automatic backups are kept, 0 when there are none.
      type: int
      returned: always
      sample: 7
    restorable_from:
      description: The first moment that can be restored, null where only backups can.
      type: str
      returned: always
      sample: "2026-01-24T02:00:00+00:00"
    restorable_to:
      description: The last moment that can be restored, null where only backups can.
      type: str
      returned: always
      sample: "2026-01-31T08:10:00+00:00"
    newest:
      description: The newest state that could be restored now, null when there is none.
      type: str
      returned: always
      sample: "2026-01-31T08:10:00+00:00"
    age_seconds:
      description: How much would be lost if it had to be restored now, null when everything would be.
      type: int
      returned: always
      sample: 300
    within_rpo:
      description:
        - Whether that is within O(rpo_minutes).
        - Null without it, for what the specification wants gone, and for caches with C(persistence=none).
      type: bool
      returned: always
      sample: true
    backups:
      description:
        - The backups, newest first, each with C(id), C(label), C(kind) (V(manual), V(automatic) or V(final)), C(status)
          (V(ready), V(pending) or V(failed)), C(taken), C(size_gb) and C(expires).
      type: list
      elements: dict
      returned: always
      sample: []
within_rpo:
  description: Whether every store is within O(rpo_minutes), null without it.
  returned: always
  type: bool
  sample: true
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
  sample: "account: these credentials belong to 210987654321, not to 123456789012."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._day_two import arguments, carry_out


def main() -> None:
    module = AnsibleModule(
        argument_spec=arguments("backup_info"),
        required_one_of=[["database", "cache"]],
        supports_check_mode=True,
    )
    outcome = carry_out("backup_info", module.params, check=True, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
