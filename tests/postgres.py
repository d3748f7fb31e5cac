"""A throw-away PostgreSQL server for tests, from the system's own packages (`make system` installs them).

It listens on a loopback port and on a socket in its own temporary folder, belongs to an unprivileged user, and ends
with the tests, however they end.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

USER = "sparsearch"
START_S = 30.0


class Server:
    """A cluster of its own.

    Args:
        folder: empty; may be entered by the user that the server runs as.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = secrets.token_hex(8)
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        passwords = folder / "password"
        passwords.write_text(self.password)
        if os.geteuid() == 0:
            account = _account()
            for path in (folder, passwords):
                shutil.chown(path, account, _group(account))
        command = [_binary("initdb"), "-D", str(folder / "data"), "-U", USER, f"--pwfile={passwords}"]
        options = ["--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        made = subprocess.run([*_unprivileged(), *command, *options], cwd=folder, capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr

    @classmethod
    @contextmanager
    def in_new_folder(cls) -> Iterator["Server"]:
        """A running server that leaves nothing behind."""
        folder = Path(tempfile.mkdtemp(prefix="sparsearch-pg-"))
        server = cls(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)
            shutil.rmtree(folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """Of a database in it."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it; returns when it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "off",  # the machine does not lose power during tests
            "max_connections": "60",
            "log_min_messages": "fatal",
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_unprivileged(), _binary("postgres"), "-D", str(self.folder / "data"), *flags],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, error
                time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions in order, SIGQUIT at once, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(START_S)

    def create(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"test{self._databases}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def run(self, statement: str) -> None:
        """Run a statement as the owner of everything."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]  # tests write their own statements


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The server of all tests of a run."""
    with Server.in_new_folder() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The URL of a new, empty database."""
    url = postgres_server.create()
    yield url
    postgres_server.run(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


def _binary(name: str) -> str:
    """A command of the server, which Debian keeps off PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))
    assert found is not None, f"{name} is not installed; run: make system"
    return found


def _unprivileged() -> list[str]:
    """What to put before a command of the server, which refuses to run as root; and it ends with us."""
    command = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() != 0:
        return command
    account = _account()
    return [*command, f"--reuid={account}", f"--regid={_group(account)}", "--clear-groups"]


def _account() -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _group(account: str) -> str:
    import grp
    import pwd

    return grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
