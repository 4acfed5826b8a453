//! Providers that many apps know, as rows: one row each, and no code knows any of them by name.

mod github;
mod oauth2;
mod openid;
#[cfg(test)]
mod tests;

use http::Method;
use url::Url;

use super::profile::ProfileMap;
use super::upstream::{ApiCall, IssuerRule, Protocol, ResponseMode, SecretBy};
use crate::ground::jose::Algorithm;

/// A provider as it is known to everybody.
pub(in crate::login) struct Preset {
    /// What [`Upstream::preset`](super::Upstream::preset) knows it by; also the name of the upstream.
    pub(super) name: &'static str,
    /// What people read.
    pub(super) label: &'static str,
    pub(super) speaks: Speaks,
    /// What only the operator knows of its URLs; it stands in them as [`PLACE`].
    pub(super) place: Option<Place>,
    pub(super) secret_by: SecretBy,
    /// Empty where the app's registration decides alone.
    pub(super) scopes: &'static [&'static str],
    pub(super) parameters: &'static [(&'static str, &'static str)],
    /// What is asked for on top where its tokens are kept, so that there is a refresh token.
    pub(super) offline: Offline,
    pub(super) response_mode: ResponseMode,
    /// False where it refuses the parameters or is known not to look at them.
    pub(super) uses_pkce: bool,
    pub(super) profile: ProfileMap,
    /// One line for the operator, in `docs/sign-in-with.md`.
    pub(super) note: &'static str,
}

/// The protocol, as a row says it.
pub(super) enum Speaks {
    OpenId {
        issuer: &'static str,
        /// Whether `UserInfo` is asked, since the ID token does not say it all.
        user_info: bool,
    },
    OAuth2 {
        /// For those that name themselves in their answers (RFC 9207), that name.
        issuer: &'static str,
        authorize: &'static str,
        token: &'static str,
        calls: &'static [Call],
    },
}

/// A request to its API, as a row says it.
pub(super) struct Call {
    /// As [`ApiCall::name`].
    pub(super) name: &'static str,
    pub(super) url: &'static str,
    /// With nothing in it, instead of GET.
    pub(super) posts: bool,
    pub(super) headers: &'static [(&'static str, &'static str)],
}

/// What only the operator knows of its URLs.
pub(super) struct Place {
    pub(super) kind: PlaceKind,
    pub(super) default: Option<&'static str>,
    /// Values behind which are many issuers ([`IssuerRule::Tenant`]).
    pub(super) shared: &'static [&'static str],
    /// Values that stand for others.
    pub(super) aliases: &'static [(&'static str, &'static str)],
    /// For messages and the guide.
    pub(super) example: &'static str,
}

/// What kind of thing it is, and so which builder method sets it and what its variable is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlaceKind {
    /// One of the shared values or aliases, or a UUID: [`Upstream::tenant`](super::Upstream::tenant).
    Tenant,
    /// A host, with a port or a path where it needs them: [`Upstream::domain`](super::Upstream::domain).
    Domain,
    /// The whole issuer identifier: [`Upstream::issuer`](super::Upstream::issuer).
    Issuer,
}

/// What makes a provider hand out refresh tokens.
pub(super) struct Offline {
    pub(super) scopes: &'static [&'static str],
    pub(super) parameters: &'static [(&'static str, &'static str)],
}

/// Where the operator's part stands in the URLs of a row.
const PLACE: &str = "{place}";

const NO_OFFLINE: Offline = Offline {
    scopes: &[],
    parameters: &[],
};

/// A scope of OpenID Connect Core §11.
const OFFLINE_ACCESS: Offline = Offline {
    scopes: &["offline_access"],
    parameters: &[],
};

/// What most rows are written upon.
const BASE: Preset = Preset {
    name: "",
    label: "",
    speaks: Speaks::OpenId {
        issuer: "",
        user_info: false,
    },
    place: None,
    secret_by: SecretBy::Post,
    scopes: &["openid", "profile", "email"],
    parameters: &[],
    offline: NO_OFFLINE,
    response_mode: ResponseMode::Query,
    uses_pkce: true,
    profile: ProfileMap::OPENID,
    note: "",
};

const DOMAIN: Place = Place {
    kind: PlaceKind::Domain,
    default: None,
    shared: &[],
    aliases: &[],
    example: "",
};

const ISSUER: Place = Place {
    kind: PlaceKind::Issuer,
    ..DOMAIN
};

/// Every row, in the order of the guide.
pub(super) fn all() -> impl Iterator<Item = &'static Preset> {
    openid::ROWS.iter().chain(github::ROWS).chain(oauth2::ROWS)
}

/// The row of a name.
pub(super) fn find(name: &str) -> Option<&'static Preset> {
    all().find(|preset| preset.name == name)
}

impl PlaceKind {
    /// The builder method that sets it; in capitals, the end of its variable.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Domain => "domain",
            Self::Issuer => "issuer",
        }
    }
}

impl Place {
    /// What stands in the URLs for what the operator said, and whether it is shared.
    ///
    /// # Errors
    /// In words, what would be right.
    fn settle(&self, said: &str) -> Result<(String, bool), String> {
        let said = said.trim();
        let wrong = |what: &str| Err(format!("{}(\"{said}\") {what}", self.kind.method()));
        match self.kind {
            PlaceKind::Tenant => {
                if self.shared.contains(&said) {
                    return Ok((said.to_owned(), true));
                }
                if let Some((_, meant)) = self.aliases.iter().find(|(alias, _)| *alias == said) {
                    return Ok(((*meant).to_owned(), false));
                }
                if is_uuid(said) {
                    return Ok((said.to_ascii_lowercase(), false));
                }
                let named = self.shared.iter().copied();
                let names: Vec<_> = named
                    .chain(self.aliases.iter().map(|(it, _)| *it))
                    .collect();
                wrong(&format!("is neither a UUID nor {}", names.join(", ")))
            }
            PlaceKind::Domain => {
                let url = Url::parse(&format!("https://{said}")).ok();
                let fits = url.is_some_and(|url| {
                    url.as_str().trim_end_matches('/') == format!("https://{said}")
                });
                if fits && !said.contains(['?', '#', '@']) {
                    return Ok((said.to_owned(), false));
                }
                wrong(&format!("is not a host name like {}", self.example))
            }
            // Looked at with all other addresses, when the whole is validated.
            PlaceKind::Issuer => Ok((said.to_owned(), false)),
        }
    }
}

impl Preset {
    /// The beginning of its variables, such as `GITHUB`.
    pub(super) fn prefix(&self) -> String {
        self.name.to_ascii_uppercase().replace('-', "_")
    }

    /// Its protocol with the operator's part, or the default one, in place. `None` where there is neither.
    ///
    /// # Errors
    /// In words, what would be right.
    pub(super) fn protocol(&self, said: Option<&str>) -> Result<Option<Protocol>, String> {
        let (place, is_shared) = match &self.place {
            None => (String::new(), false),
            Some(place) => match said.or(place.default) {
                None => return Ok(None),
                Some(said) => place.settle(said)?,
            },
        };
        let fill = |url: &str| url.replace(PLACE, &place);
        Ok(Some(match &self.speaks {
            Speaks::OpenId { issuer, user_info } => Protocol::OpenId {
                issuer: fill(issuer),
                issuers: if is_shared {
                    IssuerRule::Tenant
                } else {
                    IssuerRule::Exact
                },
                algorithms: Algorithm::ALL.to_vec(),
                user_info: *user_info,
            },
            Speaks::OAuth2 {
                issuer,
                authorize,
                token,
                calls,
            } => Protocol::OAuth2 {
                issuer: fill(issuer),
                authorization_endpoint: fill(authorize),
                token_endpoint: fill(token),
                calls: calls
                    .iter()
                    .map(|call| ApiCall {
                        name: call.name,
                        url: fill(call.url),
                        method: if call.posts {
                            Method::POST
                        } else {
                            Method::GET
                        },
                        headers: call.headers.to_vec(),
                    })
                    .collect(),
            },
        }))
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
