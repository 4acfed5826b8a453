//! Signing in with others: OpenID Connect and OAuth 2 providers, linked to accounts here.
//!
//! **An attempt** ([`attempt`]) begins at `GET …/login/with/<name>` (or by a form, to link; or at `…/step-up/with/<name>`)
//! and lives in one sealed cookie of its own, so that two tabs and two providers do not disturb each other (threat 32) and
//! no state of another browser passes (threat 36). The provider sends the browser to `…/callback/<name>`, a URL of that
//! provider alone (threat 37); the attempt is spent there, once, before the code is redeemed.
//!
//! **Who came** ([`who`]) is known by issuer and subject and nothing else (threat 08). An identity nobody linked is not
//! taken for the account that happens to have its address: only where the operator trusts that entry with addresses
//! ([`Upstream::trust_email`]), the provider says that it is verified, and its owner has shown it here too: into an account
//! whose address nobody has shown, and which a stranger may have prepared, nobody is led (threats 27 to 31). It is
//! written when the session begins, after the second factor ([`new_link`]). All others are asked first ([`link_first`]):
//! to sign in and link it, or to make an account. That page, and what comes of its button, is the same whether or not
//! somebody has the address, also when they come again or link it elsewhere (threat 46); what the protocol does show is
//! whether *this identity* has an account here that somebody has come into.
//!
//! **Accounts made on the way** have a verified address only by a trusted entry. Any other address is confirmed by mail
//! as at registration, and left out where that cannot be. Nothing else is taken from a provider but the profile: no role,
//! no flag (threat 11). An address that changes there changes nothing here.
//!
//! All of it leads through the one door from a first factor to a session, and so to a second factor. How recent such a
//! sign-in is, the module `recency` of the wing says. A logout there that comes while somebody
//! is on the way through it counts ([`ended`]).

mod attempt;
mod back_channel;
mod begin;
mod callback;
pub(in crate::login) mod client;
mod ended;
mod enter;
mod front_channel;
mod identity;
mod link;
mod link_first;
mod logout;
mod new_account;
mod new_link;
mod page;
mod preset;
pub(in crate::login) mod profile;
mod refusal;
mod step_up;
mod tokens;
mod unlink;
mod upstream;
mod who;

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use self::begin::ASK_AGAIN;
use self::client::Client;
use super::{LoginSettingsError, LoginWing};
use crate::services::outbound::Outbound;
use crate::web::{Exchange, Problem, Response, ReturnTo, Side, with_query};

pub use new_account::NewIdentity;
pub(in crate::login) use new_link::NewLink;
pub use profile::{EmailVerified, Profile, ProfileMap};
pub(in crate::login) use tokens::Renewals;
pub use tokens::{UpstreamTokens, UpstreamTokensError};
pub(in crate::login) use upstream::Protocol;
#[cfg(test)]
pub(in crate::login) use upstream::ResponseMode;
pub use upstream::Upstream;

/// As many identities as one user can have.
const MOST_IDENTITIES: u32 = 20;

/// Where a person sees theirs.
const PAGE: &str = "/account/identities";

/// The endpoints; those of one provider with its place among the configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Begin(usize),
    StepUp(usize),
    Callback(usize),
    BackChannelLogout(usize),
    FrontChannelLogout(usize),
    LinkFirst,
    Page,
    Link,
    Confirm,
    Unlink,
}

impl Endpoint {
    pub(super) const fn side(self) -> Side {
        match self {
            Self::BackChannelLogout(_) | Self::FrontChannelLogout(_) => Side::Api,
            Self::Begin(_)
            | Self::StepUp(_)
            | Self::Callback(_)
            | Self::LinkFirst
            | Self::Page
            | Self::Link
            | Self::Confirm
            | Self::Unlink => Side::Page,
        }
    }
}

impl LoginWing {
    /// Makes the clients of the configured upstreams.
    ///
    /// # Errors
    /// Names what cannot work.
    pub(crate) fn with_outbound(mut self, outbound: &Outbound) -> Result<Self, LoginSettingsError> {
        for upstream in self.settings.federation.upstreams.clone() {
            let redirect_uri = self.url(&format!("/callback/{}", upstream.name));
            let client = Client::new(upstream, redirect_uri, outbound.clone())?;
            self.upstreams.push(client);
        }
        Ok(self)
    }

    /// The client of the upstream with this name.
    pub(in crate::login) fn upstream_named(&self, name: &str) -> Option<&Arc<Client>> {
        let mut upstreams = self.upstreams.iter();
        upstreams.find(|client| client.upstream.name == name)
    }

    /// Whether signing out here may lead on to another provider.
    pub(in crate::login) fn signs_out_elsewhere(&self) -> bool {
        let mut upstreams = self.upstreams.iter();
        upstreams.any(|client| client.upstream.signs_out)
    }

    pub(in crate::login) fn federation_routes(&self) -> Vec<(String, &'static [Method], Endpoint)> {
        const GET: &[Method] = &[Method::GET];
        const POST: &[Method] = &[Method::POST];
        const BOTH: &[Method] = &[Method::GET, Method::POST];
        if self.upstreams.is_empty() {
            return Vec::new();
        }
        let mut routes = vec![
            ("/link-first".to_owned(), BOTH, Endpoint::LinkFirst),
            (PAGE.to_owned(), GET, Endpoint::Page),
            (format!("{PAGE}/link"), POST, Endpoint::Link),
            (format!("{PAGE}/confirm"), BOTH, Endpoint::Confirm),
            (format!("{PAGE}/unlink"), POST, Endpoint::Unlink),
        ];
        for (at, client) in self.upstreams.iter().enumerate() {
            let name = &client.upstream.name;
            let mut add = |path: &str, methods, endpoint| {
                routes.push((format!("{path}/{name}"), methods, endpoint));
            };
            add("/login/with", GET, Endpoint::Begin(at));
            add("/callback", BOTH, Endpoint::Callback(at));
            if is_openid(client) {
                let (back, front) = (
                    Endpoint::BackChannelLogout(at),
                    Endpoint::FrontChannelLogout(at),
                );
                add("/backchannel-logout", POST, back);
                add("/frontchannel-logout", GET, front);
            }
            if confirms(client) {
                add("/step-up/with", GET, Endpoint::StepUp(at));
            }
        }
        routes
    }

    pub(in crate::login) async fn handle_federation(
        &self,
        endpoint: Endpoint,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let acts = exchange.parts.method == Method::POST;
        let client = |at: usize| {
            let client = self.upstreams.get(at).cloned();
            client.ok_or_else(Problem::not_found)
        };
        match (endpoint, acts) {
            (Endpoint::Begin(at), _) => self.begin_sign_in(exchange, &client(at)?).await,
            (Endpoint::StepUp(at), _) => self.begin_step_up(exchange, &client(at)?).await,
            (Endpoint::Callback(at), false) => self.callback(exchange, &client(at)?).await,
            (Endpoint::Callback(at), true) => self.posted_callback(exchange, &*client(at)?),
            (Endpoint::BackChannelLogout(at), _) => {
                self.back_channel_logout(exchange, &client(at)?).await
            }
            (Endpoint::FrontChannelLogout(at), _) => {
                self.front_channel_logout(exchange, &*client(at)?).await
            }
            (Endpoint::LinkFirst, false) => self.link_first_page(exchange).await,
            (Endpoint::LinkFirst, true) => self.make_account(exchange).await,
            (Endpoint::Page, _) => self.identities_page(exchange).await,
            (Endpoint::Link, _) => self.begin_link(exchange).await,
            (Endpoint::Confirm, false) => self.confirm_link_page(exchange).await,
            (Endpoint::Confirm, true) => self.confirm_link(exchange).await,
            (Endpoint::Unlink, _) => self.unlink(exchange).await,
        }
    }

    /// The configured upstreams, for the pages that offer to sign in.
    pub(in crate::login) fn upstream_links(
        &self,
        return_to: Option<&ReturnTo>,
        asks_again: bool,
    ) -> Vec<Value> {
        let back = [
            ("return_to", return_to.map(ReturnTo::as_str)),
            ("prompt", asks_again.then_some(ASK_AGAIN)),
        ];
        let links = self.upstreams.iter().map(|client| {
            let path = self.path(&format!("/login/with/{}", client.upstream.name));
            link_facts(client, &with_query(&path, &back))
        });
        links.collect()
    }
}

fn is_openid(client: &Client) -> bool {
    matches!(client.upstream.protocol, Protocol::OpenId { .. })
}

/// Whether it can say that somebody has just signed in, and is believed.
fn confirms(client: &Client) -> bool {
    is_openid(client) && client.upstream.trusts_authentication
}

fn link_facts(client: &Client, url: &str) -> Value {
    let upstream = &client.upstream;
    json!({ "name": upstream.name, "label": upstream.label, "url": url })
}

/// A part of what came from outside, if it is one line of printable ASCII and not too long.
fn plain(text: &str, most: usize) -> Option<&str> {
    let is_plain = text.len() <= most && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    is_plain.then_some(text)
}
