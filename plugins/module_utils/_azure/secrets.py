# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data plane of one key vault. Values pass only through here.

A secret's newest version is what its clients read, so a value that is not in use yet must never become that. It waits
in a second secret beside it (`<name>--pending`), which is disabled once the value has moved. A secret that has no
value yet has one version, disabled and marked by its content type: a vault knows no secret without versions.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from .._engine.credential import Kept
from .._engine.errors import AuthError, Busy, CloudError, Conflict, NotFound
from .._engine.resource import NotYetKnown
from .arm import ArmResource
from .session import Session

PENDING = "--pending"
_VERSION = "7.4"
_EMPTY = "application/x-no-value"
_TEXT = "text/plain"
_NO_ROLE = "forbiddenbyrbac"
_HINT = "Give the credentials the role 'Key Vault Secrets Officer' on the vault."


class KeyVault:
    """The secrets of one vault, for one run. Implements `_engine.credential.Vault`; thread-safe.

    opens: the run itself grants the right to use the vault, so a refusal may mean that the grant is not there yet.
    """

    def __init__(self, session: Session, vault: ArmResource, *, opens: bool) -> None:
        self.session = session
        self.vault = vault
        self.opens = opens
        self._key = f"secrets of {vault.path.lower()}"

    # -- what there is ---------------------------------------------------------------------------------------------

    def reference(self, name: str) -> str:
        """The address of a secret, which is also its id. Raises: NotYetKnown without a vault."""
        return f"{self._base()}/secrets/{name}"

    def listed(self) -> dict[str, dict[str, Any]]:
        """Every secret's newest version by name (lower case), without values: one list, kept until `forget`."""
        try:
            return self.session.once(self._key, self._list)
        except AuthError as error:
            if self.opens and error.code.lower() == _NO_ROLE:
                raise NotYetKnown(f"{self.vault.key}.secrets") from error
            raise

    def is_open(self) -> bool:
        """Whether the run's own grant has taken effect. Raises: AuthError for other refusals."""
        try:
            self.listed()
        except NotYetKnown:
            return False
        return True

    def kept(self, name: str) -> Kept:
        if _enabled(self._newest(name + PENDING)):
            return Kept.PENDING
        found = self._newest(name)
        return Kept.NOTHING if found is None or found.get("contentType") == _EMPTY else Kept.CURRENT

    def current(self, name: str) -> str | None:
        found = self._newest(name)
        if found is None or found.get("contentType") == _EMPTY:
            return None
        return self._value(name)

    def pending(self, name: str) -> str | None:
        return self._value(name + PENDING) if _enabled(self._newest(name + PENDING)) else None

    def forget(self) -> None:
        self.session.drop(self._key)

    # -- changes ---------------------------------------------------------------------------------------------------

    def put_pending(self, name: str, value: str) -> None:
        self._set(name + PENDING, value, _TEXT)

    def promote(self, name: str) -> None:
        if self.pending(name) is None:
            return
        waiting = self._call("GET", f"secrets/{name}{PENDING}").body
        if self.current(name) != waiting["value"]:
            self._set(name, waiting["value"], _TEXT)
        version = waiting["id"].rpartition("/")[2]
        self._change(f"{name}{PENDING}/{version}", {"attributes": {"enabled": False}})

    def make(self, name: str) -> bool:
        """A secret without a value. What was deleted under this name comes back with all it held: then the answer is
        False, and it takes a while until it can be seen."""
        try:
            self._set(name, "(no value yet)", _EMPTY, enabled=False)
        except Conflict as error:
            if error.code.lower() != "objectisdeletedbutrecoverable":
                raise
            self._recover(name)
            return False
        return True

    def tag(self, name: str, tags: dict[str, str]) -> None:
        """Replace the tags of a secret's newest version."""
        self._change(name, {"tags": tags})

    def there(self, name: str) -> bool:
        """Whether a secret can be seen now, asked of itself."""
        try:
            self._call("GET", f"secrets/{name}/versions", {"maxresults": "1"})
        except NotFound:
            return False
        return True

    def remove(self, name: str) -> None:
        """Delete a secret and what waits beside it. The vault keeps them for its retention time."""
        for each in (name + PENDING, name):
            if self._newest(each) is not None:
                try:
                    self._call("DELETE", f"secrets/{each}")
                except NotFound as error:  # listed, and not there: a recovery is not over yet, or a deletion is
                    raise Busy(f"the secret {each} is being recovered or deleted.", code=error.code) from error
                finally:
                    self.forget()

    def _set(self, name: str, value: str, kind: str, *, enabled: bool = True) -> None:
        body = {
            "value": value,
            "contentType": kind,
            "tags": self.session.site.all_tags,
            "attributes": {"enabled": enabled},
        }
        try:
            self._call("PUT", f"secrets/{name}", body=body)
        except Conflict as error:
            if not name.endswith(PENDING) or error.code.lower() != "objectisdeletedbutrecoverable":
                raise
            self._recover(name)
            raise Busy(f"the deleted secret {name} is being recovered.", code=error.code) from error
        finally:
            self.forget()

    def _change(self, name: str, body: dict[str, Any]) -> None:
        try:
            self._call("PATCH", f"secrets/{name}", body=body)
        finally:
            self.forget()

    def _recover(self, name: str) -> None:
        try:
            self._call("POST", f"deletedsecrets/{name}/recover")
        except NotFound as error:  # its deletion is not over yet
            raise Busy(f"the secret {name} is being deleted.", code=error.code) from error
        finally:
            self.forget()

    # -- calls -----------------------------------------------------------------------------------------------------

    def _base(self) -> str:
        return str(self.vault.known("uri")).rstrip("/")

    def _newest(self, name: str) -> dict[str, Any] | None:
        return self.listed().get(name.lower())

    def _value(self, name: str) -> str | None:
        try:
            return str(self._call("GET", f"secrets/{name}").body["value"])
        except NotFound:
            return None

    def _list(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        url = self._url("secrets", {"maxresults": "25"})
        while url:
            body = self._ask("GET", url).body or {}
            for item in body.get("value") or []:
                found[str(item["id"]).rpartition("/secrets/")[2].lower()] = item
            url = body.get("nextLink") or ""
        return found

    def _url(self, path: str, query: dict[str, str] | None = None) -> str:
        return f"{self._base()}/{quote(path)}?{urlencode({'api-version': _VERSION, **(query or {})})}"

    def _call(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> Any:
        return self._ask(method, self._url(path, query), body)

    def _ask(self, method: str, url: str, body: Any = None) -> Any:
        try:
            return self.session.client.vault(method, url, body)
        except AuthError as error:
            if error.code.lower().startswith("forbidden") and not error.hint:
                error.hint = _HINT if error.code.lower() == _NO_ROLE else ""
            raise
        except CloudError as error:
            error.what = error.what or f"key vault {self.vault.name}"
            raise


def _enabled(item: dict[str, Any] | None) -> bool:
    return item is not None and bool((item.get("attributes") or {}).get("enabled", True))
