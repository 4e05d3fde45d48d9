#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Back up a site's databases and caches now
version_added: 0.1.0
description:
  - Makes one backup of every database server and cache of the specification, all called O(label), beside those that
    the services make by themselves.
  - What has a backup of that label is left as it is, so a call can be repeated until all of them are there.
  - They stay until they are deleted. M(multicloud.platform.restore) brings a database back by its label.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.waits
  - multicloud.platform.database
  - multicloud.platform.cache
options:
  label:
    description: What the backups are called, 1 to 40 lower-case letters, digits and single hyphens.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Before the release
  multicloud.platform.backup:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    label: before-release-42
    database:
      servers:
        - name: main
    cache:
      instances:
        - name: main
          persistence: snapshots
"""

RETURN = r"""
resources:
  description:
    - Every backup, and what it needs.
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
  description: The label, and the ids of the backups by C(database) and C(cache) and name.
  returned: always
  type: dict
  sample: {label: before-release-42, database: {main: rds-before-release-42}, cache: {}}
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
  sample: "aws.rds.snapshot main-before-release-42: create: ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._day_two import arguments, carry_out


def main() -> None:
    module = AnsibleModule(
        argument_spec=arguments("backup"),
        required_one_of=[["database", "cache"]],
        supports_check_mode=True,
    )
    outcome = carry_out("backup", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
