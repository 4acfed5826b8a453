//! `test-servers run COMMAND…`: runs a command with a server of each kind, named in the variables the tests look at;
//! starts those the variables do not name already, and stops them after. Exits as the command does.
#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "test code: without a server there is nothing to test"
)]

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus};
use std::thread;

use test_servers::{
    MYSQL_VARIABLE, MariaDb, POSTGRES_VARIABLE, Postgres, REDIS_CLUSTER_VARIABLE, REDIS_VARIABLE,
    Redis, RedisCluster,
};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next();
    let (Some("run"), Some(program)) = (
        verb.as_deref().and_then(|verb| verb.to_str()),
        arguments.next(),
    ) else {
        eprintln!("usage: test-servers run COMMAND…");
        return ExitCode::from(2);
    };
    let mut command = Command::new(&program);
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_this_program) {
            command.env_remove(name);
        }
    }
    let status = with_servers(&mut command, &program);
    // As shells have it.
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// What `cargo run` says of this program. To a cargo below it, crates whose build looks at that would seem changed, and so
/// would all that is built on them.
fn is_of_this_program(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

fn with_servers(command: &mut Command, program: &OsString) -> ExitStatus {
    thread::scope(|scope| {
        let postgres = scope.spawn(|| unless_named(POSTGRES_VARIABLE, Postgres::start));
        let mysql = scope.spawn(|| unless_named(MYSQL_VARIABLE, MariaDb::start));
        let redis = scope.spawn(|| unless_named(REDIS_VARIABLE, Redis::start));
        let cluster = scope.spawn(|| unless_named(REDIS_CLUSTER_VARIABLE, RedisCluster::start));
        let postgres = postgres.join().expect("PostgreSQL starts");
        let mysql = mysql.join().expect("MariaDB starts");
        let redis = redis.join().expect("Redis starts");
        let cluster = cluster.join().expect("a Redis Cluster starts");
        let urls = [
            (POSTGRES_VARIABLE, postgres.as_ref().map(Postgres::url)),
            (MYSQL_VARIABLE, mysql.as_ref().map(MariaDb::url)),
            (REDIS_VARIABLE, redis.as_ref().map(Redis::url)),
            (
                REDIS_CLUSTER_VARIABLE,
                cluster.as_ref().map(|cluster| cluster.urls().join(",")),
            ),
        ];
        command.envs(
            urls.into_iter()
                .filter_map(|(name, url)| Some((name, url?))),
        );
        let status = command.status();
        status.unwrap_or_else(|error| {
            eprintln!("{}: {error}", program.display());
            ExitStatus::from_raw(127 << 8)
        })
    })
}

fn unless_named<S>(variable: &str, start: impl FnOnce() -> S) -> Option<S> {
    std::env::var_os(variable).is_none().then(start)
}
