"""Lists of secrets, and random passwords."""

from __future__ import annotations

import secrets
import string
from typing import Any

from ..hooks import Hooks
from ..wire import Call
from .state import Document, Secret, invalid_parameter, refuse
from .store import Store


class Listing:
    """Handlers of ListSecrets and GetRandomPassword."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("secretsmanager.ListSecrets", self.list_all)
        hooks.replace("secretsmanager.GetRandomPassword", self.random)

    def list_all(self, call: Call) -> Document:
        """ListSecrets: newest first unless SortOrder says otherwise."""
        wanted = call.params
        found = [
            secret
            for secret in self._store.visible(call.region)
            if (secret.deleted is None or wanted.get("IncludePlannedDeletion"))
            and all(_matches(secret, item) for item in wanted.get("Filters") or ())
        ]
        found.sort(key=lambda secret: secret.created, reverse=wanted.get("SortOrder", "desc") == "desc")
        shown = []
        for secret in found:
            entry = secret.describe()
            if "VersionIdsToStages" in entry:
                entry["SecretVersionsToStages"] = entry.pop("VersionIdsToStages")
            shown.append(entry)
        size = wanted.get("MaxResults") or 100
        try:
            start = int(wanted.get("NextToken") or 0)
        except ValueError as error:
            raise refuse("InvalidNextTokenException", "The NextToken value is invalid.") from error
        more = {"NextToken": str(start + size)} if start + size < len(shown) else {}
        return {"SecretList": shown[start : start + size], **more}

    @staticmethod
    def random(call: Call) -> Document:
        """GetRandomPassword."""
        wanted = call.params
        kinds = {
            "ExcludeLowercase": string.ascii_lowercase,
            "ExcludeUppercase": string.ascii_uppercase,
            "ExcludeNumbers": string.digits,
            "ExcludePunctuation": string.punctuation,
        }
        excluded = wanted.get("ExcludeCharacters") or ""
        sets = [
            "".join(letter for letter in letters if letter not in excluded)
            for key, letters in kinds.items()
            if not wanted.get(key)
        ]
        if wanted.get("IncludeSpace"):
            sets.append(" ")
        length = wanted.get("PasswordLength") or 32
        required = wanted.get("RequireEachIncludedType", True)
        sets = [letters for letters in sets if letters]
        if not sets or (required and length < len(sets)):
            raise invalid_parameter("Password length is too short based on the required types.")
        chosen = [secrets.choice(letters) for letters in sets] if required else []
        chosen += [secrets.choice("".join(sets)) for _ in range(length - len(chosen))]
        secrets.SystemRandom().shuffle(chosen)
        return {"RandomPassword": "".join(chosen)}


def _matches(secret: Secret, wanted: dict[str, Any]) -> bool:
    """A value with ``!`` in front excludes; values match the beginning of words or of the name."""
    values = {
        "name": [secret.name],
        "description": [secret.description or ""],
        "tag-key": list(secret.tags),
        "tag-value": list(secret.tags.values()),
        "owning-service": [secret.owner or ""],
        "primary-region": [],
    }
    values["all"] = [item for key in ("name", "description", "tag-key", "tag-value") for item in values[key]]
    key = wanted.get("Key", "all")
    if key not in values:
        raise invalid_parameter(f"Invalid filter key: {key}")
    for value in wanted.get("Values") or ():
        text = value.removeprefix("!")
        exact_case = key != "description"
        hit = any(item.startswith(text) if exact_case else text.lower() in item.lower() for item in values[key] if item)
        if hit != value.startswith("!"):
            return True
    return False
