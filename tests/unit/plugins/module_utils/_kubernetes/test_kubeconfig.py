"""A kubeconfig is changed where it is ours, and nowhere else."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from module_utils._engine.access import Endpoint, Token
from module_utils._engine.apply import converge
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import Busy, CloudError, InvalidRequest, NotFound, SpecError
from module_utils._engine.graph import Graph
from module_utils._engine.report import Report
from module_utils._engine.settings import Settings
from module_utils._engine.tags import Owner
from module_utils._kubernetes import kubeconfig_file
from module_utils._kubernetes.contexts import Context
from module_utils._kubernetes.kubeconfig import Kubeconfig, mark_of
from module_utils._kubernetes.kubeconfig_file import KubeconfigFile, default_path

PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
OWNER = Owner("ml", "dev", "aws-dev")

# Members that no schema knows, spellings that YAML 1.1 and 1.2 read differently, an order that is nobody's default.
FOREIGN = """\
current-context: minikube
x-settings: {keep: yes, number: 0123, since: 2024-01-01}
users:
- name: minikube
  user:
    token: "0123"
    exec:
      command: helper
      env: [{name: SECRET, value: swordfish}]
contexts:
- context:
    cluster: minikube
    extensions:
    - extension:
        last-update: Tue, 12 Nov 2024 08:30:00 CET
      name: context_info
    namespace: team
    user: minikube
  name: minikube
clusters:
- cluster:
    certificate-authority: /home/ada/ca.crt
    server: https://192.168.49.2:8443
  name: minikube
kind: Config
apiVersion: v1
preferences: {colors: true}
"""


class Door:
    """An access to a cluster that does not exist anywhere."""

    def __init__(self, server: str = "https://one.example", ca: str = PEM, error: Exception | None = None) -> None:
        self.server, self.ca, self.error = server, ca, error

    def endpoint(self) -> Endpoint:
        if self.error:
            raise self.error
        return Endpoint("one", self.server, self.ca)

    def token(self) -> Token:
        raise AssertionError("no token is needed to write a kubeconfig")

    def exec_plugin(self) -> dict[str, Any]:
        return {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "args": ["eks", "get-token"]}


def run(path: Path, door: Door | None = None, *, state: Any = "present", name: str = "aws-dev", **more: Any) -> Report:
    settings = Settings(
        OWNER, state=state, retry_timeout=0.1, **{k: more.pop(k) for k in ("check", "adopt") if k in more}
    )
    file = KubeconfigFile(path, SystemClock())
    context = Context(name, file, OWNER, door or Door(), present=state == "present", **more)
    return converge(Graph([context]), settings, SystemClock())


def test_a_new_file_is_private_and_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    assert run(path).changed
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    written = yaml.safe_load(path.read_text())
    assert [written["apiVersion"], written["kind"], written["current-context"]] == ["v1", "Config", ""]
    assert written["clusters"][0]["cluster"]["server"] == "https://one.example"
    assert written["contexts"][0]["context"]["user"] == "aws-dev"
    assert written["users"][0]["user"]["exec"]["command"] == "aws"
    assert mark_of(written["users"][0]["user"]) == OWNER.tags()
    assert sorted(item.name for item in path.parent.iterdir()) == ["config"]
    before = path.stat().st_mtime_ns
    assert not run(path).changed
    assert path.stat().st_mtime_ns == before


def test_what_others_wrote_stays_letter_by_letter(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(FOREIGN)
    path.chmod(0o400)
    run(path)
    assert path.stat().st_mode & 0o777 == 0o400  # stricter than ours
    text = path.read_text()
    for line in FOREIGN.splitlines():
        assert line.strip().removeprefix("- ") in text.replace("'", "")
    assert list(yaml.safe_load(text)) == list(yaml.safe_load(FOREIGN))
    assert Kubeconfig(text).current == "minikube"
    run(path, state="absent")
    assert path.read_text() == Kubeconfig(FOREIGN).text()


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "clusters: null\nusers:\ncontexts: []\n", '{"kind": "Config"}']
)
def test_files_with_nothing_in_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    run(path, current=True)
    assert Kubeconfig(path.read_text()).current == "aws-dev"
    assert yaml.safe_load(path.read_text())["users"][0]["user"]["exec"]["args"] == ["eks", "get-token"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("users: [\n  token: swordfish", "not valid YAML: .* line "),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("- swordfish\n", "not a mapping"),
        ("kind: Secret\ndata: {a: swordfish}\n", "its kind is 'Secret'"),
        ("users: {swordfish: 1}\n", "users are not a list"),
        ("a: \x07\n", "not valid YAML"),
    ],
)
def test_what_is_no_kubeconfig_is_left_as_it_is(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=words) as caught:
        run(path)
    assert str(path) in str(caught.value)
    assert "swordfish" not in str(caught.value)
    assert path.read_text() == text


def test_another_ones_context_is_left_alone_unless_it_is_adopted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(FOREIGN)
    with pytest.raises(SpecError, match=r"minikube exists, but .*adopt: true"):
        run(path, name="minikube")
    with pytest.raises(SpecError, match="adopt"):
        run(path, name="minikube", state="absent")
    assert path.read_text() == FOREIGN
    report = run(path, name="minikube", adopt=True)
    told = str(report.as_dict())
    assert "swordfish" not in told
    assert "0123" not in told
    written = yaml.safe_load(path.read_text())
    assert "token" not in written["users"][0]["user"]
    assert "certificate-authority" not in written["clusters"][0]["cluster"]
    assert written["contexts"][0]["context"]["namespace"] == "team"
    assert not run(path, name="minikube").changed


def test_the_same_name_of_another_platforms_site_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    file = KubeconfigFile(path, SystemClock())
    other = Owner("other", "dev", "aws-dev")
    converge(Graph([Context("aws-dev", file, other, Door())]), Settings(other), SystemClock())
    with pytest.raises(SpecError, match="it belongs to other/dev/aws-dev"):
        run(path)


def test_a_cluster_or_user_of_that_name_counts_too(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("users: [{name: aws-dev, user: {token: mine}}]\n")
    with pytest.raises(SpecError, match="adopt"):
        run(path)
    assert "mine" in path.read_text()


def test_what_somebody_changed_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "config"
    run(path)
    text = path.read_text().replace("https://one.example", "https://elsewhere.example")
    path.write_text(text.replace("  user:\n    exec:", "  user:\n    token: pasted\n    as: admin\n    exec:"))
    report = run(path)
    changed = {change["field"]: change for change in report.as_dict()["resources"][0]["changes"]}
    assert changed["server"]["before"] == "https://elsewhere.example"
    assert changed["overridden_by"]["before"] == ["token"]
    user = yaml.safe_load(path.read_text())["users"][0]["user"]
    assert "token" not in user
    assert user["as"] == "admin"
    assert not run(path).changed


def test_current_only_when_asked_and_gone_with_its_context(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(FOREIGN)
    run(path)
    assert Kubeconfig(path.read_text()).current == "minikube"
    assert [change.path for change in run(path, current=True).entries[0].changes] == ["current"]
    assert Kubeconfig(path.read_text()).current == "aws-dev"
    assert not run(path).changed
    run(path, state="absent")
    assert Kubeconfig(path.read_text()).current == ""
    assert not run(path, state="absent").changed


def test_what_somebodys_own_context_uses_stays(tmp_path: Path) -> None:
    path = tmp_path / "config"
    run(path)
    mine = "- name: mine\n  context: {cluster: aws-dev, user: aws-dev, namespace: team}\n"
    path.write_text(path.read_text().replace("contexts:\n", f"contexts:\n{mine}"))
    assert run(path, state="absent").changed
    written = yaml.safe_load(path.read_text())
    assert [item["name"] for item in written["contexts"]] == ["mine"]
    assert [item["name"] for item in written["clusters"]] == ["aws-dev"]
    assert not run(path, state="absent").changed


def test_a_plan_writes_nothing_and_knows_of_clusters_to_come(tmp_path: Path) -> None:
    path = tmp_path / "config"
    report = run(path, check=True)
    assert report.changed
    assert not path.exists()
    gone = Door(error=NotFound("no such cluster"))
    with pytest.raises(NotFound, match="there is no cluster to reach"):
        run(path, gone)
    planned = {change.path: change.after for change in run(path, gone, check=True, tolerant=True).entries[0].changes}
    assert "known after apply" in str(planned["server"])


def test_a_public_ca_needs_no_authority(tmp_path: Path) -> None:
    path = tmp_path / "config"
    run(path)
    run(path, Door(ca=""))
    assert "certificate-authority-data" not in path.read_text()
    assert not run(path, Door(ca="")).changed


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "config"
    target.write_text(FOREIGN)
    link.symlink_to(target)
    run(link)
    assert link.is_symlink()
    assert "aws-dev" in target.read_text()


def _write(path: str, name: str) -> None:
    owner = Owner("ml", "dev", name)
    file = KubeconfigFile(Path(path), SystemClock())
    converge(Graph([Context(name, file, owner, Door())]), Settings(owner), SystemClock())


def test_processes_that_write_the_same_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(FOREIGN)
    sites = [f"site-{number}" for number in range(6)]
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_write, args=(str(path), name)) for name in sites]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    written = yaml.safe_load(path.read_text())
    assert {item["name"] for item in written["contexts"]} == {"minikube", *sites}
    assert [item.name for item in tmp_path.iterdir()] == ["config"]


def test_kubectls_lock_is_waited_for_and_ours_is_never_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig_file, "_PATIENCE", 0.2)
    path, lock = tmp_path / "config", tmp_path / "config.lock"
    lock.touch()
    with pytest.raises(Busy, match="another program holds"):
        KubeconfigFile(path, SystemClock()).edit(lambda config: None)
    assert lock.exists()
    lock.write_text("multicloud.platform 1")  # of a process that was killed
    KubeconfigFile(path, SystemClock()).edit(lambda config: None)
    assert not lock.exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CloudError, match=r"config cannot be (read|written): Not a directory"):
        run(tmp_path / "file" / "config")


def test_where_kubectl_looks() -> None:
    assert default_path({}) == Path("~/.kube/config")
    assert default_path({"KUBECONFIG": os.pathsep.join(["", "/a", "/b"])}) == Path("/a")
