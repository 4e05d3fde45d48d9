# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server as a client sees it. Needs psycopg; every call is one short connection over TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .._engine.errors import AuthError, CloudError, InvalidRequest, Unavailable

CONNECT_SECONDS = 10
_UNREACHABLE = (
    "The server answers only inside the site's network: run this where that can be reached, or leave databases and "
    "users to those who can."
)


@dataclass(frozen=True)
class Endpoint:
    """Where a server answers. ca_bundle: the authority that its certificate must come from; without one the connection
    is encrypted and the server proves by SCRAM that it knows the password."""

    host: str
    port: int = 5432
    ca_bundle: str | None = None


class PostgresServer:
    """One server. password: fetched when it is needed, and not kept."""

    def __init__(self, endpoint: Endpoint, user: str, password: Callable[[], str], database: str = "postgres") -> None:
        self.endpoint = endpoint
        self.user = user
        self._password = password
        self._database = database

    @contextmanager
    def connect(self, database: str | None = None) -> Iterator[Any]:
        """A connection in autocommit mode. Raises AuthError, Unavailable or InvalidRequest; no message holds a
        password."""
        import psycopg

        trusted = self.endpoint.ca_bundle
        tls: dict[str, Any] = {"sslmode": "verify-full", "sslrootcert": trusted} if trusted else {"sslmode": "require"}
        try:
            connection = psycopg.connect(
                host=self.endpoint.host,
                port=self.endpoint.port,
                user=self.user,
                password=self._password(),
                dbname=database or self._database,
                connect_timeout=CONNECT_SECONDS,
                autocommit=True,
                **tls,
            )
        except psycopg.OperationalError as error:
            raise self._refused(error) from None  # its context holds the connection's parameters
        with connection:
            try:
                yield connection
            except psycopg.OperationalError as error:
                raise Unavailable(_text(error), what=self._what) from None
            except psycopg.Error as error:
                raise InvalidRequest(_text(error), code=error.sqlstate or "", what=self._what) from None

    def check(self) -> str:
        """The server's version, having answered a query."""
        with self.connect() as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0])

    def databases(self) -> set[str]:
        with self.connect() as connection:
            return {row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")}

    def create_database(self, name: str) -> None:
        """Make it where it is missing: a service may have made the first one with the server."""
        from psycopg import sql

        with self.connect() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if known is not None:
                return
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def drop_database(self, name: str) -> None:
        from psycopg import sql

        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))

    def roles(self) -> set[str]:
        """Roles that may log in."""
        with self.connect() as connection:
            return {row[0] for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")}

    def set_password(self, role: str, password: str) -> None:
        """Make the role where it is missing, and give it this password. Only the SCRAM verifier travels: a server that
        logs statements does not log the password."""
        from psycopg import sql

        with self.connect() as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            statement = "ALTER ROLE {} LOGIN PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}"
            connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(verifier)))

    def grant(self, role: str, databases: tuple[str, ...]) -> None:
        """Let the role use these databases: connect, and make and change what is in schema public."""
        from psycopg import sql

        who = sql.Identifier(role)
        for name in databases:
            with self.connect(name) as connection:
                on = sql.SQL("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}")
                connection.execute(on.format(sql.Identifier(name), who))
                connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(who))

    def granted(self, role: str) -> set[str]:
        """Databases that the role may make things in, by a grant of its own."""
        query = (
            "SELECT d.datname FROM pg_database d, aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee "
            "WHERE r.rolname = %s AND a.privilege_type = 'CREATE'"
        )
        with self.connect() as connection:
            return {row[0] for row in connection.execute(query, (role,))}

    def drop_role(self, role: str, databases: tuple[str, ...]) -> None:
        """Take the role away. What it owns stays and goes to the administrator."""
        from psycopg import sql

        who, admin = sql.Identifier(role), sql.Identifier(self.user)
        with self.connect() as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
                return
            connection.execute(sql.SQL("GRANT {} TO {}").format(who, admin))
        for name in (*databases, self._database):
            with self.connect(name) as connection:
                connection.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(who, admin))
                connection.execute(sql.SQL("DROP OWNED BY {}").format(who))
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(who))

    @property
    def _what(self) -> str:
        return f"PostgreSQL at {self.endpoint.host}:{self.endpoint.port}"

    def _refused(self, error: Exception) -> CloudError:
        text = _text(error)
        if "authentication failed" in text or "no pg_hba.conf entry" in text:
            return AuthError(f"the login of {self.user} is refused: {text}", what=self._what)
        return Unavailable(text, what=self._what, hint=_UNREACHABLE)


def _text(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line)
