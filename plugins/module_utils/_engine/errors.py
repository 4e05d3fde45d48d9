# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one tree of errors. Clouds map their own errors into it; `main()` turns it into a failed task once."""

from __future__ import annotations


class CloudError(Exception):
    """Something a cloud refused or could not do.

    what: the object and the operation, for example "aws.ec2.vpc ml-platform-aws-dev: create".
    code: the cloud's own error code; status: the HTTP status, 0 when there was none.
    hint: what the user can do about it.
    """

    def __init__(
        self, message: str, *, what: str = "", code: str = "", status: int = 0, hint: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.message = message
        self.what = what
        self.code = code
        self.status = status
        self.hint = hint
        self.retry_after = retry_after

    def __str__(self) -> str:
        head = f"{self.what}: " if self.what else ""
        code = f" [{self.code}]" if self.code and self.code not in self.message else ""
        said = f"{head}{self.message}{code}"
        if not self.hint:
            return said
        return f"{said}{'' if said.endswith(('.', '!', '?')) else '.'} {self.hint}"


class AuthError(CloudError):
    """The credentials are missing, wrong, or may not do this."""


class NotFound(CloudError):
    """The object does not exist."""


class Conflict(CloudError):
    """The object exists already, belongs to somebody else, or is in use."""


class Retryable(CloudError):
    """Worth another try later. `ambiguous` says that the cloud may have acted: look before trying again."""

    ambiguous = False


class Busy(Retryable):
    """Another operation on the same object or its parent is under way."""


class Throttled(Retryable):
    """Too many requests."""


class Unavailable(Retryable):
    """A server error or a dropped connection: the request may or may not have been carried out."""

    ambiguous = True


class NotYetConsistent(Retryable):
    """The cloud does not yet see an object that was just made (a role, a principal): retried where it bites."""


class QuotaExceeded(CloudError):
    """A quota does not suffice."""


class Unsupported(CloudError):
    """The cloud cannot honour what was asked."""


class InvalidRequest(CloudError):
    """The cloud refused the content of a request."""


class OperationFailed(CloudError):
    """A long-running operation ended in failure; the message is the cloud's own reason."""


class WaitTimeout(CloudError):
    """A deadline passed; the message holds the last observed state."""


class SpecError(CloudError):
    """The specification cannot be carried out; nothing was touched."""


class NotInSync(CloudError):
    """The cloud accepted a change and did not make it; the message names the fields."""
