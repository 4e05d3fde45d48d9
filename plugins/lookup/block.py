# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: block
short_description: A capability's block from variables of its name
version_added: 0.1.0
description:
  - Collects the variables C(network_*), C(cluster_*), C(database_*) and so on into the block of that name that the
    modules take. C(cluster_size) becomes C(size) of the block C(cluster), and so on. What is not defined is left out.
  - So a site can differ from its group in one variable, without merging of dictionaries.
  - A variable that begins so and is no option of the block is an error, because it would have no effect.
author: multicloud.platform contributors (@multicloud-platform)
options:
  _terms:
    description:
      - Names of capabilities.
      - Each is V(network), V(secret_store), V(cluster), V(database), V(cache), V(registry), V(object_store),
        V(workload_identity), V(kubernetes_base) or V(application).
    required: true
  others:
    description: Names of variables that begin so and are meant for somebody else.
    type: list
    elements: str
    default: []
    vars:
      - name: platform_other_variables
"""

EXAMPLES = r"""
- name: The cluster as cluster_version, cluster_size and so on describe it
  multicloud.platform.cluster:
    cloud: "{{ site_cloud }}"
    region: "{{ site_region }}"
    account: "{{ site_account }}"
    platform: ml-platform
    network: "{{ lookup('multicloud.platform.block', 'network') }}"
    cluster: "{{ lookup('multicloud.platform.block', 'cluster') }}"
"""

RETURN = r"""
_raw:
  description: One block for each name.
  type: list
  elements: dict
"""

from difflib import get_close_matches
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.multicloud.platform.plugins.module_utils._inside import BLOCKS as INSIDE
from ansible_collections.multicloud.platform.plugins.module_utils._module import CAPABILITIES
from ansible_collections.multicloud.platform.plugins.module_utils._spec.arguments import argument_spec

BLOCKS = {**CAPABILITIES, **INSIDE}


class LookupModule(LookupBase):
    """Reads the options off the specification, so that no list of variables has to be kept."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        for term in terms:
            if term not in BLOCKS:
                raise AnsibleError(f"There is no capability {term!r}. Choose from {', '.join(BLOCKS)}.")
        return [self._block(term, variables or {}) for term in terms]

    def _block(self, capability: str, variables: dict[str, Any]) -> dict[str, Any]:
        options, prefix = argument_spec(BLOCKS[capability]), f"{capability}_"
        others = set(self.get_option("others") or [])
        given = [name for name in variables if name.startswith(prefix) and name not in others]
        for name in given:
            if name.removeprefix(prefix) not in options:
                raise AnsibleError(_unknown(name, prefix, list(options)))
        block = {name.removeprefix(prefix): self._templar.template(variables[name]) for name in given}
        return {name: value for name, value in block.items() if value is not None and not _omitted(value)}


def _unknown(name: str, prefix: str, options: list[str]) -> str:
    close = get_close_matches(name, [prefix + option for option in options], n=1)
    hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(prefix + option for option in options)}."
    return (
        f"The variable {name} would have no effect. {hint} "
        "If it is meant for something else, name it in platform_other_variables."
    )


def _omitted(value: Any) -> bool:
    """`omit`, which is a marker text up to ansible-core 2.18 and a type of its own since."""
    return type(value).__name__ == "Omit" or (isinstance(value, str) and value.startswith("__omit_place_holder__"))
