#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: object_store
short_description: A site's buckets
version_added: 0.1.0
description:
  - Makes, changes or deletes the buckets of one site. S3 on AWS, Cloud Storage on GCP, Blob containers on Azure.
  - Buckets are private, encrypted, versioned and reachable over TLS only. One that holds objects is not deleted
    unless forced.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.run
  - multicloud.platform.waits
  - multicloud.platform.object_store
options:
  object_store:
    required: true
"""

EXAMPLES = r"""
- name: Models are kept, scratch data goes after a month
  multicloud.platform.object_store:
    cloud: gcp
    region: europe-west3
    account: my-project
    platform: ml-platform
    object_store:
      buckets:
        - name: models
          retention_days: 30
        - name: scratch
          versioning: false
          lifecycle_rules:
            - name: tidy
              expire_after_days: 30

- name: Delete a bucket and what is in it
  multicloud.platform.object_store:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    object_store:
      buckets:
        - name: scratch
          state: absent
          force: true
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
  sample: {object_store: {buckets: {}}}
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
  sample: "aws.s3.bucket ml-platform-aws-dev-models: create: ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._module import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("object_store"), supports_check_mode=True)
    outcome = carry_out("object_store", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
