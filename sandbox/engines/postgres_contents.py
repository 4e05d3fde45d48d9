"""What is in a local PostgreSQL server: roles, databases, parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .addresses import Address
from .postgres_files import scram_verifier, write_access, write_parameters
from .postgres_servers import Server, Servers


class Contents(Servers):
    """Makes servers with an admin role, and changes what is in them."""

    def start(
        self,
        instance_id: str,
        admin_user: str,
        password: str,
        databases: Iterable[str] = (),
        tls: bool = True,
        port: int | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Address:
        """Make a server with an admin role and databases of its own; TLS is required of clients when ``tls``.

        ``port`` is kept by giving the server a loopback address of its own; None = a free port of 127.0.0.1.
        """
        with self._lock:
            server = self._new(instance_id, admin_user, tls, port)
            try:
                self._runner.make_directory(server.data)
                self._template.copy_to(server.data)
                server.parameters = dict(parameters or {})
                self._launch(server)
                self._first_steps(server, password, databases)
            except BaseException:
                self.delete(instance_id)
                raise
            return server.address

    def _first_steps(self, server: Server, password: str, databases: Iterable[str]) -> None:
        from psycopg import sql

        group, admin = sql.Identifier(self._admin_group), sql.Identifier(server.admin)
        rights = "pg_monitor, pg_signal_backend" + (", pg_checkpoint" if int(self.version) >= 15 else "")
        with self._connect(server) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN CREATEDB CREATEROLE").format(group))
            connection.execute(sql.SQL(f"GRANT {rights} TO {{}} WITH ADMIN OPTION").format(group))
        self.create_user(server.name, server.admin, password, create_roles=True)
        with self._connect(server) as connection:
            connection.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(group, admin))
            connection.execute(sql.SQL("ALTER DATABASE postgres OWNER TO {}").format(admin))
        for database in databases:
            self.create_database(server.name, database)

    def set_password(self, instance_id: str, user: str, password: str) -> None:
        """Give a role a new password; connections that are open stay open."""
        from psycopg import sql

        with self._connect(self._servers[instance_id]) as connection:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(user), sql.Literal(scram_verifier(password))))

    def create_user(self, instance_id: str, user: str, password: str | None, create_roles: bool = False) -> None:
        """Make a role that may log in; ``create_roles`` also lets it make roles and databases."""
        from psycopg import sql

        verifier = sql.Literal(scram_verifier(password) if password is not None else None)
        rights = sql.SQL(" CREATEDB CREATEROLE" if create_roles else "")
        statement = sql.SQL("CREATE ROLE {} LOGIN{} PASSWORD {}").format(sql.Identifier(user), rights, verifier)
        with self._connect(self._servers[instance_id]) as connection:
            connection.execute(statement)

    def drop_user(self, instance_id: str, user: str) -> None:
        """Remove a role; what it owns falls to the admin. An unknown role is nothing to do."""
        from psycopg import sql

        server = self._servers[instance_id]
        role, admin = sql.Identifier(user), sql.Identifier(server.admin)
        if user not in self.users(instance_id):
            return
        for database in self.databases(instance_id):
            with self._connect(server, database) as connection:
                connection.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(role, admin))
                connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        with self._connect(server) as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(role))

    def users(self, instance_id: str) -> list[str]:
        """Roles that may log in, without the provider's own."""
        rows = self.query(instance_id, "SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY 1")
        return [name for (name,) in rows if name != self._superuser]

    def create_database(self, instance_id: str, name: str, owner: str | None = None) -> None:
        """Make a database; its owner is the admin unless another role is named."""
        from psycopg import sql

        server = self._servers[instance_id]
        # Copying files is quicker than writing them to the log, which is archived.
        strategy = " STRATEGY FILE_COPY" if int(self.version) >= 15 else ""
        statement = sql.SQL("CREATE DATABASE {} OWNER {}" + strategy)
        with self._connect(server) as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner or server.admin)))

    def drop_database(self, instance_id: str, name: str) -> None:
        """Remove a database and end its connections; an unknown one is nothing to do."""
        from psycopg import sql

        with self._connect(self._servers[instance_id]) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def databases(self, instance_id: str) -> list[str]:
        """Databases that clients may use."""
        rows = self.query(instance_id, "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")
        return [name for (name,) in rows]

    def set_parameters(self, instance_id: str, parameters: Mapping[str, str]) -> list[str]:
        """Replace the instance's parameters; returns those that wait for a restart."""
        server = self._servers[instance_id]
        server.parameters = dict(parameters)
        write_parameters(self._runner, server.data, server.parameters)
        self._reload(server)
        return self.pending_restart(instance_id)

    def pending_restart(self, instance_id: str) -> list[str]:
        """Parameters that were changed and wait for a restart."""
        rows = self.query(instance_id, "SELECT name FROM pg_settings WHERE pending_restart ORDER BY 1")
        return [name for (name,) in rows]

    def require_tls(self, instance_id: str, required: bool) -> None:
        """Refuse, or accept, connections without TLS from now on."""
        server = self._servers[instance_id]
        server.require_tls = required
        write_access(self._runner, server.data, self._superuser, required, tls=True)
        self._reload(server)
