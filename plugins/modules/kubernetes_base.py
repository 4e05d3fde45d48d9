#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_base
short_description: What a site's cluster begins with
version_added: 0.1.0
description:
  - Makes the platform's namespaces with their Pod Security level, quota, limits and network policies, gives the groups
    of administrators, developers and viewers their rights, and makes priority classes and service accounts.
  - Network policies deny everything, and then allow what is needed. That is the cluster's DNS, the own namespace, the
    namespaces that are declared, the API server, the site's data stores, the cloud's way to identities, and HTTPS.
  - A ConfigMap in every namespace tells pods where they are, and the addresses of the site's databases, caches,
    registry and buckets. Of credentials it has ids in the secret store, never values.
  - The cluster is reached by the cloud's own short-lived token, which is made in this process and written nowhere.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.waits
  - multicloud.platform.network
  - multicloud.platform.kubernetes_base
options:
  state:
    description:
      - V(absent) removes all of it. The namespaces go with everything that is in them.
    type: str
    choices: [present, absent]
    default: present
  site_outputs:
    description:
      - What RV(multicloud.platform.site#module:outputs) or RV(multicloud.platform.site_info#module:outputs) says of the
        site. Addresses and references for the ConfigMap are taken from it, and on Azure the identities of accounts
        that are workloads of M(multicloud.platform.workload_identity).
      - Without it the ConfigMap has none of them.
    type: dict
  cluster_name:
    description:
      - Another cluster than the platform's own, as the cloud names it.
      - On GCP the location and the name, V(europe-west3/other), or the name alone in the site's region. On Azure the
        resource group and the name, V(group/other), or the name alone in the site's own group.
    type: str
  adopt:
    description: Take over objects that have the right name but not this site's ownership labels.
    type: bool
    default: false
  force_conflicts:
    description:
      - Take over fields that other field managers hold, such as those that somebody has changed with C(kubectl edit).
        Without it that is an error that names the manager and the fields.
    type: bool
    default: false
  network:
    description: The site's network, described as where it is made, for the addresses that policies allow. Not changed.
attributes:
  check_mode:
    description: Predicts exactly what would be done, by dry runs of the API server, and changes nothing.
    support: full
    details: While there is no cluster, everything is predicted to be made.
"""

EXAMPLES = r"""
- name: The defaults
  multicloud.platform.kubernetes_base:
    cloud: azure
    region: germanywestcentral
    account: 00000000-1111-2222-3333-444444444444
    platform: ml-platform
    network:
      addresses: {azure-dev: 2}

- name: Groups, a namespace of its own, and an account that reads models
  multicloud.platform.kubernetes_base:
    cloud: gcp
    region: europe-west3
    account: my-gcp-project
    platform: ml-platform
    network:
      addresses: {gcp-dev: 1}
    kubernetes_base:
      groups:
        admin: [platform@example.com]
        developer: [ml-engineers@example.com]
        viewer: []
      namespaces:
        - name: ml-serving
          ingress_from: [ml-platform]
          quota: {requests.cpu: "24"}
        - name: ml-platform
      service_accounts:
        - name: model-reader
          identity: model-reader@my-gcp-project.iam.gserviceaccount.com
"""

RETURN = r"""
resources:
  description:
    - Every object of the cluster that was looked at, in the order of their making.
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
  description: C(namespaces), the names of the namespaces, and C(config_map), the name of the ConfigMap in them.
  returned: always
  type: dict
  sample: {namespaces: [ml-platform, ml-serving, monitoring, istio-system], config_map: platform}
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
  sample: 12.5
msg:
  description: What failed, on which object, what Kubernetes said, and what to do.
  returned: failure
  type: str
  sample: "kubernetes_base.network_ranges: the addresses of the site's data stores and control plane are not known."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._inside import arguments, carry_out


def main() -> None:
    module = AnsibleModule(argument_spec=arguments("kubernetes_base"), supports_check_mode=True)
    outcome = carry_out("kubernetes_base", module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
