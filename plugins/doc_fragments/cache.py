# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `cache` block: options of the modules site, site_info, cache, backup and backup_info."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  cache:
    description:
      - The site's Redis-compatible caches. ElastiCache on AWS, Memorystore on GCP, Azure Managed Redis on Azure.
      - They are private, encrypted at rest and reachable over TLS only, with authentication.
    type: dict
    suboptions:
      instances:
        description:
          - The caches.
          - One that is no longer listed is left alone, O(cache.instances[].state=absent) deletes it.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - Name within the site, 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter.
            type: str
            required: true
          state:
            description: V(absent) deletes the cache.
            type: str
            choices: [present, absent]
            default: present
          engine:
            description:
              - The engine. Without it what the cloud's service offers first, V(valkey) on AWS and GCP, V(redis) on
                Azure.
            type: str
            choices: [valkey, redis]
          version:
            description:
              - Version of the engine. Without it the cloud's default, chosen at creation.
              - There is no way back to an older one.
            type: str
          size:
            description:
              - Class of the cache. V(small) has about 1 GiB of memory, V(medium) 6 and V(large) 25.
              - A class of the cloud's own stands in its block.
            type: str
            choices: [small, medium, large]
            default: small
          high_availability:
            description: A replica in another zone, with automatic failover. The default is V(true) in prod.
            type: bool
          persistence:
            description:
              - V(snapshots) saves the data regularly, V(append_only) every write.
              - V(none) loses it with the instance.
            type: str
            choices: [none, snapshots, append_only]
            default: none
          snapshot_retention_days:
            description:
              - How long snapshots are kept, 1 to 35, with O(cache.instances[].persistence=snapshots).
              - The default is 7 in dev and staging, 14 in prod.
              - Azure keeps the newest snapshot alone, of every hour, and takes neither this nor
                O(cache.instances[].snapshot_window).
            type: int
          snapshot_window:
            description: When the daily snapshot may begin, as V(HH:MM), in UTC.
            type: str
          eviction_policy:
            description: What goes when the memory is full. Without it the service's default.
            type: str
            choices:
              - noeviction
              - allkeys-lru
              - allkeys-lfu
              - allkeys-random
              - volatile-lru
              - volatile-lfu
              - volatile-random
              - volatile-ttl
          maintenance_window:
            description: When the cloud may touch the cache. Azure takes no such window.
            type: dict
            suboptions:
              start_time:
                description: Beginning as V(HH:MM), in UTC.
                type: str
                required: true
              days:
                description: Days of the week. Without it every day, where the service has that.
                type: list
                elements: str
                choices: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]
              duration_hours:
                description: Length of the window.
                type: int
                default: 4
          encryption:
            description: V(customer) encrypts with a key of your own, named in the block of the cloud.
            type: str
            choices: [provider, customer]
            default: provider
          final_snapshot:
            description: Take a snapshot before the cache is deleted. It stays, and the report names it.
            type: bool
            default: false
          rotate:
            description:
              - Make a new password or key in this run, and keep the old one valid while clients change over where the
                service has two.
              - Every run with it does so, so it belongs on a command line.
            type: bool
            default: false
          aws:
            description: What is not portable, read for sites on AWS only.
            type: dict
            suboptions:
              node_type:
                description: Node type, instead of O(cache.instances[].size), for example V(cache.m7g.large).
                type: str
              encryption_key_arn:
                description: ARN of the KMS key for O(cache.instances[].encryption=customer).
                type: str
          gcp:
            description: What is not portable, read for sites on GCP only.
            type: dict
            suboptions:
              node_type:
                description: Node type, instead of O(cache.instances[].size), of O(cache.instances[].engine=valkey).
                type: str
              memory_gb:
                description: Memory in GiB, instead of O(cache.instances[].size), of O(cache.instances[].engine=redis).
                type: int
              kms_key:
                description: Name of the KMS key for O(cache.instances[].encryption=customer).
                type: str
          azure:
            description: What is not portable, read for sites on Azure only.
            type: dict
            suboptions:
              sku:
                description:
                  - SKU of Azure Managed Redis, instead of O(cache.instances[].size), for example V(Balanced_B5).
                  - Sizes of Azure Cache for Redis, which is being retired, are refused.
                type: str
              key_vault_key_id:
                description: Id of the Key Vault key for O(cache.instances[].encryption=customer).
                type: str
"""
