//! Who calls: a person by session, a client by access token, a script by API key, on one and the same route.

use std::fmt;
#[cfg(feature = "login")]
use std::sync::Arc;

use http::request::Parts;

use super::guard::side_of;
use super::{Auth, NotSetUp};
#[cfg(feature = "login")]
use crate::login::SignedIn;
#[cfg(feature = "resource")]
use crate::resource::{AccessToken, ApiKey, HeaderCredential, ScopeRequirement, ScopeSet};
#[cfg(feature = "login")]
use crate::web::{CookieJar, CookieName, session_token};
use crate::web::{Forgery, Problem, Response};

/// Whoever a request acts for. `Debug` shows ids alone.
#[derive(Clone)]
#[non_exhaustive]
pub enum Caller {
    /// A person signed in, who may what the person may.
    #[cfg(feature = "login")]
    Session(Arc<SignedIn>),
    /// A client with an access token, which may what its scopes say.
    #[cfg(feature = "resource")]
    AccessToken(AccessToken),
    /// The holder of one of the host's API keys, which may what its scopes say.
    #[cfg(feature = "resource")]
    ApiKey(ApiKey),
}

impl Caller {
    /// Whom the request acts for: the user's id, the token's `sub`, the key's subject. A token's is unique within its
    /// issuer, which is the app's own provider unless the settings name others.
    pub fn subject(&self) -> &str {
        match self {
            #[cfg(feature = "login")]
            Self::Session(signed_in) => signed_in.user.id.as_str(),
            #[cfg(feature = "resource")]
            Self::AccessToken(token) => token.subject(),
            #[cfg(feature = "resource")]
            Self::ApiKey(key) => &key.subject,
        }
    }

    /// What a token or a key was granted; `None` for a session, which no scope limits.
    #[cfg(feature = "resource")]
    pub fn scopes(&self) -> Option<&ScopeSet> {
        match self {
            #[cfg(feature = "login")]
            Self::Session(_) => None,
            Self::AccessToken(token) => Some(token.scopes()),
            Self::ApiKey(key) => Some(&key.scopes),
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "login")]
            Self::Session(signed_in) => f
                .debug_struct("Session")
                .field("session", &signed_in.session.id)
                .field("user", &signed_in.user.id)
                .finish(),
            #[cfg(feature = "resource")]
            Self::AccessToken(token) => token.fmt(f),
            #[cfg(feature = "resource")]
            Self::ApiKey(key) => key.fmt(f),
        }
    }
}

impl Auth {
    /// Who calls. Asked once per request: the answer stays in the request's extensions.
    ///
    /// A credential in a header decides, and when it is bad the request is refused, whatever its cookies say; so are
    /// two of them (RFC 6750 §3.1). Without one it is the session's cookie, then the
    /// [token's](crate::resource::Resource::token_cookie); on a method that may change something a cookie counts only
    /// when the browser says that a page of this origin sent the request, as such a route carries no form token.
    ///
    /// # Errors
    /// The response to send instead: 400, 401 or 403 as RFC 6750 §3 says, 403 for a request from another site, 503 when
    /// a store cannot answer, 500 when neither login nor resource is set up.
    pub async fn caller(&self, parts: &mut Parts) -> Result<Option<Caller>, Box<Response>> {
        #[derive(Clone)]
        struct Known(Option<Caller>);
        if let Some(Known(known)) = parts.extensions.get::<Known>() {
            return Ok(known.clone());
        }
        self.refuse_plain_http(parts)?;
        self.accepts_some_caller()
            .map_err(|missing| Box::new(self.not_set_up(parts, missing)))?;
        let found = self.find_caller(parts).await?;
        parts.extensions.insert(Known(found.clone()));
        Ok(found)
    }

    /// The 401 for a request without a caller, with the challenge of RFC 6750 §3 where tokens are accepted.
    pub fn no_caller(&self, parts: &Parts) -> Response {
        #[cfg(feature = "resource")]
        if let Ok(resource) = self.resource() {
            return self.refuse_token(&resource.missing_token());
        }
        self.problem(parts, side_of(parts), &Problem::unauthenticated())
    }

    /// Refuses a request that may change something unless the browser says that a page of this origin sent it
    /// (Fetch-Metadata, `Origin`): for a form of the host's own that carries no token.
    ///
    /// # Errors
    /// A 403.
    pub fn require_same_origin(&self, parts: &Parts) -> Result<(), Box<Response>> {
        if parts.method.is_safe() {
            return Ok(());
        }
        let checked = self.inner.core.forms.check_same_origin(parts);
        checked.map_err(|forgery: Forgery| {
            Box::new(self.problem(parts, side_of(parts), &forgery.into()))
        })
    }

    async fn find_caller(&self, parts: &mut Parts) -> Result<Option<Caller>, Box<Response>> {
        #[cfg(feature = "resource")]
        if let Some(found) = self.header_caller(parts).await? {
            return Ok(Some(found));
        }
        #[cfg(feature = "login")]
        if let Some(found) = self.session_caller(parts).await? {
            return Ok(Some(found));
        }
        #[cfg(feature = "resource")]
        if let Ok(resource) = self.resource()
            && resource.goes_by_cookie(&parts.headers)
        {
            return self
                .access_token(parts)
                .await
                .map(|token| Some(Caller::AccessToken(token)));
        }
        Ok(None)
    }

    #[cfg(feature = "resource")]
    async fn header_caller(&self, parts: &mut Parts) -> Result<Option<Caller>, Box<Response>> {
        let Ok(resource) = self.resource() else {
            return Ok(None);
        };
        let refuse = |refused| Box::new(self.refuse_token(&refused));
        let credential = resource.header_credential(&parts.headers).await;
        match credential.map_err(refuse)? {
            None => Ok(None),
            Some(HeaderCredential::ApiKey(presented)) => {
                let key = resource.api_key(presented).await.map_err(refuse)?;
                Ok(Some(Caller::ApiKey(key)))
            }
            Some(HeaderCredential::Session) => self.bearer_session_caller(parts).await.map(Some),
            Some(HeaderCredential::Token) => {
                let token = self.access_token(parts).await?;
                Ok(Some(Caller::AccessToken(token)))
            }
        }
    }

    #[cfg(feature = "login")]
    async fn session_caller(&self, parts: &mut Parts) -> Result<Option<Caller>, Box<Response>> {
        if self.login().is_ok() && session_token(&parts.headers).is_some() {
            return self.bearer_session_caller(parts).await.map(Some);
        }
        let jar = CookieJar::new(self.inner.core.base.is_loopback_http());
        let has_cookie = jar.read(&parts.headers, CookieName::Session).is_some();
        if self.login().is_err() || !has_cookie {
            return Ok(None);
        }
        // Before the session is looked up: another site's request does not keep it in use either.
        self.require_same_origin(parts)?;
        let found = self.signed_in(parts).await?;
        Ok(found.map(Caller::Session))
    }

    /// The person whose bearer session it is. One that is not good is refused, whatever the cookies say.
    #[cfg(feature = "login")]
    async fn bearer_session_caller(&self, parts: &mut Parts) -> Result<Caller, Box<Response>> {
        #[cfg(feature = "resource")]
        if self.login().is_err() {
            return self.access_token(parts).await.map(Caller::AccessToken);
        }
        let found = self.signed_in(parts).await?;
        let found = found.map(Caller::Session);
        found.ok_or_else(|| {
            let problem = Problem::unauthenticated();
            Box::new(self.problem(parts, side_of(parts), &problem))
        })
    }

    /// Without login a session's token is a token like any other, which is to say none.
    #[cfg(all(feature = "resource", not(feature = "login")))]
    async fn bearer_session_caller(&self, parts: &mut Parts) -> Result<Caller, Box<Response>> {
        self.access_token(parts).await.map(Caller::AccessToken)
    }

    /// Lets a caller pass; a token or a key needs the scopes as well.
    pub(super) async fn admit_caller(
        &self,
        parts: &mut Parts,
        #[cfg(feature = "resource")] requirement: Option<&ScopeRequirement>,
    ) -> Result<(), Box<Response>> {
        let Some(caller) = self.caller(parts).await? else {
            return Err(Box::new(self.no_caller(parts)));
        };
        #[cfg(feature = "resource")]
        if let (Some(requirement), Ok(resource)) = (requirement, self.resource()) {
            let met = match &caller {
                #[cfg(feature = "login")]
                Caller::Session(_) => Ok(()),
                Caller::AccessToken(token) => resource.require_scope(token, requirement).await,
                Caller::ApiKey(key) => resource.require_key_scope(key, requirement).await,
            };
            met.map_err(|refused| Box::new(self.refuse_token(&refused)))?;
        }
        drop(caller);
        Ok(())
    }

    fn accepts_some_caller(&self) -> Result<(), NotSetUp> {
        #[cfg(feature = "resource")]
        let found = self.resource().map(|_| ());
        #[cfg(not(feature = "resource"))]
        let found = Err(NotSetUp { part: "login" });
        #[cfg(feature = "login")]
        let found = self.login().map(|_| ()).or(found);
        found
    }
}
