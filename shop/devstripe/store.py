"""The store: every object in memory, written through to a small SQLite file of its own.

One lock and one unit of work at a time. Inside `unit()` objects are edited as copies; they replace the
originals and reach the file together when the unit ends, or not at all. It is apart from the shop's database
on purpose: a roll-back there must not undo what "Stripe" did.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Obj = dict[str, Any]
Listener = Callable[[list[Obj]], None]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_seq ON objects (seq);
"""


def copy(obj: Any) -> Any:
    """Return an independent copy of JSON data."""
    return json.loads(json.dumps(obj))


class Store:
    """All of devstripe's objects, by id and by kind, oldest first."""

    def __init__(self, path: str) -> None:
        self.lock = threading.RLock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # A power cut may lose the last writes of this test double; a killed process loses nothing.
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=OFF")
        self._file.executescript(SCHEMA)
        self._objects: dict[str, Obj] = {}
        self._kinds: dict[str, dict[str, None]] = {}
        self._changed: dict[str, Obj | None] = {}
        self._seqs: dict[str, int] = {}
        self._seq = 0
        self._listeners: list[Listener] = []
        self._load()

    def listen(self, listener: Listener) -> None:
        """Call `listener` with the objects of every unit that was kept, under the lock."""
        self._listeners.append(listener)

    def _load(self) -> None:
        for id, kind, seq, body in self._file.execute("SELECT id, kind, seq, body FROM objects ORDER BY seq"):
            self._objects[id] = json.loads(body)
            self._kinds.setdefault(kind, {})[id] = None
            self._seqs[id] = self._seq = seq

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Hold the lock; keep everything at the end, or nothing when an exception leaves the block."""
        with self.lock:
            try:
                yield
            except BaseException:
                self.discard()
                raise
            self._commit()

    def discard(self) -> None:
        """Forget what the current unit changed so far."""
        self._changed.clear()

    def _commit(self) -> None:
        if not self._changed:
            return
        changed, self._changed = self._changed, {}
        self._file.execute("BEGIN")
        for id, obj in changed.items():
            if obj is None:
                self._forget(id)
            else:
                self._keep(id, obj)
        self._file.execute("COMMIT")
        kept = [obj for obj in changed.values() if obj is not None]
        for listener in self._listeners:
            listener(kept)

    def _keep(self, id: str, obj: Obj) -> None:
        if id not in self._seqs:
            self._seq += 1
            self._seqs[id] = self._seq
            self._kinds.setdefault(obj["object"], {})[id] = None
        self._objects[id] = obj
        row = (id, obj["object"], self._seqs[id], json.dumps(obj, separators=(",", ":")))
        self._file.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", row)

    def _forget(self, id: str) -> None:
        obj = self._objects.pop(id, None)
        if obj is not None:
            self._kinds[obj["object"]].pop(id, None)
            self._seqs.pop(id, None)
            self._file.execute("DELETE FROM objects WHERE id = ?", (id,))

    def add(self, obj: Obj) -> Obj:
        """Keep a new object; it may be edited freely until the unit ends."""
        self._changed[obj["id"]] = obj
        return obj

    def get(self, id: str, kind: str | None = None) -> Obj | None:
        """Return the object to be read, never written; None when there is none, or it is of another kind."""
        obj = self._changed[id] if id in self._changed else self._objects.get(id)
        return obj if obj is not None and kind in (None, obj["object"]) else None

    def edit(self, id: str) -> Obj:
        """Return the object to be changed within the current unit.

        :raises KeyError: if there is no such object.
        """
        obj = self._changed.get(id)
        if obj is None:
            obj = self._changed[id] = copy(self._objects[id])
        return obj

    def remove(self, id: str) -> None:
        """Forget an object."""
        self._changed[id] = None

    def newest(self, kind: str) -> Iterator[Obj]:
        """Yield the objects of a kind, newest first."""
        for id in reversed(list(self._changed)):
            obj = self._changed[id]
            if obj is not None and obj["object"] == kind and id not in self._seqs:
                yield obj
        for id in reversed(self._kinds.get(kind, {})):
            found = self.get(id)
            if found is not None:
                yield found

    def clear(self) -> None:
        """Forget everything."""
        for id in list(self._objects):
            self._changed[id] = None

    def close(self) -> None:
        """Close the file; nothing may be written after."""
        with self.lock:
            self._file.close()
