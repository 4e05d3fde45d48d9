# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module: which site, whose account, how to reach it."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  cloud:
    description: The cloud that the site is on.
    type: str
    choices: [aws, gcp, azure]
    required: true
  region:
    description:
      - The cloud's own name of the region, for example V(eu-central-1), V(europe-west3) or V(germanywestcentral).
    type: str
    required: true
  platform:
    description:
      - Name of the platform. With the site's name it begins the name of every object, and it is an ownership tag.
      - 1 to 30 lower-case letters, digits and hyphens, beginning with a letter.
    type: str
    required: true
  account:
    description:
      - The AWS account id (12 digits, quoted), GCP project id or Azure subscription id that the site lives in.
      - When the credentials belong to another account the call stops before anything is touched.
    type: str
    required: true
  site:
    description: Name of the site. The default is O(cloud) and O(environment), for example V(aws-dev).
    type: str
  environment:
    description:
      - Decides what the specification leaves open.
      - V(dev) has one NAT gateway, spot nodes and short retention.
      - V(staging) has nodes on demand, flow logs and secrets encryption.
      - V(prod) adds one NAT gateway per zone, deletion protection, all control plane logs and long retention.
    type: str
    choices: [dev, staging, prod]
    default: dev
  tags:
    description:
      - Tags (labels on GCP) for every object, beside the ownership tags that the collection sets itself.
      - Tags that are not named here and are no ownership tags are left alone.
    type: dict
  credentials:
    description: Where credentials come from. Without it the SDK's own chain decides.
    type: dict
    suboptions:
      source:
        description:
          - The only source to look at, so that nothing is probed.
          - On AWS V(environment), V(profile) or V(default).
          - On GCP V(service_account_file), V(environment) (the file that E(GOOGLE_APPLICATION_CREDENTIALS) names),
            V(cli) (the login of gcloud), V(managed_identity) (the metadata server), or V(default), which is
            V(environment), else V(cli).
          - On Azure V(environment), V(managed_identity), V(cli) or V(default).
        type: str
        choices: [default, environment, profile, service_account_file, managed_identity, cli]
        default: default
      profile:
        description: Name of the profile for O(credentials.source=profile).
        type: str
      service_account_file:
        description: Path of the key file for O(credentials.source=service_account_file).
        type: path
      client_id:
        description: Client id of the user-assigned managed identity, on Azure.
        type: str
      tenant_id:
        description: The Entra tenant to sign in to, on Azure.
        type: str
      role_arn:
        description: ARN of an IAM role to assume with the credentials found, on AWS.
        type: str
  endpoints:
    description:
      - Base URLs by service name, for sovereign clouds, private endpoints and the sandbox.
      - V(default) serves every service without an entry of its own. On GCP the service's name is added behind it.
    type: dict
  ca_bundle:
    description: Path of the CA certificates that HTTPS endpoints are checked against, instead of the system's own.
    type: path
  enable_services:
    description:
      - Switch on the GCP APIs and Azure resource providers that the site needs.
      - When this is V(false) and one is off, the call stops and names it.
    type: bool
    default: false
notes:
  - Every object carries the ownership tags C(managed-by), C(platform), C(environment) and C(site). Objects with the
    right name but without these tags are never changed or deleted, unless the option C(adopt) allows it.
  - An option that is omitted is not managed. It is neither compared nor reset.
  - The module talks to the cloud from the machine it runs on, usually the controller (C(connection) V(local)).
requirements:
  - python >= 3.11
  - boto3 (sites on AWS)
  - google-auth and requests (sites on GCP)
  - azure-identity and azure-mgmt-resource (sites on Azure)
"""
