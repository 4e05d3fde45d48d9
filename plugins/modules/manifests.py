#!/usr/bin/python
# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: manifests
short_description: Bring a set of objects into a site's cluster
version_added: 0.1.0
description:
  - Applies any number of objects of any kinds, in any number of namespaces, in one call. All that the set does not hold
    any more is removed, and only that.
  - Everything is checked before anything is touched. The API server itself is asked what would change, by a dry run of
    its server-side apply. So defaults never show as drift, a field that the set has dropped shows as its removal, and
    unknown kinds and fields, fields that cannot be changed, missing namespaces, quotas and other field managers are
    told at once, all of them.
  - Namespaces come first, then definitions of kinds, priority classes, storage, quotas, rights, network policies,
    settings, Services, workloads and the rest. What belongs together waits for one another, everything else is done
    side by side.
  - Every object is waited for until it is ready by the rules of C(kubectl rollout status). When it does not become
    ready the API's own words say why. That can be the image that cannot be pulled, the exit code and last words of a
    container, what the scheduler or a quota refuses, or the probe that fails.
  - Unless a container has a readiness probe, Kubernetes takes it for ready as soon as it runs. Give workloads one.
  - Credentials for the cluster are made in memory from the site's own and are never written down.
  - A call that was killed or lost its API server goes on where it stopped when it is run again.
author: multicloud.platform contributors (@multicloud-platform)
extends_documentation_fragment:
  - multicloud.platform.site
  - multicloud.platform.waits
options:
  name:
    description:
      - The name of the set, unique in the cluster. 1 to 50 lower-case letters, digits and hyphens.
      - The members of the set carry it as the label C(multicloud.platform/set). The set itself is recorded in the
        ConfigMap C(applyset-<name>) in the namespace C(default), in the way of Kubernetes' KEP-3659, so that C(kubectl)
        knows it too.
    type: str
    required: true
  namespace:
    description: The namespace of objects that live in one and name none.
    type: str
    default: default
  definitions:
    description:
      - Objects, written out. Lists (C(kind=List)) are taken apart.
      - What only a server writes (C(status), C(metadata.uid) and the like) is left out, so exported objects will do.
    type: list
    elements: dict
    default: []
  src:
    description:
      - Files with one or more objects in YAML or JSON, on the machine that the module runs on.
      - Of a directory all C(.yaml), C(.yml) and C(.json) files are read, in the order of their names. Those of
        directories in it are not.
    type: list
    elements: path
    default: []
  templates:
    description:
      - Jinja2 templates of such files, on the machine that runs Ansible. They are looked for as
        M(ansible.builtin.template) does. A variable that is not defined is an error.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) applies the objects.
      - V(absent) removes all that belongs to the set, whatever O(definitions) says, and waits until it is gone. Where
        finalizers hold an object, the message names them.
      - A namespace or a definition of a kind that holds objects of others is not removed, see O(adopt).
    type: str
    choices: [present, absent]
    default: present
  prune:
    description:
      - Remove objects that an earlier call applied for this set and that it does not hold any more. They are found by
        their label, in all namespaces.
      - It happens last, and only when everything else was applied and is ready.
    type: bool
    default: true
  wait:
    description:
      - Wait until every object is ready. Namespaces and definitions of kinds are always waited for, and so is removal.
    type: bool
    default: true
  wait_conditions:
    description: What to wait for with kinds that Kubernetes itself knows nothing of.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: The kind, such as V(Certificate), or V(Certificate.cert-manager.io) where others are called so too.
        type: str
        required: true
      type:
        description: The type of the condition in the object's status.
        type: str
        required: true
      status:
        description: What the condition has to be.
        type: str
        choices: ["True", "False", "Unknown"]
        default: "True"
  adopt:
    description:
      - Take over objects that exist and carry other ownership labels or none, or belong to another set.
      - With O(state=absent), also remove namespaces and definitions that hold objects of others, with these.
    type: bool
    default: false
  allow_replace:
    description:
      - Delete and make again what cannot be changed in place. Without it such a change stops the call before anything
        is touched.
      - Only kinds that hold no data. Never claims, StatefulSets, namespaces, definitions of kinds or their objects.
    type: bool
    default: false
  force_conflicts:
    description:
      - Take over fields that other field managers hold with another value. Without it the call fails before anything is
        touched, and names them.
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
- name: A namespace and settings in it
  multicloud.platform.manifests:
    cloud: aws
    region: eu-central-1
    account: "123456789012"
    platform: ml-platform
    name: settings
    namespace: ml-serving
    definitions:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: ml-serving
      - apiVersion: v1
        kind: ConfigMap
        metadata:
          name: flags
        data:
          beta: "true"

- name: What a directory and a template hold
  multicloud.platform.manifests:
    cloud: gcp
    region: europe-west3
    account: my-project
    platform: ml-platform
    name: monitoring
    namespace: monitoring
    src:
      - /srv/manifests/monitoring
    templates:
      - alerts.yaml.j2
    wait_timeout: 600

- name: Not needed any more
  multicloud.platform.manifests:
    cloud: azure
    region: germanywestcentral
    account: 00000000-0000-0000-0000-000000000000
    platform: ml-platform
    name: monitoring
    state: absent
"""

RETURN = r"""
resources:
  description:
    - Every object, and the record of the set. The C(kind) of an object is such as C(kubernetes.apps/v1.Deployment), its
      C(name) is C(namespace/name) and its C(id) its UID. Values of Secrets are masked.
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
  description: The name of the C(set), and the C(addresses) of load balancers by C(namespace/name) of their Services.
  returned: always
  type: dict
  sample: {set: settings, addresses: {ml-serving/front: [203.0.113.7]}}
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
  description: What failed, on which object, what the API server answered, and what to do.
  returned: failure
  type: str
  sample: "kubernetes.apps/v1.Deployment ml-serving/web: create: not ready after 600 s; last observed state: ..."
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.multicloud.platform.plugins.module_utils._manifests import arguments, carry_out, hidden


def main() -> None:
    # Definitions may hold Secrets: the call is not written into the system's log, and their values not into the result.
    module = AnsibleModule(argument_spec=arguments(), supports_check_mode=True, no_log=True)
    module.no_log_values |= hidden(module.params)
    outcome = carry_out(module.params, check=module.check_mode, missing_library=missing_required_lib)
    for warning in outcome.warnings:
        module.warn(warning)
    (module.fail_json if outcome.failed else module.exit_json)(**outcome.result)


if __name__ == "__main__":
    main()
