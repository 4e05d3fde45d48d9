# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name and prints its progress while it runs. See the module for documentation."""

from __future__ import annotations

from ansible_collections.multicloud.platform.plugins.action.site import ActionModule

__all__ = ["ActionModule"]
