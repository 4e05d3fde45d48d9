# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `secret_store` block: options of the modules site, site_info, secret_store, database, cache and restore."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  secret_store:
    description:
      - Where every generated credential of the site lives. Secrets Manager on AWS, Secret Manager on GCP, a Key Vault
        on Azure. No value is ever returned, only references to them.
      - The credentials of databases and caches are kept there without being named here.
    type: dict
    suboptions:
      secrets:
        description:
          - Secrets of your own.
          - One that is no longer listed is left alone, O(secret_store.secrets[].state=absent) deletes it.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name within the site, 1 to 50 lower-case letters, digits and hyphens, beginning with a letter.
            type: str
            required: true
          state:
            description: V(absent) deletes the secret. It can be brought back for O(secret_store.soft_delete_days).
            type: str
            choices: [present, absent]
            default: present
          generate:
            description:
              - Make a random value once, of letters and digits.
              - With V(false) the secret is a place that people or programs fill. Its value is never looked at.
            type: bool
            default: true
          length:
            description: Number of characters of a value that is made, 16 to 128.
            type: int
            default: 32
          rotate:
            description: Make a new value in this run. Every run with it does so, so it belongs on a command line.
            type: bool
            default: false
      soft_delete_days:
        description:
          - How long deleted secrets can be brought back, 7 to 30.
          - The default is 7 in dev, 14 in staging and 30 in prod.
          - Secret Manager deletes at once; there it is how long old versions of a value are kept before they are
            destroyed.
        type: int
      encryption:
        description: V(customer) encrypts with a key of your own, named in the block of the cloud.
        type: str
        choices: [provider, customer]
        default: provider
      aws:
        description: What is not portable, read for sites on AWS only.
        type: dict
        suboptions:
          encryption_key_arn:
            description: ARN of the KMS key for O(secret_store.encryption=customer).
            type: str
      gcp:
        description: What is not portable, read for sites on GCP only.
        type: dict
        suboptions:
          kms_key:
            description: Name of the KMS key for O(secret_store.encryption=customer).
            type: str
      azure:
        description: What is not portable, read for sites on Azure only.
        type: dict
        suboptions:
          purge_protection:
            description:
              - Nobody can delete the vault for good before O(secret_store.soft_delete_days) are over. It cannot be
                switched off again, and until then the vault's name is taken.
              - The site's own deleted vault is recovered when the site is made again.
            type: bool
          resource_group:
            description: A resource group that exists, used instead of the one that the site makes for its data.
            type: str
"""
