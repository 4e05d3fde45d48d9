# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `workload_identity` block: options of the modules site, site_info and workload_identity."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  workload_identity:
    description:
      - Which workloads of the site's cluster may use which of its buckets and secrets. They use them as identities of
        their own, without any key.
      - It needs O(cluster.workload_identity).
    type: dict
    suboptions:
      workloads:
        description:
          - The workloads, each a service account of the cluster.
          - One that is no longer listed is left alone, O(workload_identity.workloads[].state=absent) takes back what it
            may do.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name within the site, 1 to 40 lower-case letters, digits and hyphens, beginning with a letter.
            type: str
            required: true
          state:
            description: V(absent) deletes the identity, or takes back what it may do.
            type: str
            choices: [present, absent]
            default: present
          namespace:
            description: Namespace of the service account.
            type: str
            default: ml-serving
          service_account:
            description:
              - The service account. It may be there later than its identity.
              - Without it the workload's name, which is how M(multicloud.platform.application) names a service's own.
            type: str
          buckets:
            description: Buckets of O(object_store.buckets). One that is no longer named is closed to the workload.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description: Name of the bucket within the site.
                type: str
                required: true
              access:
                description:
                  - V(read) lists and reads objects. V(write) also writes and deletes them.
                  - Neither reaches the settings of the bucket.
                type: str
                choices: [read, write]
                default: read
          secrets:
            description:
              - Secrets whose value the workload may read. One that is no longer named is closed to it.
              - V(api-key) is the secret of this name of O(secret_store.secrets).
              - V(database/main/app) is the password of the user C(app) of the server C(main) of O(database.servers).
              - V(cache/main) is the password of the cache C(main) of O(cache.instances).
              - Administrators of databases cannot be named. Give the workload a user of its own.
              - On GCP a cache with the engine V(valkey) has no password.
            type: list
            elements: str
            default: []
"""
