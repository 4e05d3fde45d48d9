# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One site's authorised access to Google's REST APIs: credentials, base URLs, single attempts, shared reads."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, TypeVar

from .._engine.clock import Clock
from .._engine.errors import AuthError, SpecError
from .._engine.retry import retry_call
from .._spec.site import Credentials, Site
from . import errors

T = TypeVar("T")

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
# What follows the host in every URL of a service (Google's discovery documents: servicePath and version).
PREFIXES = {
    "artifactregistry": "/v1",
    "cloudkms": "/v1",
    "cloudresourcemanager": "/v1",
    "compute": "/compute/v1",
    "container": "/v1",
    "iam": "/v1",
    "memorystore": "/v1",
    "monitoring": "/v3",
    "networkconnectivity": "/v1",
    "redis": "/v1",
    "secretmanager": "/v1",
    "servicenetworking": "/v1",
    "serviceusage": "/v1",
    "sqladmin": "/v1",
    "storage": "/storage/v1",
}
TIMEOUT = (10.0, 120.0)  # seconds to connect, and to wait for the first byte


class Cloud:
    """One session on Google Cloud, shared by all of a site's resources and threads.

    `call` makes exactly one attempt and raises from the engine's tree of errors; the engine tries again.
    """

    def __init__(self, site: Site, clock: Clock) -> None:
        self.site = site
        self.clock = clock
        self.project = site.account
        self.region = site.region
        self.number = ""  # the project's number; see project_number
        self.shared = Shared()
        self._guard = threading.Lock()
        self._session: Any = None

    def base(self, service: str) -> str:
        """Base URL of a service: `endpoints.<service>`, or `endpoints.default` with the service's name behind it."""
        return self._root(service) + PREFIXES[service]

    def _root(self, service: str) -> str:
        overrides = self.site.endpoints or {}
        if service in overrides:
            return overrides[service].rstrip("/")
        if "default" in overrides:
            return f"{overrides['default'].rstrip('/')}/{service}"
        return f"https://{service}.googleapis.com"

    def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: dict[str, Any] | None = None,
        what: str = "",
    ) -> dict[str, Any]:
        """One request. Returns the decoded answer, {} when there is none. Raises CloudError.

        path: behind the service's API version; with a leading "/" it begins with a version of its own.
        """
        url = self._root(service) + path if path.startswith("/") else f"{self.base(service)}/{path}"
        try:
            response = self._authorised().request(method, url, json=body, params=query, timeout=TIMEOUT)
        except Exception as error:
            raise errors.from_exception(error, what) from error
        if response.status_code >= 400:
            raise errors.from_response(response.status_code, response.text, response.headers, what)
        if not response.content:
            return {}
        try:
            decoded: dict[str, Any] = response.json()
        except ValueError as error:
            raise errors.unreadable(response.status_code, what) from error
        return decoded

    def pages(self, service: str, path: str, member: str, query: dict[str, Any] | None = None) -> Iterator[Any]:
        """Every element of a list, page by page."""
        token = ""
        while True:
            answer = self.call(service, "GET", path, query={**(query or {}), **({"pageToken": token} if token else {})})
            yield from answer.get(member) or []
            token = answer.get("nextPageToken") or ""
            if not token:
                return

    def project_number(self) -> str:
        """The project's number, which some APIs want and Google's own service accounts are named after."""
        if not self.number:  # the driver's first call usually told
            answer = self.look("cloudresourcemanager", f"projects/{self.project}")
            self.number = str(answer["projectNumber"])
        return self.number

    def look(self, service: str, path: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
        """A GET that is tried again, for reads outside of `Resource.read`, which the engine itself repeats."""
        return retry_call(lambda: self.call(service, "GET", path, query=query), self.clock)

    def identity(self) -> str:
        """Whose credentials these are, for messages; "these credentials" when they do not say."""
        session = self._authorised()
        return str(getattr(session.credentials, "service_account_email", "") or "these credentials")

    def access_token(self, *, other_than: str = "") -> tuple[str, float | None]:
        """The session's access token, and when it ends in seconds since the epoch. Never to be shown.

        other_than: a token that is of no use any more: a new one is asked for if the session still has that one."""
        credentials = self._authorised(other_than).credentials
        expiry = credentials.expiry  # in UTC, without saying so
        return str(credentials.token), expiry.replace(tzinfo=UTC).timestamp() if expiry else None

    def _authorised(self, spent: str = "") -> Any:
        with self._guard:
            if self._session is None:
                self._session = _open(self.site)
            credentials = self._session.credentials
            if not credentials.valid or (spent and credentials.token == spent):
                # Under the lock, so that sixteen threads ask for one token and not for sixteen.
                try:
                    credentials.refresh(self._session._auth_request)
                except Exception as error:
                    raise errors.from_exception(error, "Google credentials") from error
            return self._session


def _open(site: Site) -> Any:
    import requests
    from google.auth.transport.requests import AuthorizedSession, Request

    adapter = requests.adapters.HTTPAdapter(pool_maxsize=32, max_retries=0)
    plain = requests.Session()
    authorised = AuthorizedSession(
        credentials(site.credentials), max_refresh_attempts=1, auth_request=Request(session=plain)
    )
    for session in (plain, authorised):
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        if site.ca_bundle:
            session.verify = site.ca_bundle
    return authorised


def credentials(wanted: Credentials) -> Any:
    """The credentials that the site names, never searched for elsewhere.

    service_account_file: that key file. environment: the file that GOOGLE_APPLICATION_CREDENTIALS names.
    cli: what `gcloud auth application-default login` left. managed_identity: the metadata server of the machine or
    pod. default: environment, else cli; the metadata server is asked only when managed_identity says so, because
    elsewhere that costs seconds.

    Raises: AuthError.
    """
    from google.auth.exceptions import GoogleAuthError

    if wanted.source == "managed_identity":
        from google.auth import compute_engine

        return compute_engine.Credentials(scopes=SCOPES)
    try:
        return _load(_file(wanted))
    except (GoogleAuthError, OSError, ValueError) as error:
        raise AuthError(
            f"The Google credentials cannot be used: {error}", hint="Check the file that credentials name."
        ) from error


def _load(file: Path) -> Any:
    """Credentials of any kind that Google's files hold: keys, logins, federated and impersonated identities."""
    if json.loads(file.read_text(encoding="utf-8")).get("type") == "service_account":
        from google.oauth2 import service_account

        return service_account.Credentials.from_service_account_file(str(file), scopes=SCOPES)
    import google.auth

    with warnings.catch_warnings():
        # It warns of files from strangers; this one is the user's own, or named by the user.
        warnings.simplefilter("ignore", DeprecationWarning)
        found, _project = google.auth.load_credentials_from_file(str(file), scopes=SCOPES)
    return found


def _file(wanted: Credentials) -> Path:
    if wanted.service_account_file:
        return Path(wanted.service_account_file).expanduser()
    if wanted.source == "service_account_file":
        raise AuthError("credentials.source is service_account_file, but credentials.service_account_file is not set.")
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named and wanted.source != "cli":
        return Path(named)
    if wanted.source == "environment":
        raise AuthError("credentials.source is environment, but GOOGLE_APPLICATION_CREDENTIALS is not set.")
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud").expanduser()
    login = folder / "application_default_credentials.json"
    if not login.exists():
        raise AuthError(
            "No Google credentials were found.",
            hint="Set GOOGLE_APPLICATION_CREDENTIALS or credentials.service_account_file, run 'gcloud auth "
            "application-default login', or set credentials.source: managed_identity on a machine in Google Cloud.",
        )
    return login


def check_credentials(wanted: Credentials) -> None:
    """Raises SpecError for options that have no meaning on Google Cloud."""
    foreign = [name for name in ("profile", "role_arn", "client_id", "tenant_id") if getattr(wanted, name)]
    if wanted.source == "profile" or foreign:
        raise SpecError(
            f"credentials: {', '.join(foreign) or 'source: profile'} has no meaning on Google Cloud. Use source: "
            "service_account_file, environment, cli, managed_identity or default."
        )


class Shared:
    """Answers that several resources read from: fetched once, dropped when something they show is changed."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._generation: dict[str, int] = {}
        self._values: dict[str, Any] = {}

    def get(self, key: str, load: Callable[[], T]) -> T:
        """The remembered answer, or a fresh one. Callers of one key wait for each other instead of asking twice."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._guard:
                if key in self._values:
                    found: T = self._values[key]
                    return found
                generation = self._generation.get(key, 0)
            value = load()
            with self._guard:
                if self._generation.get(key, 0) == generation:  # nothing was changed while we looked
                    self._values[key] = value
            return value

    def drop(self, key: str) -> None:
        """Forget an answer, and keep one that is on its way from being remembered."""
        with self._guard:
            self._values.pop(key, None)
            self._generation[key] = self._generation.get(key, 0) + 1
