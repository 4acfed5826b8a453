//! Mails by SMTP, through lettre: STARTTLS or TLS from the first byte, a pool of connections.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;
use tokio::time::timeout;
use url::Url;

use super::{Mail, MailError, Mailer};
use crate::services::pages::filters::one_line;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// A setting that cannot work. Shows no password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpSettingsError {
    /// The URL.
    #[error("SMTP URL: {0}")]
    Url(&'static str),
    /// The address mails come from.
    #[error("SMTP: give the address mails come from, as .from(\"Example <no-reply@example.com>\")")]
    From,
    /// A certificate.
    #[error("SMTP: {0} is no PEM text of certificates")]
    Certificate(&'static str),
    /// TLS.
    #[error("SMTP: TLS cannot be set up: {0}")]
    Tls(String),
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    /// TLS after STARTTLS (RFC 3207), or no mail.
    StartTls,
    /// TLS from the first byte (RFC 8314 §3).
    Tls,
    None,
}

/// Collects the settings of an [`SmtpMailer`].
#[must_use]
pub struct SmtpMailerBuilder {
    url: String,
    from: String,
    roots: Vec<Vec<u8>>,
    patience: Duration,
    connections: u32,
    anywhere_without_tls: bool,
}

/// Hands mails to an SMTP server (RFC 5321).
///
/// Temporary answers (4yz), and whatever is wrong with the connection or the login there, are tried again; permanent
/// ones (5yz) are given up.
pub struct SmtpMailer {
    from: Mailbox,
    recipe: Recipe,
    // Made at the first mail: its pool wants a runtime.
    transport: Mutex<Option<Transport>>,
}

/// What a transport is made of.
struct Recipe {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    patience: Duration,
    connections: u32,
    hello: String,
}

impl SmtpMailer {
    /// Begins with a server: `smtp://user:password@host:587` (STARTTLS, required) or `smtps://user:password@host:465`
    /// (TLS from the first byte); user and password percent-encoded, the ports those if left out. `?tls=none` on a
    /// `smtp` URL is for a server on this machine.
    pub fn from_url(url: impl Into<String>) -> SmtpMailerBuilder {
        SmtpMailerBuilder {
            url: url.into(),
            from: String::new(),
            roots: Vec::new(),
            patience: Duration::from_secs(45),
            connections: 8,
            anywhere_without_tls: false,
        }
    }

    fn transport(&self) -> Transport {
        let mut transport = self
            .transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        transport.get_or_insert_with(|| self.recipe.make()).clone()
    }

    /// A connection that was left in the middle of something must not come out of the pool again.
    fn forget_connections(&self) {
        let mut transport = self
            .transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *transport = None;
    }

    fn message(&self, mail: &Mail) -> Option<(Envelope, Vec<u8>)> {
        let to: Address = mail.to.parse().ok()?;
        let millis = u64::try_from(mail.at.millis()).unwrap_or_default();
        let header = |name, value: &str| HeaderValue::new(name, value.to_owned());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&mail.subject))
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            // RFC 3834 §5: no out-of-office answers.
            .raw_header(header(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated",
            ))
            .raw_header(header(
                HeaderName::new_from_ascii_str("Content-Language"),
                &one_line(&mail.locale),
            ))
            .multipart(MultiPart::alternative_plain_html(
                mail.text.clone(),
                mail.html.clone(),
            ))
            .ok()?;
        Some((message.envelope().clone(), message.formatted()))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn deliver(&self, mail: &Mail) -> Result<(), MailError> {
        let (envelope, message) = self.message(mail).ok_or(MailError::Permanent("address"))?;
        let transport = self.transport();
        let sending = transport.send_raw(&envelope, &message);
        match timeout(self.recipe.patience, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judge(&error, !mail.to.is_ascii())),
            Err(_) => {
                self.forget_connections();
                Err(MailError::Temporary("timeout"))
            }
        }
    }
}

/// What a server's answer, or its silence, means.
fn judge(error: &lettre::transport::smtp::Error, needs_utf8: bool) -> MailError {
    if let Some(code) = error.status() {
        let code = u16::from(code);
        // The words of an answer may name whom the mail is to.
        tracing::warn!(code, "the mail server did not take a mail");
        return match code {
            // RFC 4954 §6: it is the login that is wrong, which an operator can put right.
            530 | 534 | 535 | 538 => MailError::Temporary("authentication"),
            500.. => MailError::Permanent("rejected"),
            _ => MailError::Temporary("deferred"),
        };
    }
    if error.is_client() && needs_utf8 {
        return MailError::Permanent("smtputf8");
    }
    let reason = match error {
        error if error.is_tls() => "tls",
        error if error.is_client() || error.is_response() => "server",
        _ => "connection",
    };
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "the mail server could not be used");
    MailError::Temporary(reason)
}

impl Recipe {
    fn make(&self) -> Transport {
        let pool = PoolConfig::new()
            .max_size(self.connections)
            .idle_timeout(Duration::from_mins(1));
        let mut builder = Transport::builder_dangerous(self.host.as_str())
            .port(self.port)
            .tls(self.tls.clone())
            .timeout(Some(self.patience))
            .hello_name(ClientId::Domain(self.hello.clone()))
            .pool_config(pool);
        if let Some(credentials) = &self.credentials {
            builder = builder.credentials(credentials.clone());
        }
        builder.build()
    }
}

impl SmtpMailerBuilder {
    /// The address mails come from: `no-reply@example.com`, or with a name `Example <no-reply@example.com>`. Mandatory.
    pub fn from(mut self, mailbox: impl Into<String>) -> Self {
        self.from = mailbox.into();
        self
    }

    /// Also trusts the certificates in a PEM text, beside those of the system.
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots.push(pem.as_ref().to_vec());
        self
    }

    /// How long one mail may take, the connection included. Default 45 s; more than a minute is of no use.
    pub fn timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many idle connections are kept. Default 8.
    pub fn idle_connections(mut self, most: u32) -> Self {
        self.connections = most;
        self
    }

    /// Takes `?tls=none` for servers beyond this machine too. Whoever listens on the way reads links and codes, and so
    /// gets into every account.
    pub fn dangerous_without_tls(mut self) -> Self {
        self.anywhere_without_tls = true;
        self
    }

    /// Checks the settings. Does not connect: a server that is down is no reason for an app not to start.
    ///
    /// # Errors
    /// Names the setting that cannot work.
    pub fn build(self) -> Result<SmtpMailer, SmtpSettingsError> {
        let from: Mailbox = self.from.parse().map_err(|_| SmtpSettingsError::From)?;
        let url = Url::parse(&self.url)
            .map_err(|_| SmtpSettingsError::Url("give smtp://user:password@host:587"))?;
        let host = host(&url)?;
        let protection = protection(&url)?;
        if protection == Protection::None && !self.anywhere_without_tls && !is_loopback(&host) {
            return Err(SmtpSettingsError::Url(
                "tls=none is for servers on this machine; leave it out, so that STARTTLS is required",
            ));
        }
        let tls = match protection {
            Protection::None => Tls::None,
            Protection::StartTls => Tls::Required(self.tls(&host)?),
            Protection::Tls => Tls::Wrapper(self.tls(&host)?),
        };
        let default_port = if protection == Protection::Tls {
            465
        } else {
            587
        };
        Ok(SmtpMailer {
            recipe: Recipe {
                host,
                port: url.port().unwrap_or(default_port),
                tls,
                credentials: credentials(&url)?,
                patience: self.patience,
                connections: self.connections,
                hello: from.email.domain().to_owned(),
            },
            from,
            transport: Mutex::new(None),
        })
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, SmtpSettingsError> {
        let mut parameters = TlsParameters::builder(host.to_owned());
        for pem in &self.roots {
            let wrong = SmtpSettingsError::Certificate("a root certificate");
            let is_pem = pem.windows(10).any(|window| window == b"-----BEGIN");
            let certificate = Certificate::from_pem(pem).map_err(|_| wrong.clone())?;
            if !is_pem {
                return Err(wrong);
            }
            parameters = parameters.add_root_certificate(certificate);
        }
        let built = parameters.build();
        built.map_err(|error| SmtpSettingsError::Tls(error.to_string()))
    }
}

fn host(url: &Url) -> Result<String, SmtpSettingsError> {
    let host = url.host_str().unwrap_or_default();
    // As sockets and certificates have IPv6 addresses.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host {
        "" => Err(SmtpSettingsError::Url("it names no server")),
        host => Ok(host.to_owned()),
    }
}

fn protection(url: &Url) -> Result<Protection, SmtpSettingsError> {
    let query: Vec<_> = url.query_pairs().collect();
    let query: Vec<_> = query
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    match (url.scheme(), query.as_slice()) {
        ("smtp", [] | [("tls", "required")]) => Ok(Protection::StartTls),
        ("smtps", []) => Ok(Protection::Tls),
        ("smtp", [("tls", "none")]) => Ok(Protection::None),
        ("smtp", _) => Err(SmtpSettingsError::Url(
            "of parameters there is tls alone, which is required or none",
        )),
        ("smtps", _) => Err(SmtpSettingsError::Url("smtps takes no parameters")),
        _ => Err(SmtpSettingsError::Url("it begins with smtp:// or smtps://")),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

fn credentials(url: &Url) -> Result<Option<Credentials>, SmtpSettingsError> {
    let decode = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        let text = text.map_err(|_| SmtpSettingsError::Url("user or password is no UTF-8"))?;
        Ok(text.into_owned())
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(SmtpSettingsError::Url(
            "give both, user and password, or neither",
        )),
        (user, Some(password)) => Ok(Some(Credentials::new(decode(user)?, decode(password)?))),
    }
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer")
            .field("host", &self.recipe.host)
            .field("port", &self.recipe.port)
            .field("tls", &self.recipe.tls)
            .finish_non_exhaustive()
    }
}
