# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that changes something: how a run behaves."""

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
  wait_timeout:
    description: The longest that one object may take, in seconds. A rerun goes on waiting where this one stopped.
    type: int
    default: 3600
  retry_timeout:
    description: How long a call that fails for a passing reason (throttling, server errors) is tried again, in seconds.
    type: int
    default: 180
  progress_file:
    description:
      - Append progress to this file while the call runs, one JSON object per line and state change, with the members
        C(time), C(site), C(kind), C(name), C(action), C(state), C(elapsed) and C(message).
      - With a local connection progress is printed while the task runs, whether this is set or not.
    type: path
attributes:
  check_mode:
    description: Predicts exactly what would be done, on empty accounts too, and changes nothing.
    support: full
  diff_mode:
    description: Shows exactly the fields that change, secrets masked.
    support: full
"""
