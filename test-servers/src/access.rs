//! How Redis servers are reached: in plain text or over TLS, by whom.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::redis::program;

/// How Redis servers are to be reached; by anybody in plain text when not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisAccess {
    /// TLS alone, with a certificate that `ca_certificate` vouches for; between the servers too.
    pub tls: bool,
    /// Clients must have a certificate, as in `client_certificate`; over TLS.
    pub client_certificates: bool,
    /// User and password, without which a server does nothing. The user may be `default`; any other is the only one.
    pub login: Option<(String, String)>,
    /// The same for the sentinels.
    pub sentinel_login: Option<(String, String)>,
}

impl RedisAccess {
    /// TLS alone.
    pub fn tls() -> Self {
        Self {
            tls: true,
            ..Self::default()
        }
    }

    /// `redis` or `rediss`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "rediss" } else { "redis" }
    }

    pub(crate) fn ca_certificate(&self, folder: &Path) -> PathBuf {
        assert!(self.tls, "this server does not speak TLS");
        folder.join("ca.pem")
    }

    /// Certificate and key of a client.
    pub(crate) fn client_certificate(&self, folder: &Path) -> (PathBuf, PathBuf) {
        assert!(self.tls, "this server does not speak TLS");
        (folder.join("client.pem"), folder.join("client.key"))
    }

    /// The arguments of a server.
    pub(crate) fn server(&self, folder: &Path, port: u16) -> Vec<OsString> {
        let mut all = self.listen(folder, port);
        if let Some((user, password)) = &self.login {
            all.extend(users(user, password));
            all.extend(words(&format!(
                "--masteruser {user} --masterauth {password}"
            )));
        }
        all
    }

    /// The arguments of a sentinel.
    pub(crate) fn sentinel(&self, folder: &Path, port: u16) -> Vec<OsString> {
        let mut all = self.listen(folder, port);
        if let Some((user, password)) = &self.sentinel_login {
            all.extend(users(user, password));
        }
        all
    }

    /// What a sentinel must be told of logins, in its file.
    pub(crate) fn sentinel_lines(&self, name: &str) -> String {
        let to_servers = self.login.as_ref().map(|(user, password)| {
            format!("sentinel auth-user {name} {user}\nsentinel auth-pass {name} {password}\n")
        });
        let to_sentinels = self.sentinel_login.as_ref().map(|(user, password)| {
            format!("sentinel sentinel-user {user}\nsentinel sentinel-pass {password}\n")
        });
        [to_servers, to_sentinels].into_iter().flatten().collect()
    }

    fn listen(&self, folder: &Path, port: u16) -> Vec<OsString> {
        if !self.tls {
            return words(&format!("--port {port}"));
        }
        let clients = if self.client_certificates {
            "yes"
        } else {
            "no"
        };
        let mut all = words(&format!(
            "--port 0 --tls-port {port} --tls-auth-clients {clients} --tls-replication yes"
        ));
        let files = [
            ("cert", "server.pem"),
            ("key", "server.key"),
            ("ca-cert", "ca.pem"),
            // As who it comes to the others.
            ("client-cert", "client.pem"),
            ("client-key", "client.key"),
        ];
        for (setting, file) in files {
            all.push(format!("--tls-{setting}-file").into());
            all.push(folder.join(file).into());
        }
        all
    }

    /// `redis-cli` for a server.
    pub(crate) fn cli(&self, folder: &Path, login: Option<&(String, String)>) -> Command {
        let mut cli = Command::new(program("redis-cli", "redis-tools").path());
        cli.arg("-e").env_remove("REDISCLI_AUTH");
        if self.tls {
            let (certificate, key) = self.client_certificate(folder);
            cli.args(["--tls", "--cacert"])
                .arg(self.ca_certificate(folder));
            cli.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        if let Some((user, password)) = login {
            cli.args(["--no-auth-warning", "--user", user, "--pass", password]);
        }
        cli
    }

    /// What a server or a sentinel answers to a command.
    pub(crate) fn ask(
        &self,
        folder: &Path,
        login: Option<&(String, String)>,
        port: u16,
        arguments: &[&str],
    ) -> Result<String, String> {
        let mut cli = self.cli(folder, login);
        cli.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        command::output(cli.args(arguments), "")
    }
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

fn users(user: &str, password: &str) -> Vec<OsString> {
    if user == "default" {
        return words(&format!("--requirepass {password}"));
    }
    words(&format!(
        "--user default off --user {user} on >{password} ~* &* +@all"
    ))
}
