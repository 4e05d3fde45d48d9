"""The secret store on Google Cloud: values made once, renewed, closed, and brought back."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from googleapiclient.errors import HttpError
from module_utils._engine.errors import SpecError

from sandbox.core.connection import GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.google_stores import BASE, Google, acts, asked, done, run, seen

PROJECT = f"projects/{GCP_PROJECT}"
TOKEN, PARTNER = f"{BASE}-token", f"{BASE}-partner"


@pytest.fixture
def cloud() -> str:
    return "gcp"


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    return Google(sandbox)("secretmanager").projects().secrets()


def specs(*, rotate: bool = False, state: str = "present", **options: Any) -> dict[str, Any]:
    token = {"name": "token", "rotate": rotate, "state": state, "length": 40}
    return {"secret_store": {"secrets": [token, {"name": "partner", "generate": False}], **options}}


def latest(api: Any, secret: str) -> str:
    answer = api.versions().access(name=f"{PROJECT}/secrets/{secret}/versions/latest").execute()
    return base64.b64decode(answer["payload"]["data"]).decode()


def fill(api: Any, secret: str, value: str) -> None:
    payload = {"payload": {"data": base64.b64encode(value.encode()).decode()}}
    api.addVersion(parent=f"{PROJECT}/secrets/{secret}", body=payload).execute()


def test_a_whole_life(site: dict[str, Any], sandbox: Sandbox, api: Any) -> None:
    report = done(run(site, specs()))
    assert report.outputs["secret_store"]["secrets"] == {
        "token": f"{PROJECT}/secrets/{TOKEN}",
        "partner": f"{PROJECT}/secrets/{PARTNER}",
    }
    value = latest(api, TOKEN)
    assert len(value) == 40
    fill(api, PARTNER, "theirs")
    since = seen(sandbox)
    assert acts(done(run(site, specs()))) == {}
    assert asked(sandbox, since) == ["serviceusage.services.batchGet", "secretmanager.projects.secrets.list"]

    api.patch(name=f"{PROJECT}/secrets/{TOKEN}", body={"labels": {"team": "x"}}, updateMask="labels").execute()
    with pytest.raises(SpecError, match="carries no ownership tags"):
        run(site, specs())
    assert acts(done(run(site, specs(), adopt=True))) == {f"gcp.secretmanager.secret {TOKEN}": "update"}
    assert api.get(name=f"{PROJECT}/secrets/{TOKEN}").execute()["labels"]["team"] == "x"

    rotated = done(run(site, specs(rotate=True)))
    assert acts(rotated) == {f"secret.value {TOKEN}": "update"}
    assert latest(api, TOKEN) not in (value, "")
    assert value not in json.dumps(rotated.as_dict(), default=str)
    with pytest.raises(HttpError, match="DISABLED state"):
        api.versions().access(name=f"{PROJECT}/secrets/{TOKEN}/versions/1").execute()
    assert latest(api, PARTNER) == "theirs"


def test_a_deleted_secret_can_be_brought_back_for_a_while(site: dict[str, Any], sandbox: Sandbox, api: Any) -> None:
    done(run(site, specs(soft_delete_days=10)))
    fill(api, PARTNER, "theirs")
    before = latest(api, TOKEN), latest(api, PARTNER)
    gone = done(run(site, specs(soft_delete_days=10), state="absent", find_orphans=True))
    assert gone.orphans == []
    assert sorted(each["name"] for each in gone.kept or ()) == [PARTNER, TOKEN]
    assert {entry.note for entry in gone.entries if entry.kind == "gcp.secretmanager.secret"} == {
        "closed, and can be brought back under its name for 10 days"
    }
    for secret in (TOKEN, PARTNER):
        with pytest.raises(HttpError, match="DISABLED state"):
            latest(api, secret)
    assert acts(done(run(site, specs(soft_delete_days=10), state="absent"))) == {}
    done(run(site, specs(soft_delete_days=10)))
    assert (latest(api, TOKEN), latest(api, PARTNER)) == before
    assert "expireTime" not in api.get(name=f"{PROJECT}/secrets/{TOKEN}").execute()

    done(run(site, specs(state="absent", soft_delete_days=10)))
    sandbox.advance("gcp", 11 * 86400)
    with pytest.raises(HttpError, match="not found"):
        api.get(name=f"{PROJECT}/secrets/{TOKEN}").execute()


def test_a_key_stays_as_long_as_its_secrets_and_a_value_without_one_is_made_anew(
    site: dict[str, Any], sandbox: Sandbox, api: Any
) -> None:
    done(run(site, specs(encryption="customer")))
    key = api.get(name=f"{PROJECT}/secrets/{TOKEN}").execute()["replication"]["userManaged"]["replicas"][0]
    place = f"/locations/{sites.REGIONS['gcp']}/"
    assert place in key["customerManagedEncryption"]["kmsKeyName"]
    before = latest(api, TOKEN)
    gone = done(run(site, specs(encryption="customer"), state="absent", find_orphans=True))
    assert gone.orphans == []
    assert {each["kind"] for each in gone.kept or ()} == {"gcp.secretmanager.secret", "gcp.kms.key"}
    done(run(site, specs(encryption="customer")))
    assert latest(api, TOKEN) == before

    done(run(site, specs(encryption="customer"), state="absent"))
    versions = Google(sandbox)("cloudkms").projects().locations().keyRings().cryptoKeys().cryptoKeyVersions()
    version = f"{key['customerManagedEncryption']['kmsKeyName']}/cryptoKeyVersions/1"
    versions.destroy(name=version, body={}).execute()
    done(run(site, specs(encryption="customer")))
    assert len(latest(api, TOKEN)) == 40
    assert latest(api, TOKEN) != before
    assert acts(done(run(site, specs(encryption="customer")))) == {}
    done(run(site, specs()))
    assert acts(done(run(site, specs()))) == {}
