# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database brought back beside the original: made from a backup, proven by a query, and, if asked, given its name.

Nothing is written down between the steps. Each of them finds what the one before has left in the cloud, so a call that
was killed is finished by the same call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ._capability import driver as driver_for
from ._engine.apply import converge
from ._engine.backups import History, moment
from ._engine.capability import Built, Driver
from ._engine.clock import Clock, SystemClock
from ._engine.errors import AuthError, CloudError, NotFound, SpecError
from ._engine.graph import Graph
from ._engine.report import Report
from ._engine.retry import retry_call
from ._engine.settings import Notify
from ._run import Options, Wanted, carry_out, settings_of
from ._spec.database import Database, DatabaseServer, Restore, former_name
from ._spec.site import check

REACH_SECONDS = 30.0  # a name that was just made may take a moment to resolve


@dataclass(frozen=True)
class Request:
    """What is asked. server: the entry whose backup it is. as_: name of the new server. Without label and time the
    newest state. promote: it takes the name of `server`; allow_unverified: even when it could not be reached from
    here."""

    server: str
    as_: str
    label: str | None = None
    time: str | None = None
    promote: bool = False
    allow_unverified: bool = False


@dataclass
class Restored:
    """How far it came. report: the objects of all steps. restored_to: the moment that the data is of, None where only
    the run that made the server could have told. verification: what the server answered, or why it was not asked.
    problem: what stopped it on its way, after something had been done."""

    report: Report
    restored_to: datetime | None = None
    data_age_seconds: float | None = None
    restore_seconds: float | None = None
    verified: bool = False
    verification: str = ""
    promoted: bool = False
    former: str | None = None
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The facts beside the report."""
        return {
            "restored_to": moment(self.restored_to),
            "data_age_seconds": None if self.data_age_seconds is None else round(self.data_age_seconds),
            "restore_seconds": None if self.restore_seconds is None else round(self.restore_seconds, 3),
            "verified": self.verified,
            "verification": self.verification,
            "promoted": self.promoted,
            "former": self.former,
        }


def restore(
    wanted: Wanted,
    request: Request,
    options: Options,
    *,
    notify: Notify | None = None,
    clock: Clock | None = None,
    driver: Callable[[], Driver] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Restored:
    """Carry it out. `wanted` holds the specification of the database and what it needs, which is referred to.

    Raises SpecError before anything is touched, CloudError where reading fails then. What stops it later stands in the
    result, beside what was done.
    """
    clock = clock or SystemClock()
    check(wanted.site.validate())
    return _Restoration(wanted, request, options, notify, clock, driver, now).run()


@dataclass
class _Restoration:
    wanted: Wanted
    request: Request
    options: Options
    notify: Notify | None
    clock: Clock
    driver: Callable[[], Driver] | None
    now: Callable[[], datetime]
    done: Restored = field(init=False)

    def __post_init__(self) -> None:
        self.begun, self.started = self.clock.now(), self.now()
        self.entry, self.new = entries(self.wanted.database or Database(), self.request)
        self.done = Restored(Report(check=self.options.check, state="present"))

    def run(self) -> Restored:
        try:
            return self._steps()
        except CloudError as error:
            if not self.done.report.entries:
                raise
            self.done.problem = str(error)
            return self._end()

    def _steps(self) -> Restored:
        if not (self.request.promote and self._is_promoted()):
            self._make()
            if self.done.report.failed or not self.request.promote or self.options.check:
                return self._end()
            self._vouch()
            if not self._promote():
                return self._end()
        self.done.promoted = True
        self._settle()
        return self._end()

    # -- the steps -------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        """The new server, from the backup, and a query to it."""
        source, there, former = self._histories(self.entry, self.new, self._former())
        if self.request.promote and source.exists and former.exists:
            raise SpecError(
                f"promote: {source.name} would be kept as {former.name}, but a server of that name exists from an "
                "earlier restore. Remove it, or choose another name for the new server."
            )
        if not there.exists:
            self._check_source(source)
        report, built = self._run(self.new)
        self._add(report)
        made = not there.exists and any(each.action == "create" for each in report.entries)
        self._date(source, made=made)
        if self.options.check:
            self.done.verification = "nothing was made, so there is nothing to ask"
        elif not self.done.report.failed:
            self._verify(built, self.new.name)
            self.done.restore_seconds = self.clock.now() - self.begun if made else None

    def _promote(self) -> bool:
        """The names change. False when that failed."""
        driver = self._driver()
        report = self._of_promotion(driver, dataclasses.replace(self.options, allow_disruption=True))
        self._add(report)
        return not report.failed

    def _settle(self) -> None:
        """Under its new name the server gets the credentials of that name; what was made for the old one goes."""
        there, former = self._histories(self.new, self._former())
        if there.exists:
            raise SpecError(
                f"{self.new.name} still exists after the promotion, so nothing of it was removed. "
                f"Run again; if it stays, remove it with an entry {self.new.name} and state: absent."
            )
        self.done.former = former.name if former.exists else None
        if self.done.restored_to is None:
            for source in self._histories(self._former(), self.entry):  # its backups may have gone along with it
                self._date(source, made=False)
        leftover = dataclasses.replace(self.new, state="absent", final_snapshot=False, deletion_protection=False)
        # Replicas belong to the former server still; the next rollout tells what is to be done about them.
        current = dataclasses.replace(self.entry, restore=None, replicas=None)
        # What was made for the old name goes last: while it is there, an earlier call may have died before this.
        # The server stands beside it in the calls: what all servers share is not taken for unwanted.
        plan, _built = self._run(current, leftover, check=True, reapply=True)
        unsettled = any(entry.action == "delete" for entry in plan.entries)
        report, built = self._run(current, reapply=unsettled)
        self._add(report)
        if report.failed or self.options.check:
            return
        self._verify(built, self.entry.name)
        if unsettled:
            self._add(self._run(current, leftover)[0])

    # -- what they are made of -------------------------------------------------------------------------------------

    def _is_promoted(self) -> bool:
        """Whether an earlier call of the same words has promoted the server already."""
        tolerant = dataclasses.replace(self.options, check=True, tolerant=True)
        try:
            report = self._of_promotion(self._driver(), tolerant)
        except (SpecError, NotFound):
            return False  # there is no server yet that could be promoted
        # What speaks against a plan means here that there is nothing to plan with yet.
        return not report.changed and not report.warnings

    def _of_promotion(self, driver: Driver, options: Options) -> Report:
        spec = self._spec(dataclasses.replace(self.entry, restore=None), self.new)
        built = driver.promotion(spec, self.entry.name, self.new.name)
        check(retry_call(driver.verify, self.clock, timeout=options.retry_timeout))
        return converge(
            Graph(built.resources), settings_of(self.wanted.site, options), self.clock, notify=self.notify or _silent
        )

    def _check_source(self, source: History) -> None:
        """What shall be restored can be, as far as that is known before anything is touched."""
        name, label, time = source.name, self.request.label, self.request.time
        ready = [backup for backup in source.backups if backup.status == "ready"]
        if label and not any(backup.label == label for backup in ready):
            labels = sorted({backup.label for backup in ready if backup.label})
            have = f"There are {', '.join(labels)}." if labels else "There is none with a label."
            raise SpecError(f"label: {name} has no backup {label!r} that is ready. {have}")
        if time and source.restorable_from and source.restorable_to:
            wish = datetime.fromisoformat(time)
            if not source.restorable_from <= wish <= source.restorable_to:
                raise SpecError(
                    f"time: {time} is not within what can be restored of {name}, from "
                    f"{moment(source.restorable_from)} to {moment(source.restorable_to)}."
                )
        if source.newest() is None:
            raise SpecError(f"server: there is no backup of {name} that could be restored.")

    def _date(self, source: History, *, made: bool) -> None:
        """Which moment the data is of. The newest state is a moment only for the call that has made the server."""
        if self.request.time:
            self.done.restored_to = datetime.fromisoformat(self.request.time)
        elif self.request.label:
            taken = [backup.taken for backup in source.backups if backup.label == self.request.label]
            self.done.restored_to = max(taken, default=self.done.restored_to)
        elif made:
            self.done.restored_to = source.newest()
        if self.done.restored_to:
            self.done.data_age_seconds = max(0.0, (self.started - self.done.restored_to).total_seconds())

    def _vouch(self) -> None:
        if self.done.verified or self.request.allow_unverified:
            return
        raise SpecError(
            f"{self.new.name} was restored but not promoted, because it could not be verified from here: "
            f"{self.done.verification} Run this where it can be reached, or set allow_unverified: true."
        )

    def _verify(self, built: dict[str, Built], name: str) -> None:
        """A query over TLS, as the administrator, with the password that the secret store holds."""
        reach = built["database"].exports.get("reach", {}).get(name)
        self.done.verified = False
        if reach is None:
            self.done.verification = f"Servers with engine {self.entry.engine} are not asked."
            return
        try:
            console = reach()
            version = retry_call(console.check, self.clock, timeout=REACH_SECONDS)
            count = len(console.databases())
        except AuthError:
            raise
        except ImportError as error:
            self.done.verification = f"The Python library {error.name} is not installed here."
        except CloudError as error:
            self.done.verification = str(error)
        else:
            self.done.verified = True
            self.done.verification = f"{name} answers as version {version} with {count} databases."

    def _run(
        self, *servers: DatabaseServer, reapply: bool = False, check: bool = False
    ) -> tuple[Report, dict[str, Built]]:
        """Converge these servers, and nothing beside them."""
        wanted = dataclasses.replace(
            self.wanted,
            database=Database(servers),
            cluster=None,
            cache=None,
            registry=None,
            object_store=None,
            refers=frozenset({"network", "secret_store"}),
        )
        options = dataclasses.replace(self.options, reapply=reapply, check=check or self.options.check)
        return carry_out(wanted, options, notify=self.notify, clock=self.clock, driver=self._driver())

    def _add(self, report: Report) -> None:
        """One report of all steps, on one time axis."""
        whole = self.done.report
        offset = self.clock.now() - self.begun - report.seconds
        for entry in report.entries:
            entry.started += offset
        known = {(entry.kind, entry.name) for entry in whole.entries}
        whole.entries += [
            each for each in report.entries if each.action != "none" or (each.kind, each.name) not in known
        ]
        whole.warnings += report.warnings
        whole.outputs = report.outputs or whole.outputs

    def _histories(self, *servers: DatabaseServer) -> list[History]:
        """What can be brought back of these, in their order."""
        driver = self._driver()
        check(retry_call(driver.verify, self.clock, timeout=self.options.retry_timeout))
        spec = self._spec(*servers)
        found = retry_call(lambda: driver.histories(spec, None), self.clock, timeout=self.options.retry_timeout)
        by_name = {history.name: history for history in found if history.capability == "database"}
        return [by_name.get(each.name) or History("database", each.name, exists=False) for each in servers]

    def _former(self) -> DatabaseServer:
        """The entry under which the predecessor goes on."""
        return dataclasses.replace(self.new, name=former_name(self.entry.name, self.new.name))

    def _spec(self, *servers: DatabaseServer) -> Database:
        return Database(servers).resolve(self.wanted.site)

    def _driver(self) -> Driver:
        """A new one for each step: nothing that an earlier step has read is believed."""
        return self.driver() if self.driver else driver_for(self.wanted.site, self.clock)

    def _end(self) -> Restored:
        self.done.report.seconds = self.clock.now() - self.begun
        return self.done


def entries(database: Database, request: Request) -> tuple[DatabaseServer, DatabaseServer]:
    """The server's entry, and the new server's, which is made from it. Raises SpecError."""
    entry = next((server for server in database.servers if server.name == request.server), None)
    if entry is None:
        raise SpecError(
            f"server: there is no {request.server!r} in database.servers. The new server is made from that entry, also "
            "when the server itself does not exist any more: keep it."
        )
    taken = {server.name for server in database.servers}
    taken |= {replica.name for server in database.servers for replica in server.replicas or ()}
    if request.as_ in taken:
        raise SpecError(
            f"as: {request.as_!r} is a server of the specification. A restore never overwrites: choose another name."
        )
    new = dataclasses.replace(
        entry,
        name=request.as_,
        state="present",
        replicas=(),
        users=None if entry.users is None else tuple(dataclasses.replace(user, rotate=False) for user in entry.users),
        rotate=False,
        restore=Restore(request.server, request.label, request.time),
    )
    return dataclasses.replace(entry, state="present", rotate=False, users=new.users), new


def _silent(event: object) -> None:
    """Nobody listens."""
