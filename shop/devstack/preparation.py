"""Whether the database is as far as the code: a first start has to wait for its migrations."""

import contextlib
import hashlib
from pathlib import Path

from shop.devstack.postgres import Cluster
from shop.devstack.project import ROOT


class Preparation:
    """Remembers for our own cluster which migrations were applied to it last.

    Of a database that the caller brings nothing is known: it counts as not prepared at every start.
    """

    def __init__(self, folder: Path, cluster: Cluster | None = None, root: Path = ROOT) -> None:
        self.file = folder / "prepared"
        self.cluster = cluster
        self.root = root

    def is_done(self) -> bool:
        """Say whether this cluster has had all migrations that are here now."""
        with contextlib.suppress(OSError):
            return self.cluster is not None and self.file.read_text(encoding="utf-8") == self._fingerprint()
        return False

    def remember(self) -> None:
        """Write down that this cluster has them all."""
        if self.cluster is not None:
            self.file.write_text(self._fingerprint(), encoding="utf-8")

    def _fingerprint(self) -> str:
        assert self.cluster is not None
        # written once, when the cluster is made: a cluster made anew has another time
        made_at = (self.cluster.data / "PG_VERSION").stat().st_mtime_ns
        digest = hashlib.sha256(str(made_at).encode())
        for migration in sorted(self.root.glob("*/**/migrations/*.py")):
            digest.update(migration.relative_to(self.root).as_posix().encode())
            digest.update(migration.read_bytes())
        return digest.hexdigest()
