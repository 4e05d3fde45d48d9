#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Bring a database back from its backup, beside the original
version_added: 0.1.0
description:
  - Makes a new server from a backup of O(server), asks it a query over TLS, and leaves it for inspection or, with
    O(promote=true), gives it the name of the original.
  - The original is never overwritten. It need not exist any more, but its entry in O(database.servers) must, because
    the new server is made like it.
  - A call that was killed is finished by the same call, at whatever step it was.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.waits
  - multicloud.platform.network
  - multicloud.platform.secret_store
  - multicloud.platform.database
options:
  server:
    description: Name of the server whose backup it is, an entry of O(database.servers).
    type: str
    required: true
  as:
    description:
      - Name of the new server. None of O(database.servers) may have it.
      - The same words find the server again that they have made, also after it was promoted. Another restore needs
        another name.
    type: str
    required: true
  label:
    description: The backup that M(multicloud.platform.backup) made with this label.
    type: str
  time:
    description:
      - The state at this moment, ISO 8601 with a time zone, for example V(2026-01-31T08:15:00Z).
      - Without it and without O(label) the newest state there is.
    type: str
  promote:
    description:
      - Give the new server the name O(server). Where the cloud cannot rename, the name in the specification moves to
        it, and its address changes.
      - A server that has this name goes on under another, see RV(former). To delete it, add an entry of that name with
        C(state=absent).
      - The passwords of O(server) in the secret store are those that hold afterwards.
    type: bool
    default: false
  allow_unverified:
    description: Promote the server even when it could not be asked a query from where this runs.
    type: bool
    default: false
  allow_disruption:
    description: In prod also make changes to the promoted server that restart it, when its entry asks for some.
    type: bool
    default: false
  network:
    description: The network that the databases are in, described as where it is made. It is not changed.
    required: true
  secret_store:
    description: The store of the credentials, described as where it is made. It is not changed, but the credentials of
      the new server are made in it.
  database:
    required: true
attributes:
  check_mode:
    description: Predicts what would be made.
    support: partial
    details: What a promotion does is not predicted, because it begins with the server that would be made.
"""

EXAMPLES = r"""
- name: What was there this morning, for inspection
  multicloud.platform.restore:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    server: main
    as: main-morning
    time: "2026-01-31T06:00:00Z"
    network: &network
      addresses: {aws-dev: 0}
    database: &database
      servers:
        - name: main
          databases: [app]

- name: Back to before the release
  multicloud.platform.restore:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    server: main
    as: main-restored
    label: before-release-42
    promote: true
    network: *network
    database: *database
"""

RETURN = r"""
resources:
  description:
    - Every object of every step, in the order of their making.
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
  sample: {database: {servers: {}}}
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
restored_to:
  description:
    - The moment that the data is of.
    - Null when the newest state was asked for and an earlier call made the server, which nobody can tell any more.
  returned: always
  type: str
  sample: "2026-01-31T08:10:00+00:00"
data_age_seconds:
  description: How old the data was when the call began, null as RV(restored_to).
  returned: always
  type: int
  sample: 300
restore_seconds:
  description: How long it took until the server was there and had answered, null when an earlier call had begun it.
  returned: always
  type: float
  sample: 612.4
verified:
  description: Whether the server has answered a query over TLS.
  returned: always
  type: bool
  sample: true
verification:
  description: What it answered, or why it could not be asked.
  returned: always
  type: str
  sample: main-restored answers as version 16.4 with 3 databases.
promoted:
  description: Whether the server has the name O(server) now.
  returned: always
  type: bool
  sample: false
former:
  description: What the server is called that had this name before, null when there is none.
  returned: always
  type: str
  sample: main-before-main-restored
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
  sample: "label: main has no backup 'before-release-42' that is ready. There is none with a label."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._day_two import arguments, carry_out


def main() -> None:
    module = AnsibleModule(
        argument_spec=arguments("restore"),
        mutually_exclusive=[["label", "time"]],
        supports_check_mode=True,
    )
    outcome = carry_out("restore", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
