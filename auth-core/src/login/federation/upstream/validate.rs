//! What cannot work, in words, before anybody signs in.

use url::{Host, Url};

use super::{ClientAuth, Protocol, SecretBy, Upstream};
use crate::login::LoginSettingsError;
use crate::login::federation::profile::EmailVerified;

/// Callbacks of these names are other endpoints.
const RESERVED: &[&str] = &["workos"];

/// Parameters that are the protocol's own to set.
const OWN_PARAMETERS: &[&str] = &[
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

const MAX_TEXT: usize = 2048;

impl Upstream {
    /// Whether it can work, as far as that is seen without asking it. `build()` calls this.
    ///
    /// # Errors
    /// Names the upstream, what is wrong and what would be right.
    pub fn validate(&self) -> Result<(), LoginSettingsError> {
        let checks = [
            Self::check_building,
            Self::check_name,
            Self::check_protocol,
            Self::check_client,
            Self::check_request,
            Self::check_profile,
        ];
        checks
            .into_iter()
            .try_for_each(|check| check(self))
            .map_err(|problem| LoginSettingsError {
                setting: "sign_in_with",
                problem: format!("{}: {problem}", self.name.escape_debug()),
            })
    }

    fn check_name(&self) -> Result<(), String> {
        let fits = (1..=32).contains(&self.name.len())
            && self
                .name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        require(fits, "a name is 1 to 32 of a-z, 0-9 and -")?;
        require(
            !RESERVED.contains(&self.name.as_str()),
            "the name is taken by another way to sign in; give another by name(…)",
        )?;
        let label = self.label.trim();
        require(
            !label.is_empty()
                && label.chars().count() <= 64
                && !label.contains(|it: char| it.is_control()),
            "give a label(…) people can read, of at most 64 characters",
        )
    }

    fn check_building(&self) -> Result<(), String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let place = self.preset.and_then(|preset| preset.place.as_ref());
        match place.filter(|_| self.lacks_place) {
            Some(place) => Err(self.hinted(format!(
                "give {}(…), such as {}",
                place.kind.method(),
                place.example
            ))),
            None => Ok(()),
        }
    }

    /// The problem, with what the guide says of this provider.
    fn hinted(&self, problem: String) -> String {
        match self.preset.map(|preset| preset.note) {
            None | Some("") => problem,
            Some(note) => format!("{problem}. {note}"),
        }
    }

    fn check_protocol(&self) -> Result<(), String> {
        match &self.protocol {
            Protocol::OpenId {
                issuer, algorithms, ..
            } => {
                address("issuer", issuer)?;
                require(
                    !issuer.contains('?'),
                    "an issuer has no query (OpenID Connect Discovery §3)",
                )?;
                require(!algorithms.is_empty(), "give at least one of algorithms(…)")
            }
            Protocol::OAuth2 {
                issuer,
                authorization_endpoint,
                token_endpoint,
                calls,
            } => {
                address("issuer", issuer)?;
                address("authorization endpoint", authorization_endpoint)?;
                address("token endpoint", token_endpoint)?;
                require(
                    calls.iter().any(|call| call.name.is_empty()),
                    "say by user_info(url) where it tells who came",
                )?;
                for call in calls {
                    address("API call", &call.url)?;
                }
                require(
                    !self.profile.subject.is_empty(),
                    "say by profile(…) where the subject stands: what identifies people there, and never changes hands",
                )
            }
        }
    }

    fn check_client(&self) -> Result<(), String> {
        require(
            is_text(&self.client_id),
            "the client id is missing or not printable ASCII",
        )?;
        match &self.client_auth {
            ClientAuth::None if self.is_public && self.uses_pkce => Ok(()),
            ClientAuth::None if self.is_public => {
                Err("a public_client() needs PKCE, which this one does not do".to_owned())
            }
            ClientAuth::None if self.secret_by == SecretBy::AppleJwt => {
                Err(self.hinted("the key is missing; give apple_key(team_id, key_id, pem)".to_owned()))
            }
            ClientAuth::None => Err(
                "the secret is missing; give secret(…) or private_key_jwt(…), or say public_client()"
                    .to_owned(),
            ),
            ClientAuth::Basic(secret) | ClientAuth::Post(secret) => {
                require(is_text(secret), "the secret is empty or not printable ASCII")
            }
            ClientAuth::PrivateKeyJwt(_) => Ok(()),
            ClientAuth::AppleJwt { team_id, key } => {
                require(
                    self.secret_by == SecretBy::AppleJwt,
                    "apple_key(…) is for Apple; give secret(…)",
                )?;
                require(
                    is_text(team_id) && is_text(key.kid()),
                    "the team id or the key id is missing",
                )
            }
        }
    }

    fn check_request(&self) -> Result<(), String> {
        // RFC 6749 §3.3.
        let is_scope = |scope: &String| {
            !scope.is_empty()
                && scope
                    .bytes()
                    .all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
        };
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(format!(
                "\"{}\" is no scope; give each by itself",
                scope.escape_debug()
            ));
        }
        let own = self
            .parameters
            .iter()
            .find(|(name, _)| name.is_empty() || OWN_PARAMETERS.contains(&name.as_str()));
        match own {
            Some((name, _)) => Err(format!(
                "parameter(\"{name}\", …) is not yours to set; leave it out"
            )),
            None => Ok(()),
        }
    }

    fn check_profile(&self) -> Result<(), String> {
        let wrong = self
            .profile
            .pointers()
            .into_iter()
            .find(|pointer| !pointer.starts_with('/'));
        if let Some(pointer) = wrong {
            return Err(format!(
                "\"{}\" is no JSON pointer; it begins with a slash",
                pointer.escape_debug()
            ));
        }
        require(
            !(self.trusts_email && self.profile.email_verified == EmailVerified::Never),
            "it never says that an address is verified, so there is nothing to trust; leave out trust_email()",
        )
    }
}

fn require(fits: bool, problem: &str) -> Result<(), String> {
    if fits {
        Ok(())
    } else {
        Err(problem.to_owned())
    }
}

fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x20..=0x7E))
}

/// An address that secrets may be sent to: https, or http on this machine.
fn address(what: &str, text: &str) -> Result<(), String> {
    let fits = Url::parse(text).is_ok_and(|url| {
        let is_secure = match url.scheme() {
            "https" => url.has_host(),
            "http" => is_loopback(&url),
            _ => false,
        };
        is_secure
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && text.len() <= MAX_TEXT
    });
    if fits {
        return Ok(());
    }
    Err(format!(
        "the {what} \"{}\" is not a plain https URL (http only on this machine)",
        text.escape_debug()
    ))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
