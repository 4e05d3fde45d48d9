# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `object_store` block: options of the modules site, site_info and object_store."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  object_store:
    description: The site's buckets. Private, encrypted and reachable over TLS only, always.
    type: dict
    suboptions:
      buckets:
        description:
          - The buckets.
          - One that is no longer listed is left alone, O(object_store.buckets[].state=absent) deletes it.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name within the platform, 1 to 42 lower-case letters, digits and hyphens.
            type: str
            required: true
          state:
            description: V(absent) deletes the bucket.
            type: str
            choices: [present, absent]
            default: present
          physical_name:
            description:
              - Name in the cloud, instead of one made of platform, site, name and a hash of the account.
              - On Azure the name of the container, which is otherwise the bucket's own.
            type: str
          versioning:
            description: Keep old versions of objects.
            type: bool
            default: true
          lifecycle_rules:
            description:
              - What happens to objects with age. V([]) means no rule.
              - The default for a bucket with versioning deletes old versions after 30 days in dev, 60 in staging and 90
                in prod, and uploads that were never finished after 7.
            type: list
            elements: dict
            suboptions:
              name:
                description: Name of the rule.
                type: str
                required: true
              prefix:
                description: Only objects whose name begins so.
                type: str
                default: ""
              transition_after_days:
                description: Age at which objects move to O(object_store.buckets[].lifecycle_rules[].transition_to).
                type: int
              transition_to:
                description:
                  - The class of storage that objects move to.
                  - On Azure the tiers Cool, Cold and Archive.
                type: str
                choices: [infrequent, archive, deep_archive]
              expire_after_days:
                description: Age at which objects are deleted.
                type: int
              noncurrent_expire_after_days:
                description: Days after which an old version is deleted.
                type: int
              abort_uploads_after_days:
                description:
                  - Days after which an upload that was never finished is dropped.
                  - On Azure it is always 7.
                type: int
          encryption:
            description: V(customer) encrypts with a key of your own, named in the block of the cloud or made for it.
            type: str
            choices: [provider, customer]
            default: provider
          access_logs:
            description: Log who reads and writes objects.
            type: bool
            default: true
          retention_days:
            description:
              - Objects can be neither changed nor deleted for this many days.
              - On GCP this needs C(versioning=false).
              - On Azure the policy is left unlocked, so that it can be taken away deliberately.
            type: int
          soft_delete_days:
            description:
              - Deleted objects can be restored for this many days. On GCP 0, or 7 to 90.
              - The default is 7 in dev, 14 in staging and 30 in prod.
            type: int
          force:
            description: Delete the bucket even when it holds objects. Without it that stops the call.
            type: bool
            default: false
          aws:
            description: What is not portable, read for sites on AWS only.
            type: dict
            suboptions:
              encryption_key_arn:
                description: ARN of the KMS key for O(object_store.buckets[].encryption=customer).
                type: str
          gcp:
            description: What is not portable, read for sites on GCP only.
            type: dict
            suboptions:
              kms_key:
                description: Name of the KMS key for O(object_store.buckets[].encryption=customer).
                type: str
              location:
                description: A multi-region or dual region, instead of the site's region.
                type: str
              storage_class:
                description: The class that objects begin in.
                type: str
          azure:
            description: What is not portable, read for sites on Azure only.
            type: dict
            suboptions:
              storage_account:
                description:
                  - A label. Buckets with the same label share one storage account.
                  - They must agree in what is set per account.
                  - Without it each bucket has an account of its own.
                type: str
              replication:
                description:
                  - Where copies are kept. Without it V(ZRS) in O(environment=prod), else V(LRS).
                  - V(ZRS) and V(GZRS) have no archive tier.
                type: str
                choices: [LRS, ZRS, GRS, GZRS]
              key_vault_key_id:
                description:
                  - Id of the Key Vault key for O(object_store.buckets[].encryption=customer), in the form
                    C(/subscriptions/.../vaults/NAME/keys/KEY). Without it a vault and a key are made.
                type: str
      azure:
        description: What is not portable, read for sites on Azure only.
        type: dict
        suboptions:
          resource_group:
            description:
              - A resource group that exists, used instead of one that the site makes for its data.
              - It is neither changed nor deleted.
            type: str
"""
