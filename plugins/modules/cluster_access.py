#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_access
short_description: Give people a kubeconfig for a site's cluster
version_added: 0.1.0
description:
  - Puts a context for the site's cluster into a kubeconfig, so that C(kubectl) and every other client reaches it.
  - Nothing that is written is a secret. Clients get short-lived tokens from the cloud's own plugin, with the logins of
    whoever runs them. That is C(aws) on AWS, C(gke-gcloud-auth-plugin) on GCP and C(kubelogin) on Azure.
  - Contexts, clusters, users, settings and unknown members of others stay as they are, in their order. Comments in the
    file are lost when something in it changes, because YAML has no place for them.
  - The file is replaced in one step and is readable by its owner alone. Calls for several sites may write the same file
    at the same time.
  - The modules of this collection need none of this. They make tokens of their own, in memory.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.waits
options:
  state:
    description:
      - V(absent) takes the context away, with its cluster and user where nobody else's context refers to them. No cloud
        is asked, so that it also works when the cluster is gone.
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - The kubeconfig. It is made where there is none.
      - The default is the first file that the environment variable C(KUBECONFIG) names, else C(~/.kube/config).
    type: path
  context:
    description: What the context is called. The default is the name of the site.
    type: str
  current:
    description: Also make it the context that C(kubectl) uses when none is named.
    type: bool
    default: false
  adopt:
    description:
      - Take over a context, cluster or user of the same name that this collection did not make for this site. Without
        it they are left alone and the call fails.
    type: bool
    default: false
  cluster_name:
    description:
      - Another cluster than the platform's own, as the cloud names it.
      - On GCP the location and the name, V(europe-west3/other), or the name alone in the site's region. On Azure the
        resource group and the name, V(group/other), or the name alone in the site's own group.
    type: str
"""

EXAMPLES = r"""
- name: kubectl --context aws-dev
  multicloud.platform.cluster_access:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform

- name: A file of its own, whose only context is used without being named
  multicloud.platform.cluster_access:
    cloud: gcp
    region: europe-west3
    account: my-project
    platform: ml-platform
    path: ~/.kube/ml-platform
    current: true

- name: Not needed any more
  multicloud.platform.cluster_access:
    cloud: azure
    region: germanywestcentral
    account: 00000000-0000-0000-0000-000000000000
    platform: ml-platform
    state: absent
"""

RETURN = r"""
kubeconfig:
  description: The file's C(path), the name of the C(context), and the C(server) that it leads to.
  returned: always
  type: dict
  sample: {path: /home/ada/.kube/config, context: aws-dev, server: https://ABCDEF.gr7.eu-central-1.eks.amazonaws.com}
resources:
  description:
    - The context. A certificate authority is shown by its fingerprint.
    - It has C(kind), C(name), C(id), C(action), C(changes), C(seconds), C(started), C(status), C(error), C(note),
      C(disruptive), C(needs) and C(lock), as RV(multicloud.platform.site#module:resources) describes.
  returned: always
  type: list
  elements: dict
  sample: []
diff:
  description: What changes, in the form that C(ansible-playbook --diff) prints.
  returned: always
  type: list
  elements: dict
  sample: []
outputs:
  description: Always empty.
  returned: always
  type: dict
  sample: {}
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
  sample: 0.4
msg:
  description: What failed and what to do.
  returned: failure
  type: str
  sample: "Nothing was changed. kubernetes.kubeconfig_context aws-dev exists, but ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._access import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments(), supports_check_mode=True)
    outcome = carry_out(module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
