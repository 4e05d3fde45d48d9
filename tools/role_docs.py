"""Write the documentation of the capability roles from the doc fragments: `python tools/role_docs.py`.

The variables of these roles are the options of the blocks of the same names, so their argument specs and the tables in
their READMEs follow from the modules' documentation.
"""

from __future__ import annotations

import importlib.util
import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TITLES = {
    "network": "A site's network",
    "cluster": "A site's Kubernetes cluster, in the network that the site has",
    "secret_store": "A site's secret store, and secrets in it",
    "database": "A site's managed databases",
    "cache": "A site's Redis-compatible caches",
    "registry": "A site's container registry",
    "object_store": "A site's buckets",
}
MARK = "## Variables\n"


def main() -> None:
    """Write both files of every role."""
    for role, title in TITLES.items():
        options = _fragment(role)[role]["suboptions"]
        directory = ROOT / "roles" / role
        (directory / "meta" / "argument_specs.yml").write_text(_specs(role, title, options), encoding="utf-8")
        readme = directory / "README.md"
        kept = readme.read_text(encoding="utf-8").partition(MARK)[0]
        readme.write_text(f"{kept}{MARK}\n{_table(role, options)}", encoding="utf-8")


def _fragment(name: str) -> dict[str, Any]:
    path = ROOT / "plugins" / "doc_fragments" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(yaml.safe_load(module.ModuleDocFragment.DOCUMENTATION)["options"])


def _specs(role: str, title: str, options: dict[str, Any]) -> str:
    lines = [
        "---",
        "argument_specs:",
        "  main:",
        f"    short_description: {title}",
        "    description:",
        "      - Converges this alone. What concerns the site is in the variables of the role",
        "        P(multicloud.platform.site#role).",
        f"      - Each variable is an option of the block C({role}) of the module M(multicloud.platform.{role}).",
        "        The members of dictionaries are described there.",
        "    options:",
    ]
    for name, option in options.items():
        lines += [f"      {role}_{name}:", *_description(_text(option).replace(f"({role}.", f"({role}_"))]
        lines.append(f"        type: {option['type']}")
        if "elements" in option:
            lines.append(f"        elements: {option['elements']}")
        if "choices" in option:
            lines.append(f"        choices: [{', '.join(option['choices'])}]")
    return "\n".join(lines) + "\n"


def _description(text: str) -> list[str]:
    text = re.sub(r"O\((\w+[.\[][^)]*)\)", r"C(\1)", text)  # members of a variable are no options of the role
    wrapped = textwrap.wrap(text, 104, break_long_words=False, break_on_hyphens=False)
    return ["        description:", f"          - {wrapped[0]}", *[f"            {line}" for line in wrapped[1:]]]


def _table(role: str, options: dict[str, Any]) -> str:
    rows = [
        "What is omitted is not managed, or follows from the platform's environment. The members of dictionaries and",
        f"lists are described by `ansible-doc multicloud.platform.{role}`.",
        "",
        "| Variable | Type | Default | Meaning |",
        "| --- | --- | --- | --- |",
    ]
    for name, option in options.items():
        kind = f"{option['type']} of {option['elements']}" if "elements" in option else option["type"]
        default = option.get("default")
        shown = "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        meaning = re.sub(r"[OCVM]\(([^)]*)\)", r"`\1`", _text(option).replace(f"({role}.", f"({role}_"))
        rows.append(f"| `{role}_{name}` | {kind} | {shown} | {meaning} |")
    return "\n".join(rows) + "\n"


def _text(option: dict[str, Any]) -> str:
    description = option["description"]
    return " ".join(description) if isinstance(description, list) else str(description)


if __name__ == "__main__":
    main()
