#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site
short_description: Everything that one site holds
version_added: 0.1.0
description:
  - Makes, changes or deletes everything that one site of the platform holds, in one call with one plan and one
    report.
  - The network comes first, then the cluster, the databases and the caches side by side, and buckets, registry and
    secret store beside all of them. Who the cluster's workloads are comes last. What a block leaves open is decided by
    O(environment).
  - Before anything is touched everything is read and planned, and what speaks against the plan (foreign objects,
    changes that cannot be made, quotas, machine types, versions) is told at once.
  - When one object fails, those that need it are skipped and the others are finished. Running again goes on from
    there.
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
  - multicloud.platform.registry
  - multicloud.platform.object_store
  - multicloud.platform.workload_identity
options:
  only:
    description:
      - Manage only these capabilities. The others are referred to where needed (a cluster needs its network) and
        otherwise left alone.
      - Without it every capability whose block is given is managed.
    type: list
    elements: str
    choices: [network, secret_store, cluster, database, cache, registry, object_store, workload_identity]
  allow_unreachable_cluster:
    description:
      - With O(state=absent), load balancers and disks that Kubernetes made in the account are deleted before the
        cluster. When its API server cannot be reached, or does not let these credentials in, the call fails before
        anything is touched.
      - V(true) goes on all the same and leaves them behind. O(find_orphans=true) names them, also when what they
        stand in cannot be deleted for that reason.
    type: bool
    default: false
  find_orphans:
    description:
      - Also look for objects with this site's ownership tags that the specification does not hold, see RV(orphans).
      - Objects of capabilities that this call does not manage count as orphans.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: A site with a network, a cluster and two buckets
  multicloud.platform.site:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    network:
      addresses: {aws-dev: 0, gcp-dev: 1, azure-dev: 2}
    cluster:
      size: small
      allowed_cidrs: [203.0.113.0/24]
    object_store:
      buckets:
        - name: models
        - name: training-data

- name: What is common to all sites, said once per play
  hosts: sites
  connection: local
  gather_facts: false
  module_defaults:
    group/multicloud.platform.all:
      platform: ml-platform
      environment: prod
      network:
        addresses: {aws-prod: 0, gcp-prod: 1, azure-prod: 2}
  tasks:
    - name: Converge the site
      multicloud.platform.site:
        cloud: "{{ site_cloud }}"
        region: "{{ site_region }}"
        account: "{{ site_account }}"
        cluster:
          endpoint: private
        object_store:
          buckets:
            - name: models

- name: Delete the site, and tell what is left
  multicloud.platform.site:
    cloud: azure
    region: germanywestcentral
    account: 00000000-0000-0000-0000-00000000bbbb
    platform: ml-platform
    network:
      addresses: {aws-dev: 0, gcp-dev: 1, azure-dev: 2}
    cluster:
      allowed_cidrs: [203.0.113.0/24]
    state: absent
    find_orphans: true
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
    disruptive:
      description: Whether the change restarts or fails over what is running.
      type: bool
      returned: always
      sample: false
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
  description:
    - Objects with this site's ownership tags that the specification does not hold.
    - Each has C(kind), C(id) and C(name).
    - Null when they were not looked for, without O(find_orphans=true) and when the run failed, unless
      O(allow_unreachable_cluster=true).
  returned: always
  type: list
  elements: dict
  sample: []
kept:
  description:
    - What stays on purpose although the specification does not hold it, such as the final snapshot of a deleted
      database.
    - Each has C(kind), C(id), C(name) and the reason as C(kept).
    - Null when they were not looked for, as RV(orphans).
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
from ansible_collections.multicloud.platform.plugins.module_utils._module import CAPABILITIES, arguments, carry_out


def main() -> None:
    module = AnsibleModule(
        argument_spec=arguments("site"),
        required_one_of=[list(CAPABILITIES)],
        supports_check_mode=True,
    )
    outcome = carry_out("site", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
