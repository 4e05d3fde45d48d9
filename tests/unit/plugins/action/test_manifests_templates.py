"""Templates of `manifests` are rendered where Ansible runs, and tell where they are wrong."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

TEMPLATE = """
{% for name in names %}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: "{{ name }}"
data:
  {# text is text #}
  since: 2025-01-01
{% endfor %}
"""


@pytest.fixture
def render(collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the module is called with, for a template of this text."""
    plugin = importlib.import_module(f"{collection}.action.manifests")
    base = importlib.import_module(f"{collection}.action.site")
    monkeypatch.setattr(base.ActionModule, "run", lambda self, tmp=None, task_vars=None: self._task.args)

    def called(text: str, arguments: dict[str, Any] | None = None, **variables: Any) -> Any:
        (tmp_path / "templates").mkdir(exist_ok=True)
        (tmp_path / "templates" / "set.yaml.j2").write_text(text)
        loader = DataLoader()
        loader.set_basedir(str(tmp_path))
        arguments = arguments or {"templates": ["set.yaml.j2"]}
        task = SimpleNamespace(args=arguments, async_val=0, get_search_path=lambda: [str(tmp_path)])
        action = plugin.ActionModule(task, None, None, loader, Templar(loader, variables=variables), None)
        return action.run(task_vars={"ansible_search_path": [str(tmp_path)], **variables})

    return called


def test_what_templates_hold_comes_behind_the_definitions(render: Any) -> None:
    """Nothing of them is rendered twice."""
    arguments = {"templates": "set.yaml.j2", "definitions": [{"kind": "X"}], "name": "n"}
    found = render(TEMPLATE, arguments, names=["a", "{{ b }}"])
    assert found["templates"] == []
    assert found["definitions"][0] == {"kind": "X"}
    assert [one["metadata"]["name"] for one in found["definitions"][1:]] == ["a", "{{ b }}"]
    assert found["definitions"][1]["data"] == {"since": "2025-01-01"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: {{ missing }}", r"set\.yaml\.j2 line 2: 'missing' is undefined"),
        ("a: 1\nb: [", r"set\.yaml\.j2 line \d+: "),
        ("a: 1\na: 2", r"set\.yaml\.j2 line 2: 'a' stands here twice"),
        ("a: {b: {{ '{{ c }}' }}}", r"line 1: a key must be plain text"),
        ("- 1", "manifests are mappings"),
        ("a: 1\n\n{% if %}", r"set\.yaml\.j2 line 3: Syntax error"),
    ],
)
def test_a_wrong_template_is_named(render: Any, text: str, words: str) -> None:
    """With the line, where there is one."""
    with pytest.raises(AnsibleActionFail, match=words):
        render(text)


def test_a_template_that_is_not_there(render: Any) -> None:
    """Is told with where it was looked for."""
    with pytest.raises(AnsibleActionFail, match=r"other\.j2"):
        render("", {"templates": ["other.j2"]})
