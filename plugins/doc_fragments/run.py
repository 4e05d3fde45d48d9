# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that changes something: what a run may do."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(present) makes and changes what differs from the specification.
      - V(absent) deletes it, in reverse order, and waits until it is gone.
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description: Take over objects that have the right name but not this site's ownership tags.
    type: bool
    default: false
  allow_replace:
    description:
      - Delete and make again what cannot be changed in place. Without it such a change stops the call before anything
        is touched, and the message says what would be destroyed.
      - Objects whose loss would lose data are not replaced even so.
    type: bool
    default: false
  allow_disruption:
    description:
      - In O(environment=prod) make changes that restart or fail over what is running. Without it such a change stops
        the call before anything is touched.
      - Elsewhere they are made anyway. The plan tells them everywhere, see
        RV(multicloud.platform.site#module:resources[].disruptive).
    type: bool
    default: false
"""
