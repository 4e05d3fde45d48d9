# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Tell what a site's run did, and write it down
version_added: 0.1.0
description:
  - Prints a table of one site's run. One row per object that changed, what changed in it, counts, and what stands now.
  - Writes the report to files when O(directory) is given.
  - Fails when the run failed, with its message, so that the task before it can leave that to this one.
  - Fails when O(state=absent) left orphans behind.
author: multicloud.platform contributors (@multicloud-platform)
options:
  result:
    description: What the task with one of this collection's modules registered.
    type: dict
    required: true
  directory:
    description:
      - Directory for the files, on the controller. It is made when it does not exist.
      - C(<site>.json) is the site's report.
      - C(timeline.html) is a picture of all sites of the same run, with the critical path marked.
      - In check mode there is C(plan.json) instead, with the plans of all sites of the same run.
    type: path
  state:
    description: What the run was to bring about.
    type: str
    choices: [present, absent]
    default: present
  subject:
    description:
      - What the run was about, which is the module whose result it is.
      - Reports of V(backup), V(restore), V(kubernetes_base) and V(application) are named C(<site>-backup.json) and so
        on, and have no picture.
      - Those of V(verify) and V(load) hold all sites of the same run, in C(verify.json) and C(load.json). The checks of
        V(verify) are in C(verify.xml) too, in the format of JUnit.
    type: str
    choices: [site, backup, restore, kubernetes_base, application, verify, load]
    default: site
  run:
    description: Reports with the same name belong together. The default is one name per run of C(ansible-playbook).
    type: str
attributes:
  check_mode:
    description: Writes its files in check mode too, because a plan is there to be read. It changes nothing else anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
notes:
  - This is an action plugin. It runs on the controller.
"""

EXAMPLES = r"""
- name: Converge the site
  multicloud.platform.site:
    cloud: "{{ site_cloud }}"
    region: "{{ site_region }}"
    account: "{{ site_account }}"
    platform: ml-platform
    object_store:
      buckets:
        - name: models
  register: converged
  failed_when: false  # the report tells it and fails

- name: Report
  multicloud.platform.report:
    result: "{{ converged }}"
    directory: ./reports
"""

RETURN = r"""
counts:
  description: Number of objects by action, and how many failed, were skipped or are interrupted by their update.
  returned: always
  type: dict
  sample: {create: 12, update: 1, replace: 0, delete: 0, none: 40, failed: 0, skipped: 0, disruptive: 0}
files:
  description: Paths of the files that were written.
  returned: always
  type: list
  elements: str
  sample: [/home/me/reports/aws-dev.json, /home/me/reports/timeline.html]
summary:
  description: The counts in words.
  returned: always
  type: str
  sample: 12 created, 1 updated, 40 unchanged
"""
