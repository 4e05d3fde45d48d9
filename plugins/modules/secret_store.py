#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_store
short_description: A site's secret store, and secrets in it
version_added: 0.1.0
description:
  - Makes, changes or deletes the place where every generated credential of one site lives, and secrets of your
    own in it. Secrets Manager on AWS, Secret Manager on GCP, a Key Vault on Azure.
  - A value is made once, written there and never returned. Modules return references to it.
  - A new value is kept beside the old one until it is in use, so that a run that is killed loses neither.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.run
  - multicloud.platform.waits
  - multicloud.platform.secret_store
options:
  secret_store:
    required: true
"""

EXAMPLES = r"""
- name: A key that the application reads, made once
  multicloud.platform.secret_store:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    secret_store:
      secrets:
        - name: api-key
          length: 48

- name: A new value for it
  multicloud.platform.secret_store:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    secret_store:
      secrets:
        - name: api-key
          length: 48
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
  sample: {secret_store: {secrets: {}}}
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
  sample: "azure.keyvault.vault ml-platform: create: ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._module import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("secret_store"), supports_check_mode=True)
    outcome = carry_out("secret_store", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
