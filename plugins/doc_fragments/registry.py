# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `registry` block: options of the modules site, site_info and registry."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  registry:
    description: The site's container registry. ECR on AWS, Artifact Registry on GCP, Container Registry on Azure.
    type: dict
    suboptions:
      repositories:
        description:
          - The repositories.
          - One that is no longer listed is left alone, O(registry.repositories[].state=absent) deletes it.
          - On Azure a repository comes into being with the first image that is pushed, and listing it says where that
            will be.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name within the site, 1 to 60 lower-case letters, digits and hyphens, beginning with a letter.
            type: str
            required: true
          state:
            description: V(absent) deletes the repository.
            type: str
            choices: [present, absent]
            default: present
          force:
            description: Delete the repository even when it holds images. Without it that stops the call.
            type: bool
            default: false
      immutable_tags:
        description:
          - A tag that was pushed cannot be pushed again with another image.
          - The default is V(true), except on Azure, whose registry has no such setting.
        type: bool
      scan_on_push:
        description:
          - Look for known vulnerabilities in every image that is pushed.
          - The default is V(true), except on Azure, whose registry has no such setting.
        type: bool
      untagged_expire_days:
        description: Days after which an image without a tag is deleted, 0 to 3650. V(0) keeps them.
        type: int
        default: 14
      encryption:
        description: V(customer) encrypts with a key of your own, named in the block of the cloud.
        type: str
        choices: [provider, customer]
        default: provider
      pull:
        description:
          - The identity of the site's cluster may pull.
          - Without it that is so when the cluster is part of the same call.
        type: bool
      aws:
        description: What is not portable, read for sites on AWS only.
        type: dict
        suboptions:
          encryption_key_arn:
            description: ARN of the KMS key for O(registry.encryption=customer).
            type: str
      gcp:
        description: What is not portable, read for sites on GCP only.
        type: dict
        suboptions:
          kms_key:
            description: Name of the KMS key for O(registry.encryption=customer).
            type: str
      azure:
        description: What is not portable, read for sites on Azure only.
        type: dict
        suboptions:
          sku:
            description: Tier of the registry. Without it the cheapest that can do what is asked.
            type: str
            choices: [Basic, Standard, Premium]
          key_vault_key_id:
            description: Id of the Key Vault key for O(registry.encryption=customer).
            type: str
"""
