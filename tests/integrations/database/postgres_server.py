"""A PostgreSQL server of our own from the system's binaries, on a loopback port, for as long as the tests run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import sqlalchemy as sa

from integrations.database.schema import migrate

USER = "postgres"
TEMPLATE = "pilothouse_template"


def binaries() -> Path | None:
    """The newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    return found[-1].parent if found else None


class Server:
    def __init__(self, *, options: str = "") -> None:
        found = binaries()
        if found is None:
            raise FileNotFoundError("no PostgreSQL under /usr/lib/postgresql")
        self._bin = found
        self._folder = Path(tempfile.mkdtemp(prefix="pilothouse-postgres-"))
        self._made = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        if os.getuid() == 0:
            shutil.chown(self._folder, USER, USER)
        data = self._folder / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8", "--locale=C")
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder} -c max_connections=80 {options}"
        self._run("pg_ctl", "-D", str(data), "-l", str(self._folder / "log"), "-w", "-o", settings, "start")

    def _run(self, program: str, *arguments: str) -> None:
        """It refuses to run as root."""
        become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.getuid() == 0 else []
        subprocess.run(
            [*become, str(self._bin / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            timeout=60,
        )

    def url(self, database: str = USER, *, user: str = USER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, *, database: str = USER) -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(sql.encode())

    def empty(self) -> str:
        """The URL of a new database without tables."""
        self._made += 1
        name = f"empty_{self._made}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def fresh(self) -> str:
        """The URL of a new database with our tables: a copy of one that was set up once."""
        if self._made == 0 or not self._has_template():
            self.execute(f"CREATE DATABASE {TEMPLATE}")
            migrate(self.url(TEMPLATE))
        self._made += 1
        name = f"copy_{self._made}"
        for _ in range(100):
            try:
                self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
                break
            except psycopg.errors.ObjectInUse:
                time.sleep(0.05)
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute("UPDATE meta SET value = %s WHERE name = 'database'", (name,))
        return self.url(name)

    def _has_template(self) -> bool:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone()
        return found is not None

    def stop(self, *, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", mode, "-w", "stop")

    def start(self) -> None:
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder} -c max_connections=80"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-l", log, "-w", "-o", settings, "start")

    def freeze(self) -> None:
        """Every process of it stands still, as on a host that is paused."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        postmaster = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            os.kill(process, number)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)


def name_of(url: str) -> str:
    return sa.make_url(url).database or ""
