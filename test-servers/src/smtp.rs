//! A mail server.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::certificate;
use crate::keeper::Keeper;
use crate::server::{Kind, Server};
use crate::wait::{LIMIT, within};

const KIND: Kind = Kind {
    name: "the mail server",
    ready: "ready to take mail",
    stop: "TERM",
    end: "KILL",
};

const SERVER: &str = include_str!("smtp_server.py");

/// How a mail server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpTls {
    /// In clear.
    #[default]
    None,
    /// After STARTTLS, which it insists on.
    StartTls,
    /// By TLS from the first byte.
    Implicit,
}

/// A mail server (aiosmtpd) that keeps what it takes.
#[derive(Debug)]
pub struct Smtp {
    server: Server,
}

/// A mail it took, as Python's parser reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMail {
    /// As it came, its dots unstuffed.
    pub raw: Vec<u8>,
    /// The address of `MAIL FROM`.
    pub from: String,
    /// The addresses of `RCPT TO`.
    pub to: Vec<String>,
    /// The client's address and port: the same on one connection.
    pub connection: String,
    /// Whether the connection was protected by TLS.
    pub tls: bool,
    /// Whether the client had logged in.
    pub login: bool,
    /// How the client introduced itself.
    pub hello: String,
    /// The headers in their order, decoded.
    pub headers: Vec<(String, String)>,
    /// What is wrong with the message.
    pub defects: String,
    /// The plain text, decoded.
    pub text: String,
    /// The HTML, decoded.
    pub html: String,
}

impl Smtp {
    /// Starts one that asks for nothing.
    pub fn start() -> Self {
        Self::start_with(SmtpTls::None, None)
    }

    /// Starts one that asks for this, and for this user and password.
    pub fn start_with(tls: SmtpTls, login: Option<(&str, &str)>) -> Self {
        let keeper = Keeper::start(None, KIND.end);
        let folder = keeper.folder();
        if tls != SmtpTls::None {
            certificate::make(&keeper);
        }
        let (user, password) = login.unwrap_or_default();
        let name = match tls {
            SmtpTls::None => "none",
            SmtpTls::StartTls => "starttls",
            SmtpTls::Implicit => "implicit",
        };
        let access = format!("tls={name}\nuser={user}\npassword={password}\n");
        fs::write(folder.join("access"), access).expect("room");
        fs::write(folder.join("server.py"), SERVER).expect("room");
        Self {
            server: launch(&keeper),
        }
    }

    /// Its port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The file with the certificate of the authority that signed the server's, in PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        self.server.folder().join("ca.pem")
    }

    /// Answers every recipient with this from now on, as in `451 4.3.0 Later`; with none it takes them again.
    pub fn refuse(&self, reply: Option<&str>) {
        let file = self.server.folder().join("refusal");
        match reply {
            Some(reply) => fs::write(file, reply).expect("room"),
            None => fs::remove_file(file).expect("a refusal"),
        }
    }

    /// What it took, in order.
    pub fn received(&self) -> Vec<ReceivedMail> {
        let entries = self.server.folder().read_dir().expect("a folder");
        let mut folders: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.starts_with("mail-"))
            })
            .collect();
        folders.sort_by_key(|folder| folder.metadata().and_then(|data| data.modified()).ok());
        folders.iter().map(|folder| read(folder)).collect()
    }

    /// Waits until it took so many.
    pub fn wait_for(&self, mails: usize) -> Vec<ReceivedMail> {
        let there = within(LIMIT, || self.received().len() >= mails);
        assert!(there, "{} of {mails} mails came", self.received().len());
        self.received()
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Kills it, as when the machine goes away. What it took stays.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it once more on the same port.
    pub fn start_again(&mut self) {
        self.server.start_again();
    }

    /// Freezes it: connections stay, and nothing answers.
    pub fn pause(&self) {
        self.server.pause();
    }

    /// Lets it go on after [`Smtp::pause`].
    pub fn resume(&self) {
        self.server.resume();
    }
}

fn read(folder: &Path) -> ReceivedMail {
    let bytes = |name: &str| fs::read(folder.join(name)).expect("a file");
    let text = |name: &str| String::from_utf8_lossy(&bytes(name)).into_owned();
    let lines = |name: &str| text(name).lines().map(str::to_owned).collect::<Vec<_>>();
    let header = |line: &String| {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    };
    ReceivedMail {
        raw: bytes("raw"),
        from: text("from"),
        to: lines("to"),
        connection: text("connection"),
        tls: text("tls") == "yes",
        login: text("login") == "yes",
        hello: text("hello"),
        headers: lines("headers").iter().map(header).collect(),
        defects: text("defects"),
        text: text("text"),
        html: text("html"),
    }
}

impl ReceivedMail {
    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self
            .headers
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let (_, value) = values.next().unwrap_or_else(|| panic!("no header {name}"));
        assert!(values.next().is_none(), "more than one header {name}");
        value
    }
}

fn launch(keeper: &Arc<Keeper>) -> Server {
    let python = python();
    let folder = keeper.folder().to_owned();
    Server::start(&KIND, keeper, |port| {
        // Isolated: nothing beside the script, and nothing of a user's, is in its way.
        let first = [python.clone().into(), OsString::from("-I")];
        let script = folder.join("server.py").into();
        let last = [script, folder.clone().into(), port.to_string().into()];
        first.into_iter().chain(last).collect()
    })
}

/// A Python that has aiosmtpd: the system's, or the first of `PATH`.
fn python() -> PathBuf {
    let has_it = |python: &&&str| {
        let mut command = Command::new(python);
        let output = command.args(["-I", "-c", "import aiosmtpd"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    ["/usr/bin/python3", "python3"]
        .iter()
        .find(has_it)
        .map_or_else(
            || panic!("no Python has aiosmtpd: install the package python3-aiosmtpd"),
            PathBuf::from,
        )
}
