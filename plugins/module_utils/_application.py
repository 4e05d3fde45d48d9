# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a site brought to what their specification says; a version that does not become healthy goes again.

Nothing is written down between the steps: each finds in the cluster what the one before has left. So a call that was
killed, also in the middle of a return to the last healthy version, is finished by the same call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from ._engine.clock import Clock
from ._engine.errors import CloudError, SpecError
from ._engine.report import Report
from ._engine.retry import retry_call
from ._engine.settings import Event, Notify, Settings
from ._kubernetes.application import Rendered, render
from ._kubernetes.client import Client
from ._kubernetes.objects import Body
from ._kubernetes.place import Place
from ._kubernetes.rollouts import Rollout, image_of, is_marked, returning
from ._kubernetes.seen import Seen, look, shown
from ._kubernetes.sets import SetOptions, converge_set
from ._spec.application import Application, Service
from ._spec.names import fit
from ._spec.site import Site, check

T = TypeVar("T")
_SIDE_BY_SIDE = 6
_SET_NAME_LENGTH = 50


def set_name(service: Service) -> str:
    """Of the set that a service's objects are."""
    return fit(f"{service.namespace}-{service.name}", _SET_NAME_LENGTH)


@dataclass
class Deployed:
    """How far it came. services: what runs, by name. problem: what stopped it after something had been done."""

    report: Report
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    rolled_back: bool = False
    problem: str = ""


def deploy(
    client: Client,
    site: Site,
    spec: Application,
    settings: Settings,
    *,
    ranges: Sequence[str] = (),
    force_conflicts: bool = False,
    clock: Clock,
    notify: Notify | None = None,
) -> Deployed:
    """Carry it out. spec: resolved. ranges: of the site's network.

    Everything that speaks against any of the services is raised as SpecError before anything is touched.
    """
    check(
        [
            f"application.services.{service.name}.health_timeout: {service.health_timeout} is more than wait_timeout "
            f"{settings.wait_timeout:.0f}, so it could never be seen to fail. Lower the one or raise the other."
            for service in spec.services
            if service.state == "present" and service.health_timeout > settings.wait_timeout
        ]
    )
    return _Deployment(client, site, spec, settings, ranges, force_conflicts, clock, notify).run()


@dataclass
class _Told:
    """What one service's turn has to say. reason: why its new version was left, or could not be."""

    report: Report
    reason: str = ""
    rolled_back: bool = False
    warnings: list[str] = field(default_factory=list)


class _Deployment:
    def __init__(
        self,
        client: Client,
        site: Site,
        spec: Application,
        settings: Settings,
        ranges: Sequence[str],
        force: bool,
        clock: Clock,
        notify: Notify | None,
    ) -> None:
        self.client = client
        self.settings = settings
        self.force = force
        self.clock = clock
        self.begun = clock.now()
        place = Place.of(site)
        services = spec.services
        if settings.state == "absent":
            services = tuple(replace(service, state="absent") for service in services)
        self.rendered = {service.name: render(service, place, ranges) for service in services}
        self._say = notify or (lambda event: None)
        self._speaking = threading.Lock()

    def run(self) -> Deployed:
        everything = list(self.rendered.values())
        seen = self._look(everything)
        planned = self._plan(seen)
        told = {name: _Told(report) for name, report in planned.items()}
        if not self.settings.check:
            open_ = [name for name in told if self._is_open(self.rendered[name], planned[name], seen)]
            told |= self._each(open_, lambda name: self._turn(self.rendered[name], seen))
            if open_:
                seen = self._look(everything)
        return self._result(told, seen)

    # -- the passes ------------------------------------------------------------------------------------------------

    def _plan(self, seen: Seen) -> dict[str, Report]:
        """What would be done to every service. Problems of all of them at once."""
        dry = replace(self.settings, check=True)
        problems: dict[str, str] = {}

        def plan(name: str) -> Report:
            try:
                return self._set(self.rendered[name], self._objects(self.rendered[name], seen), dry, silent=True)
            except SpecError as error:
                problems[name] = error.message
                return Report(check=True, state="present")

        found = self._each(list(self.rendered), plan)
        check([f"{name}: {problems[name]}" for name in self.rendered if name in problems])
        return found

    def _turn(self, rendered: Rendered, seen: Seen) -> _Told:
        """One service's turn. What stops it does not stop the others."""
        told = _Told(Report(check=False, state="present"))
        try:
            self._converge(rendered, seen, told)
        except CloudError as error:
            told.reason = f"{told.reason} {error}".strip()
        return told

    def _converge(self, rendered: Rendered, seen: Seen, told: _Told) -> None:
        """The new version, and the return to what was healthy if it does not become so."""
        service = rendered.service
        for one in seen.rollouts(service):
            wanted = _wanted(rendered, one.name)
            before = one.rolled_back_before(wanted) if wanted else ""
            if wanted and before:
                image = image_of(wanted["spec"]["template"])
                told.warnings.append(
                    f"{service.name}: {image} is tried again. An earlier call has gone back from it: {before}"
                )
        began = self.clock.now()
        objects = self._objects(rendered, seen)
        told.report = self._set(rendered, objects, self.settings)
        if service.state == "absent":
            return
        now = self._look([rendered])
        if not told.report.failed:
            self._mark(now.rollouts(service))
        elif service.rollback:
            self._return(rendered, objects, now, told, self.clock.now() - began)

    def _return(self, rendered: Rendered, objects: list[Body], now: Seen, told: _Told, elapsed: float) -> None:
        """Back to the last healthy version of every Deployment of the service that has given up."""
        service = rendered.service
        reasons = {entry.name: entry.error for entry in told.report.failed if entry.kind.endswith("apps/v1.Deployment")}
        changed = list(objects)
        images: list[str] = []
        for one in now.rollouts(service):
            reason = reasons.get(f"{service.namespace}/{one.name}", "")
            if not reason or one.healthy or not (one.gave_up or elapsed >= service.health_timeout):
                continue
            told.reason = reason
            former = one.last_healthy
            if former is None:
                told.warnings.append(_nowhere(one))
                continue
            place = _position(changed, one.name)
            changed[place] = returning(changed[place], former, reason)
            images.append(image_of(former["spec"]["template"]))
        if not images:
            return
        self._notify(Event("kubernetes.apps/v1.Deployment", service.name, "update", "waiting", elapsed, "rolling back"))
        report = self._set(rendered, changed, self.settings, force=True)
        for entry in report.entries:
            entry.note = entry.note or "rolled back"
        told.report.entries += [entry for entry in report.entries if entry.action.value != "none"]
        told.rolled_back = not report.failed
        if report.failed:
            told.reason += f" The return to {', '.join(images)} did not succeed either: {report.summary()}"

    def _mark(self, rollouts: Sequence[Rollout]) -> None:
        """Remember, once, that a version was healthy."""
        for one in rollouts:
            mark = one.unmarked
            if mark is not None:
                self._try(partial(self.client.apply, mark))

    def _is_open(self, rendered: Rendered, planned: Report, seen: Seen) -> bool:
        """Whether there is anything to do or to wait for."""
        if planned.changed or planned.failed:
            return True
        rollouts = seen.rollouts(rendered.service)
        return rendered.service.state == "present" and any(not one.healthy or one.unmarked for one in rollouts)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _set(
        self, rendered: Rendered, objects: list[Body], settings: Settings, *, silent: bool = False, force: bool = False
    ) -> Report:
        service = rendered.service
        return converge_set(
            self.client,
            replace(settings, state=service.state),
            objects,
            SetOptions(
                name=set_name(service),
                namespace=service.namespace,
                force_conflicts=force or self.force,
            ),
            clock=self.clock,
            notify=None if silent else self._notify,
        )

    def _objects(self, rendered: Rendered, seen: Seen) -> list[Body]:
        """The service's objects, with what belongs to them as long as it is needed: the settings of former versions
        that may come back, and the number of replicas while it was ours and is to become the autoscaler's."""
        objects = list(rendered.present)
        if not objects:
            return objects
        there = {body["metadata"]["name"] for body in objects if body["kind"] == "ConfigMap"}
        rollouts = seen.rollouts(rendered.service)
        objects += seen.config_maps(rendered.service, {n for one in rollouts for n in one.config_maps} - there)
        for one in rollouts:
            if rendered.service.autoscaling and one.name == rendered.service.name and one.owns_replicas:
                place = _position(objects, one.name)
                spec = {**objects[place]["spec"], "replicas": one.deployment["spec"]["replicas"]}
                objects[place] = {**objects[place], "spec": spec}
        return objects

    def _look(self, rendered: Sequence[Rendered]) -> Seen:
        return self._try(lambda: look(self.client, sorted({each.service.namespace for each in rendered})))

    def _each(self, names: Sequence[str], work: Callable[[str], T]) -> dict[str, T]:
        """Side by side, told in the order of the names. The first error is raised when all have ended."""
        if not names:
            return {}
        with ThreadPoolExecutor(max_workers=min(_SIDE_BY_SIDE, len(names))) as pool:
            futures = {name: pool.submit(work, name) for name in names}
        return {name: future.result() for name, future in futures.items()}

    def _try(self, call: Callable[[], T]) -> T:
        return retry_call(call, self.clock, timeout=self.settings.retry_timeout)

    def _notify(self, event: Event) -> None:
        with self._speaking:
            self._say(event)

    # -- what is told ----------------------------------------------------------------------------------------------

    def _result(self, told: dict[str, _Told], seen: Seen) -> Deployed:
        report = Report(check=self.settings.check, state=self.settings.state)
        done = Deployed(report)
        problems = []
        for name, each in told.items():
            rendered = self.rendered[name]
            report.entries += each.report.entries
            report.warnings += [*each.report.warnings, *each.warnings]
            done.services[name] = shown(rendered, seen, reason=each.reason, rolled_back=each.rolled_back)
            if each.rolled_back:
                done.rolled_back = True
                running = seen.running(rendered.service)
                images = ", ".join(f"{image} ({count} ready)" for image, count in running.items())
                problems.append(f"{name}: {each.reason.rstrip('.')}. Rolled back: {images or 'nothing'} runs now.")
            elif each.reason or each.report.failed:
                problems.append(f"{name}: {each.reason or each.report.summary()}")
            if rendered.split and rendered.split.share != rendered.split.weight:
                report.warnings.append(f"{name}: canary: {rendered.split.note}")
        report.outputs = {"services": done.services}
        report.seconds = self.clock.now() - self.begun
        done.problem = " ".join(problems)
        return done


def _position(objects: Sequence[Body], name: str) -> int:
    """Where a Deployment stands among a service's objects."""
    return next(i for i, b in enumerate(objects) if b["kind"] == "Deployment" and b["metadata"]["name"] == name)


def _wanted(rendered: Rendered, name: str) -> Body | None:
    """One of the service's Deployments as it shall be; None when it shall not be."""
    for body in rendered.present:
        if body["kind"] == "Deployment" and body["metadata"]["name"] == name:
            return body
    return None


def _nowhere(one: Rollout) -> str:
    """Why there is no way back."""
    current = one.current
    if current is not None and is_marked(current):
        return (
            f"{one.name}: {one.image} was healthy before, so there is nothing to return to: look at what has changed."
        )
    return f"{one.name}: no version of it was ever healthy, so there is nothing to return to. It stays for inspection."
