"""The garbage collector and the end of namespaces, turn by turn instead of at some later time."""

from __future__ import annotations

from collections import deque
from typing import Any

from apiserver.commit import Commits
from apiserver.registry import BY_KIND, NAMESPACE
from apiserver.removal import FOREGROUND, ORPHAN, Removals
from apiserver.request import Target
from apiserver.store import DELETED, Change, Stored, key_of
from tracedmodel_operator.kinds import Kind

Place = tuple[Kind, str]


class Garbage:
    """Deletes what lost its owners. Looks only at what changed since its last turn."""

    def __init__(self, commits: Commits, removals: Removals) -> None:
        self._commits = commits
        self._database = commits.database
        self._removals = removals
        self._pending: deque[Place] = deque()
        for table in self._database.tables.values():
            table.listeners.append(self._note)

    def turn(self) -> int:
        """Collect until nothing is left to collect; return how many objects were looked at."""
        looked = 0
        while self._pending:
            looked += 1
            stored = self._database.find(*self._pending.popleft())
            if stored is not None:
                self._look_at(stored)
        return looked

    def _note(self, change: Change) -> None:
        stored = change.after
        if change.type == DELETED:
            self._pending.extend(self._dependents(stored))
            known = self._database.by_uid
            self._pending.extend(known[uid] for uid in stored.owners if uid in known)
            home = (NAMESPACE, key_of(None, stored.namespace))
            if (found := self._database.find(*home)) and found.deleting:
                self._pending.append(home)
        elif stored.deleting or self._state(stored) != (True, False):
            self._pending.append((stored.kind, stored.key))

    def _look_at(self, stored: Stored) -> None:
        if stored.kind == NAMESPACE:
            if stored.deleting:
                self._empty(stored)
        elif stored.deleting and ORPHAN in stored.finalizers:
            self._orphan(stored)
        elif stored.deleting and FOREGROUND in stored.finalizers:
            self._delete_dependents(stored)
        elif stored.owners:
            self._judge_owners(stored)

    def _dependents(self, owner: Stored) -> list[Place]:
        return sorted(self._database.dependents.get(owner.uid, ()), key=lambda place: place[1])

    def _owner(self, stored: Stored, uid: str) -> Stored | None:
        """Return an owner that is there, in the dependent's namespace or in none."""
        place = self._database.by_uid.get(uid)
        owner = self._database.find(*place) if place else None
        return owner if owner and owner.namespace in ("", stored.namespace) else None

    def _state(self, stored: Stored) -> tuple[bool, bool]:
        """Return whether some owner is there to stay, and whether some is not."""
        owners = [self._owner(stored, uid) for uid in stored.owners]
        stay = [bool(owner and not _waits(owner)) for owner in owners]
        return any(stay) or not stay, not all(stay)

    def _judge_owners(self, stored: Stored) -> None:
        some_stay, some_go = self._state(stored)
        if not some_go:
            return
        if some_stay:
            gone = {uid for uid in stored.owners if not self._stays(stored, uid)}
            self._disown(stored, gone)
        elif not stored.deleting:
            waiting = any(self._owner(stored, uid) for uid in stored.owners)
            policy = "Foreground" if waiting and self._dependents(stored) else "Background"
            self._removals.delete(_target(stored), {"propagationPolicy": policy}, {})

    def _stays(self, stored: Stored, uid: str) -> bool:
        owner = self._owner(stored, uid)
        return bool(owner and not _waits(owner))

    def _disown(self, stored: Stored, uids: set[str]) -> None:
        document = stored.load()
        metadata = document["metadata"]
        kept = [owner for owner in metadata["ownerReferences"] if owner["uid"] not in uids]
        metadata["ownerReferences"] = kept
        if not kept:
            del metadata["ownerReferences"]
        self._commits.keep(_target(stored), document)

    def _orphan(self, owner: Stored) -> None:
        for place in self._dependents(owner):
            dependent = self._database.find(*place)
            if dependent:
                self._disown(dependent, {owner.uid})
        self._unfinalize(owner, ORPHAN)

    def _delete_dependents(self, owner: Stored) -> None:
        """Delete what a waiting owner owns; let the owner go once nothing is left that blocks it."""
        for place in self._dependents(owner):
            dependent = self._database.find(*place)
            if dependent:
                self._judge_owners(dependent)
        left = (self._database.find(*place) for place in self._dependents(owner))
        if not any(_blocks(dependent, owner) for dependent in left if dependent):
            self._unfinalize(owner, FOREGROUND)

    def _unfinalize(self, stored: Stored, finalizer: str) -> None:
        document = stored.load()
        metadata: dict[str, Any] = document["metadata"]
        metadata["finalizers"] = [name for name in metadata["finalizers"] if name != finalizer]
        self._commits.keep(_target(stored), document)

    def _empty(self, namespace: Stored) -> None:
        left = False
        for table in self._database.tables.values():
            for key in list(table.keys(namespace.name)):
                stored = table.items[key]
                if not stored.deleting:
                    self._removals.delete(_target(stored), {}, {})
                left = left or key in table.items
        if not left and self._database.find(NAMESPACE, namespace.key):
            self._database.remove(NAMESPACE, namespace.key, namespace.load())


def _waits(owner: Stored) -> bool:
    return owner.deleting and FOREGROUND in owner.finalizers


def _blocks(dependent: Stored, owner: Stored) -> bool:
    references = dependent.load()["metadata"].get("ownerReferences") or ()
    return any(r["uid"] == owner.uid and r.get("blockOwnerDeletion") for r in references)


def _target(stored: Stored) -> Target:
    return Target(BY_KIND[stored.kind], stored.namespace or None, stored.name)
