"""Users and user groups."""

from __future__ import annotations

import re

from ...engines.redis import password_rules
from ..hooks import Hooks
from ..phases import Life
from ..query import page, tags_of
from ..wire import Call
from .checks import Checks
from .errors import invalid_combination, invalid_value, refuse
from .state import Document, Group, User, UserGroup
from .store import Store

_KINDS = {"password": "password", "no-password-required": "no-password", "iam": "iam"}


class Users:
    """Handlers of the operations on users."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("elasticache.CreateUser", self.create)
        hooks.replace("elasticache.DescribeUsers", self.describe)
        hooks.replace("elasticache.ModifyUser", self.modify)
        hooks.replace("elasticache.DeleteUser", self.delete)

    def _user(self, call: Call) -> User:
        wanted = call.params["UserId"]
        found = self._store.region(call.region).users.get(wanted)
        if found is None:
            raise refuse("UserNotFound", f"User {wanted} not found.")
        return found

    def create(self, call: Call) -> Document:
        """CreateUser."""
        wanted, users = call.params, self._store.region(call.region).users
        user_id = self._checks.name(wanted["UserId"], "UserId", 40)
        if user_id in users:
            raise refuse("UserAlreadyExists", f"User {user_id} already exists.")
        kind, passwords = _authentication(wanted, True)
        document: Document = {
            "UserId": user_id,
            "UserName": wanted["UserName"],
            "Engine": wanted["Engine"].lower(),
            "MinimumEngineVersion": "6.0" if wanted["Engine"].lower() == "redis" else "7.2",
            "AccessString": _access(wanted["AccessString"]),
            "UserGroupIds": [],
            "Authentication": {"Type": kind, **({"PasswordCount": len(passwords)} if passwords else {})},
            "ARN": self._store.arn(call.region, "user", user_id),
        }
        user = User(document, Life("active"), "", tags_of(wanted.get("Tags")))
        user.rules = _rules(document["AccessString"], password_rules(*passwords) if kind != "iam" else "")
        users[user_id] = user
        user.life.enter(self._store.context, self._store.phase(call, "creating", "elasticache.user"))
        return shown_user(user)

    def describe(self, call: Call) -> Document:
        """DescribeUsers."""
        wanted, users = call.params, self._store.region(call.region).users
        found = [self._user(call)] if wanted.get("UserId") else list(users.values())
        entries = [shown_user(user) for user in found if wanted.get("Engine") in (None, user.document["Engine"])]
        return page(call, entries, "Users")

    def modify(self, call: Call) -> Document:
        """ModifyUser: it reaches the groups when it is over."""
        user, wanted = self._user(call), call.params
        _refuse_busy(user.life, "User", user.id)
        access = user.document["AccessString"]
        if wanted.get("AccessString"):
            access = _access(wanted["AccessString"])
        elif wanted.get("AppendAccessString"):
            access = f"{access} {wanted['AppendAccessString']}"
        new_authentication = {"Passwords", "NoPasswordRequired", "AuthenticationMode"} & {
            key for key, value in wanted.items() if value is not None
        }
        kind, passwords = _authentication(wanted, False) if new_authentication else ("", [])
        phase = self._store.phase(call, "modifying", "elasticache.user", failed_status="active")

        def finish() -> None:
            user.document["AccessString"] = access
            old = " ".join(part for part in user.rules.split() if part.startswith("#") or part == "nopass")
            if new_authentication:
                old = password_rules(*passwords) if kind != "iam" else ""
                count = {"PasswordCount": len(passwords)} if passwords else {}
                user.document["Authentication"] = {"Type": kind, **count}
            user.rules = _rules(access, old)
            for group in self._groups_with(call.region, user.id):
                self._store.tell_users(group)

        phase.finish = finish
        user.life.enter(self._store.context, phase)
        return shown_user(user)

    def _groups_with(self, region: str, user_id: str) -> list[Group]:
        found = self._store.regions[region]
        names = {name for name, group in found.user_groups.items() if user_id in group.users}
        return [group for group in found.groups.values() if names & set(group.user_groups)]

    def delete(self, call: Call) -> Document:
        """DeleteUser."""
        user = self._user(call)
        if user.id == "default":
            raise invalid_value("The default user cannot be deleted.")
        _refuse_busy(user.life, "User", user.id)
        if user.document["UserGroupIds"]:
            raise refuse(
                "DefaultUserAssociatedToUserGroup" if user.document["UserName"] == "default" else "InvalidUserState",
                f"User {user.id} is associated with user groups: {', '.join(user.document['UserGroupIds'])}.",
            )
        phase = self._store.phase(call, "deleting", "elasticache.user", failed_status="active")
        phase.finish = lambda: _forget(self._store.regions[call.region].users, user.id)
        user.life.enter(self._store.context, phase)
        return shown_user(user)


class UserGroups:
    """Handlers of the operations on user groups."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("elasticache.CreateUserGroup", self.create)
        hooks.replace("elasticache.DescribeUserGroups", self.describe)
        hooks.replace("elasticache.ModifyUserGroup", self.modify)
        hooks.replace("elasticache.DeleteUserGroup", self.delete)

    def _group(self, call: Call) -> UserGroup:
        wanted = call.params["UserGroupId"]
        found = self._store.region(call.region).user_groups.get(wanted)
        if found is None:
            raise refuse("UserGroupNotFound", f"User group {wanted} not found.")
        return found

    def _check_members(self, call: Call, engine: str, members: list[str]) -> None:
        users = self._store.region(call.region).users
        for name in members:
            if name not in users:
                raise refuse("UserNotFound", f"User {name} not found.")
        names = [users[name].document["UserName"] for name in members]
        if len(set(names)) != len(names):
            raise refuse("DuplicateUserName", "Users of a user group must have different user names.")
        if engine == "redis" and "default" not in names:
            raise refuse(
                "DefaultUserRequired", "A user group for Redis OSS must contain a user with the user name default."
            )

    def create(self, call: Call) -> Document:
        """CreateUserGroup."""
        wanted, groups = call.params, self._store.region(call.region).user_groups
        name = self._checks.name(wanted["UserGroupId"], "UserGroupId", 40)
        if name in groups:
            raise refuse("UserGroupAlreadyExists", f"User group {name} already exists.")
        engine, members = wanted["Engine"].lower(), list(wanted.get("UserIds") or ())
        self._check_members(call, engine, members)
        document: Document = {
            "UserGroupId": name,
            "Engine": engine,
            "UserIds": members,
            "MinimumEngineVersion": "6.0" if engine == "redis" else "7.2",
            "ARN": self._store.arn(call.region, "usergroup", name),
        }
        group = groups[name] = UserGroup(document, Life("active"), tags_of(wanted.get("Tags")))
        self._note_members(call.region)
        group.life.enter(self._store.context, self._store.phase(call, "creating", "elasticache.user_group"))
        return self._shown(call, group)

    def _note_members(self, region: str) -> None:
        found = self._store.regions[region]
        for user in found.users.values():
            user.document["UserGroupIds"] = [
                name for name, group in found.user_groups.items() if user.id in group.users
            ]

    def describe(self, call: Call) -> Document:
        """DescribeUserGroups."""
        if call.params.get("UserGroupId"):
            found = [self._group(call)]
        else:
            found = list(self._store.region(call.region).user_groups.values())
        return page(call, [self._shown(call, group) for group in found], "UserGroups")

    def modify(self, call: Call) -> Document:
        """ModifyUserGroup: users that come and users that go."""
        group, wanted = self._group(call), call.params
        name = group.document["UserGroupId"]
        _refuse_busy(group.life, "User group", name)
        add, drop = set(wanted.get("UserIdsToAdd") or ()), set(wanted.get("UserIdsToRemove") or ())
        if not add and not drop:
            raise invalid_value("No changes are requested.")
        if add & drop:
            raise invalid_combination("A user cannot be added and removed at the same time.")
        members = [*(user for user in group.users if user not in drop), *sorted(add - set(group.users))]
        self._check_members(call, group.document["Engine"], members)
        phase = self._store.phase(call, "modifying", "elasticache.user_group", failed_status="active")
        phase.finish = lambda: self._set_members(call.region, group, members)
        group.life.enter(self._store.context, phase)
        return self._shown(call, group)

    def _set_members(self, region: str, group: UserGroup, members: list[str]) -> None:
        group.document["UserIds"] = members
        self._note_members(region)
        for found in self._store.regions[region].groups.values():
            if group.document["UserGroupId"] in found.user_groups:
                self._store.tell_users(found)

    def delete(self, call: Call) -> Document:
        """DeleteUserGroup."""
        group = self._group(call)
        name = group.document["UserGroupId"]
        _refuse_busy(group.life, "User group", name)
        users = [item.name for item in self._store.region(call.region).groups.values() if name in item.user_groups]
        if users:
            raise refuse(
                "InvalidUserGroupState", f"User group {name} is used by replication groups: {', '.join(users)}."
            )
        phase = self._store.phase(call, "deleting", "elasticache.user_group", failed_status="active")

        def finish() -> None:
            _forget(self._store.regions[call.region].user_groups, name)
            self._note_members(call.region)

        phase.finish = finish
        group.life.enter(self._store.context, phase)
        return self._shown(call, group)

    def _shown(self, call: Call, group: UserGroup) -> Document:
        name = group.document["UserGroupId"]
        groups = self._store.regions[call.region].groups.values()
        using = [item.name for item in groups if name in item.user_groups]
        return {**group.document, "Status": group.life.status, "ReplicationGroups": using, "ServerlessCaches": []}


def shown_user(user: User) -> Document:
    """A user as the API answers it."""
    return {**user.document, "Status": user.life.status}


def _forget(table: dict[str, object] | dict[str, User] | dict[str, UserGroup], key: str) -> None:
    table.pop(key, None)


def _refuse_busy(life: Life, what: str, name: str) -> None:
    if life.status != "active":
        code = "InvalidUserState" if what == "User" else "InvalidUserGroupState"
        raise refuse(code, f"{what} {name} is not in active state.")


def _authentication(wanted: Document, required: bool) -> tuple[str, list[str]]:
    """Kind of authentication and the passwords of a request."""
    mode = wanted.get("AuthenticationMode") or {}
    passwords = list(mode.get("Passwords") or wanted.get("Passwords") or ())
    kind = _KINDS.get(mode.get("Type") or "")
    if kind is None:
        kind = "no-password" if wanted.get("NoPasswordRequired") else "password"
    if kind == "password" and not passwords:
        if required:
            raise invalid_combination("Specify passwords, or NoPasswordRequired.")
        raise invalid_combination("Passwords are required for this kind of authentication.")
    if kind != "password" and passwords:
        raise invalid_combination("Passwords cannot be specified with this kind of authentication.")
    if len(passwords) > 2:
        raise invalid_value("A user can have two passwords at most.")
    for password in passwords:
        if not 16 <= len(password) <= 128:
            raise invalid_value("Passwords length must be between 16-128 characters.")
    return kind, passwords


def _access(text: str) -> str:
    if not re.match(r"(on|off)\b", text):
        raise invalid_value("The access string must begin with on or off.")
    return text


def _rules(access: str, secrets: str) -> str:
    """ACL rules of a real server: those of the access string, with the passwords' hashes."""
    words = access.split()
    state = [] if words[0] == "on" else ["off"]
    return " ".join([*secrets.split(), *words[1:], *state])
