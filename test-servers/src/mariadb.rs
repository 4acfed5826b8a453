//! MariaDB.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::certificate;
use crate::command;
use crate::keeper::Keeper;
use crate::program::Program;
use crate::server::{Kind, Server};
use crate::user::User;

const KIND: Kind = Kind {
    name: "MariaDB",
    ready: "ready for connections",
    stop: "TERM",
    end: "KILL",
};

const ARGUMENTS: [&str; 9] = [
    "--bind-address=127.0.0.1",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-log-file-size=32M",
    "--innodb-buffer-pool-size=64M",
    "--skip-log-bin",
    "--max-connections=300",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
];

/// A MariaDB server of one's own, with a database `app`. The superuser is `root`, without a password.
///
/// [`MariaDb::kill`] may take what was committed in the last second with it; a test of durability asks for
/// `--innodb-flush-log-at-trx-commit=1` and `--innodb-doublewrite=1`.
#[derive(Debug)]
pub struct MariaDb {
    server: Server,
    tls: bool,
}

impl MariaDb {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with extra arguments; they win over those here.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::launch(arguments, false)
    }

    /// Starts one that speaks TLS alone, with a certificate that [`MariaDb::ca_certificate`] vouches for. It listens
    /// on 127.0.0.2 as well, which the certificate does not name.
    pub fn start_tls() -> Self {
        Self::launch(
            &[
                "--bind-address=127.0.0.1,127.0.0.2",
                "--require-secure-transport=ON",
            ],
            true,
        )
    }

    fn launch(arguments: &[&str], tls: bool) -> Self {
        let user = User::unprivileged("mysql");
        let program = |name| program(name, "mariadb-server-core").path();
        let (install, daemon) = (program("mariadb-install-db"), program("mariadbd"));
        let keeper = Keeper::start(user.as_ref(), KIND.end);
        let folder = keeper.folder();
        let option = |name: &str, file: &str| {
            let mut option = OsString::from(name);
            option.push(folder.join(file));
            option
        };
        let prefix = user.as_ref().map(User::prefix).unwrap_or_default();

        let mut command = prefix.clone();
        command.push(install.into());
        command.extend(
            ["--no-defaults", "--auth-root-authentication-method=normal"].map(OsString::from),
        );
        command.extend(["--skip-test-db", "--innodb-log-file-size=32M"].map(OsString::from));
        command.push(option("--datadir=", "data"));
        keeper.run(&command);
        if tls {
            certificate::make_for(&keeper, user.as_ref());
        }

        let server = Server::start(&KIND, &keeper, |port| {
            let mut command = prefix.clone();
            command.extend([daemon.clone().into(), "--no-defaults".into()]);
            command.push(option("--datadir=", "data"));
            command.push(option("--socket=", "socket"));
            command.push(option("--pid-file=", "pid"));
            command.push(format!("--port={port}").into());
            command.extend(ARGUMENTS.iter().chain(arguments).map(OsString::from));
            if tls {
                command.push(option("--ssl-cert=", "server.pem"));
                command.push(option("--ssl-key=", "server.key"));
            }
            command
        });
        let database = Self { server, tls };
        database.create_database("app");
        database
    }

    /// The file with the certificate of the authority that signed the server's, in PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        assert!(self.tls, "this server does not speak TLS");
        self.server.folder().join("ca.pem")
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Its database `app`.
    pub fn url(&self) -> String {
        self.url_of("app")
    }

    /// A database of it.
    pub fn url_of(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}", self.port())
    }

    /// Makes a database.
    pub fn create_database(&self, name: &str) {
        self.sql(&format!("CREATE DATABASE `{name}`"));
    }

    /// What the client prints for `sql`: a line a row, a tab between columns.
    pub fn sql(&self, sql: &str) -> String {
        let mut client = Command::new(program("mariadb", "mariadb-client-core").path());
        client
            .args(["--no-defaults", "--batch", "--raw", "--skip-column-names"])
            .args(["--host=127.0.0.1", "--user=root", "--skip-password"])
            .arg(format!("--port={}", self.port()))
            .env_remove("MYSQL_PWD");
        if self.tls {
            client.arg("--ssl-ca").arg(self.ca_certificate());
        }
        command::output(&mut client, sql).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Kills it, as when the machine goes away.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it once more: same folder, same port.
    pub fn start_again(&mut self) {
        self.server.start_again();
    }

    /// Freezes it: connections stay, and nothing answers.
    pub fn pause(&self) {
        self.server.pause();
    }

    /// Lets it go on after [`MariaDb::pause`].
    pub fn resume(&self) {
        self.server.resume();
    }
}

fn program(name: &'static str, package: &'static str) -> Program {
    Program {
        name,
        package,
        variable: crate::MYSQL_VARIABLE,
    }
}
