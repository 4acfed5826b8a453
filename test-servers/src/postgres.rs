//! PostgreSQL, alone or with standbys.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::certificate;
use crate::command;
use crate::keeper::Keeper;
use crate::program::Program;
use crate::server::{Kind, Server};
use crate::user::User;
use crate::wait::until;

const KIND: Kind = Kind {
    name: "PostgreSQL",
    ready: "ready to accept",
    stop: "INT",
    end: "QUIT",
};

const INITDB: Program = Program {
    name: "initdb",
    package: "postgresql",
    variable: crate::POSTGRES_VARIABLE,
};

const SETTINGS: [(&str, &str); 6] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "300"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    // In the folder rather than in /dev/shm, where a killed server leaves it.
    ("dynamic_shared_memory_type", "mmap"),
];

/// A PostgreSQL server of one's own. The superuser is `postgres`, without a password.
///
/// What has been committed survives [`Postgres::kill`], since the system goes on and writes it; a page half written
/// at that moment may not, so that a test of durability asks for `full_page_writes` (and `fsync`) `on`.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    programs: PathBuf,
}

impl Postgres {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with settings, as in `postgresql.conf`; they win over those here.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let new = New::folder();
        new.prepare(settings);
        new.run()
    }

    /// Starts one that speaks TLS alone, with a certificate that [`Postgres::ca_certificate`] vouches for. It listens
    /// on 127.0.0.2 as well, which the certificate does not name.
    pub fn start_tls() -> Self {
        let new = New::folder();
        certificate::make_for(&new.keeper, new.user.as_ref());
        let file = |name: &str| new.keeper.folder().join(name).display().to_string();
        new.prepare(&[
            ("listen_addresses", "127.0.0.1,127.0.0.2"),
            ("ssl", "on"),
            ("ssl_cert_file", &file("server.pem")),
            ("ssl_key_file", &file("server.key")),
        ]);
        let rules = new.data().join("pg_hba.conf");
        fs::write(rules, "hostssl all all 127.0.0.0/8 trust\n").expect("room");
        new.run()
    }

    /// The file with the certificate of the authority that signed the server's, in PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        let file = self.server.folder().join("ca.pem");
        assert!(file.is_file(), "this server does not speak TLS");
        file
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Its database `postgres`.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// A database of it.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// Makes a database.
    pub fn create_database(&self, name: &str) {
        self.sql(&format!("CREATE DATABASE \"{name}\""));
    }

    /// What `psql` prints for `sql`: a line a row, `|` between columns. Each statement commits by itself.
    pub fn sql(&self, sql: &str) -> String {
        self.try_sql(sql).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_sql(&self, sql: &str) -> Result<String, String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-p"])
            .arg(self.port().to_string())
            .env_remove("PGOPTIONS")
            .env_remove("PGSERVICE");
        command::output(&mut psql, sql)
    }

    fn until(&self, what: &str, sql: &str) {
        until(what, || match self.try_sql(sql)?.as_str() {
            "t" => Ok(()),
            other => Err(format!("{sql} is {other:?}")),
        });
    }

    /// Stops it in order, without waiting for its clients.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Kills it and its children, as when the machine goes away.
    pub fn kill(&mut self) {
        self.server.kill();
        self.clear();
    }

    /// Removes what a killed server leaves: a block of shared memory, and the lock that says where.
    fn clear(&self) {
        let lock = self.data().join("postmaster.pid");
        let text = fs::read_to_string(&lock).unwrap_or_default();
        // The last field of line seven.
        let id = text
            .lines()
            .nth(6)
            .and_then(|line| line.split_whitespace().last());
        if let Some(id) = id {
            let mut ipcrm = Command::new("ipcrm");
            let _ = ipcrm.args(["-m", id]).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_file(lock);
    }

    /// Starts it once more: same folder, same port.
    pub fn start_again(&mut self) {
        self.server.start_again();
    }

    /// Freezes it: connections stay, and nothing answers.
    pub fn pause(&self) {
        self.server.pause();
    }

    /// Lets it go on after [`Postgres::pause`].
    pub fn resume(&self) {
        self.server.resume();
    }

    /// A standby of this one, with its settings, that has begun to stream.
    #[must_use = "it ends when dropped"]
    pub fn standby(&self) -> Self {
        let new = New::folder();
        let mut backup = new.program("pg_basebackup");
        let arguments = [
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            "-p",
        ];
        backup.extend(arguments.map(OsString::from));
        backup.push(self.port().to_string().into());
        backup.push("-D".into());
        backup.push(new.data().into());
        new.keeper.run(&backup);
        // Not the primary's: once promoted it waits for nobody.
        append(
            &new.data().join("postgresql.auto.conf"),
            &[("synchronous_standby_names", "")],
        );
        let standby = new.run();
        let streams = format!(
            "SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = '{}' AND state = 'streaming'",
            name(standby.port())
        );
        self.until("the standby's stream", &streams);
        standby
    }

    /// Has every commit wait until a standby has applied it. One must be streaming already.
    pub fn replicate_synchronously(&self) {
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("ALTER SYSTEM SET synchronous_commit = 'remote_apply'");
        self.sql("SELECT pg_reload_conf()");
        let ready = "SELECT current_setting('synchronous_commit') = 'remote_apply' \
            AND EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')";
        self.until("synchronous replication", ready);
    }

    /// Makes a standby a primary: it accepts writes from then on.
    pub fn promote(&self) {
        self.sql("SELECT pg_promote()");
        self.until("the promotion", "SELECT NOT pg_is_in_recovery()");
    }

    fn data(&self) -> PathBuf {
        self.server.folder().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !self.server.is_running() {
            self.clear();
        }
    }
}

/// A folder for a server to be.
struct New {
    keeper: Arc<Keeper>,
    programs: PathBuf,
    user: Option<User>,
}

impl New {
    fn folder() -> Self {
        let programs = INITDB.postgres_folder();
        let user = User::unprivileged("postgres");
        let keeper = Keeper::start(user.as_ref(), KIND.end);
        Self {
            keeper,
            programs,
            user,
        }
    }

    fn data(&self) -> PathBuf {
        self.keeper.folder().join("data")
    }

    /// Makes its files.
    fn prepare(&self, settings: &[(&str, &str)]) {
        let mut initdb = self.program("initdb");
        let arguments = [
            "--no-sync",
            "-A",
            "trust",
            "-U",
            "postgres",
            "--locale=C.UTF-8",
            "-E",
            "UTF8",
            "-D",
        ];
        initdb.extend(arguments.map(OsString::from));
        initdb.push(self.data().into());
        self.keeper.run(&initdb);
        append(
            &self.data().join("postgresql.conf"),
            &[&SETTINGS, settings].concat(),
        );
    }

    /// What runs one of PostgreSQL's programs.
    fn program(&self, name: &str) -> Vec<OsString> {
        let mut command = self.user.as_ref().map(User::prefix).unwrap_or_default();
        command.push(self.programs.join(name).into());
        command
    }

    fn run(self) -> Postgres {
        let server = Server::start(&KIND, &self.keeper, |port| {
            let mut command = self.program("postgres");
            command.extend(["-D".into(), self.data().into()]);
            command.extend(["-p".into(), port.to_string().into()]);
            command.extend(["-c".into(), format!("cluster_name={}", name(port)).into()]);
            command
        });
        Postgres {
            server,
            programs: self.programs,
        }
    }
}

/// What a server is called; a standby is known to its primary by it.
fn name(port: u16) -> String {
    format!("server_{port}")
}

fn append(file: &Path, settings: &[(&str, &str)]) {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(file)
        .expect("a file of settings");
    for (name, value) in settings {
        writeln!(file, "{name} = '{}'", value.replace('\'', "''")).expect("room");
    }
}
