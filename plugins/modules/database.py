#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: database
short_description: A site's managed databases
version_added: 0.1.0
description:
  - Makes, changes or deletes the managed databases of one site. RDS on AWS, Cloud SQL on GCP, Azure Database for
    PostgreSQL flexible server on Azure.
  - They are private, encrypted, reachable over TLS only, and backed up. The password of every login is generated and
    lives in the secret store.
  - What restarts or fails over a server is said in the plan, and in O(environment=prod) needs O(allow_disruption=true).
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.run
  - multicloud.platform.waits
  - multicloud.platform.network
  - multicloud.platform.secret_store
  - multicloud.platform.database
options:
  network:
    description: The network that the databases are in, described as where it is made. It is not changed.
    required: true
  secret_store:
    description: The store of the credentials, described as where it is made. It is not changed, but the credentials of
      databases are made in it.
  database:
    required: true
"""

EXAMPLES = r"""
- name: A server with a database and a login for it
  multicloud.platform.database:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0}
    database:
      servers:
        - name: main
          version: "16"
          size: small
          high_availability: true
          databases: [app]
          users:
            - name: app

- name: A new password for the login
  multicloud.platform.database:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0}
    database:
      servers:
        - name: main
          databases: [app]
          users:
            - name: app
              rotate: true
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
  sample: "aws.rds.instance ml-platform-aws-dev-main: create: ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._module import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("database"), supports_check_mode=True)
    outcome = carry_out("database", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
