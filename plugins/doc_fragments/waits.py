# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that changes something: how long it waits, and how it tells what goes on."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
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
