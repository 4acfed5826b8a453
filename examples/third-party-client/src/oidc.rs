//! OpenID Connect, from this app's side: discovery, sign-in, refresh, an API call, sign-out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenVerifier, CoreTokenResponse,
    CoreUserInfoClaims,
};
use openidconnect::url::Url;
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId,
    ClientSecret, CsrfToken, EndSessionUrl, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RefreshToken, Scope,
    TokenResponse as _,
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::StartError;
use crate::http_client::{self, HttpClient};
use crate::pages::Problem;

/// `openid` goes along by itself; `offline_access` asks for a refresh token.
const SCOPES: [&str; 3] = ["profile", "email", "offline_access"];

/// The crate's client, with the endpoints that discovery brings.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// This app as a client of the issuer.
pub(crate) struct Oidc {
    http: HttpClient,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    redirect_uri: RedirectUrl,
    home: PostLogoutRedirectUrl,
    api: Url,
    discovered: Mutex<Option<Arc<Issuer>>>,
}

/// What discovery told.
struct Issuer {
    client: Client,
    end_session: Option<EndSessionUrl>,
}

/// A sign-in that was started: what its answer has to match.
pub(crate) struct Attempt {
    pub(crate) state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// What an ID token has to say about the nonce.
#[derive(Clone, Copy)]
enum Expect<'n> {
    /// This one.
    Nonce(&'n Nonce),
    /// This one or none, as a renewed ID token may lack it (OpenID Connect Core §12.2).
    NonceOrNone(&'n Nonce),
}

/// The issuer's answer to an authorization request.
#[derive(Default)]
pub(crate) struct CallbackParams {
    pub(crate) state: String,
    pub(crate) code: String,
    pub(crate) iss: String,
    pub(crate) error: String,
    pub(crate) error_description: String,
}

/// Someone who signed in, and what the issuer gave for it.
#[derive(Clone)]
pub(crate) struct Person {
    /// ID token and `UserInfo` claims.
    pub(crate) claims: Value,
    /// How often the tokens were renewed.
    pub(crate) refreshes: u32,
    /// When the access token ends.
    pub(crate) expires: Option<Instant>,
    access_token: AccessToken,
    refresh_token: Option<RefreshToken>,
    id_token: CoreIdToken,
    subject: String,
    nonce: Nonce,
}

impl Oidc {
    pub(crate) fn new(
        issuer: String,
        client_id: String,
        client_secret: String,
        own_url: &str,
        api: Url,
    ) -> Result<Self, StartError> {
        Ok(Self {
            api,
            http: HttpClient::new()?,
            issuer: IssuerUrl::new(issuer)?,
            client_id: ClientId::new(client_id),
            client_secret: ClientSecret::new(client_secret),
            redirect_uri: RedirectUrl::new(format!("{own_url}/callback"))?,
            home: PostLogoutRedirectUrl::new(format!("{own_url}/"))?,
            discovered: Mutex::new(None),
        })
    }

    /// The issuer's endpoints and keys. Asked for when first needed, so that either app may start first.
    async fn issuer(&self) -> Result<Arc<Issuer>, Problem> {
        let mut discovered = self.discovered.lock().await;
        if let Some(issuer) = &*discovered {
            return Ok(issuer.clone());
        }
        let metadata = ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &self.http)
            .await
            .map_err(|error| Problem::issuer("The issuer could not be reached.", &error))?;
        let end_session = metadata.additional_metadata().end_session_endpoint.clone();
        let client = CoreClient::from_provider_metadata(
            metadata,
            self.client_id.clone(),
            Some(self.client_secret.clone()),
        )
        .set_redirect_uri(self.redirect_uri.clone());
        let issuer = Arc::new(Issuer {
            client,
            end_session,
        });
        *discovered = Some(issuer.clone());
        Ok(issuer)
    }

    /// The URL to send the browser to, and what to keep for its return.
    pub(crate) async fn start(&self) -> Result<(Url, Attempt), Problem> {
        let issuer = self.issuer().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = issuer
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let attempt = Attempt {
            state,
            nonce,
            verifier,
        };
        Ok((url, attempt))
    }

    /// Checks the answer, changes the code into tokens, verifies them.
    pub(crate) async fn finish(
        &self,
        answer: CallbackParams,
        attempt: Attempt,
    ) -> Result<Person, Problem> {
        // RFC 9207 §2.4: an answer that does not name the issuer that was asked is not its answer. Checked before
        // anything else in it counts, its error included.
        if answer.iss != self.issuer.as_str() {
            return Err(Problem::bad_request(
                "The answer is from another issuer, or names none.",
            ));
        }
        if !answer.error.is_empty() {
            return Err(Problem::refused(&answer.error, &answer.error_description));
        }
        if answer.code.is_empty() {
            return Err(Problem::bad_request("The answer has no code."));
        }
        let issuer = self.issuer().await?;
        let tokens = issuer
            .client
            .exchange_code(AuthorizationCode::new(answer.code))
            .map_err(|error| Problem::issuer("The issuer has no token endpoint.", &error))?
            .set_pkce_verifier(attempt.verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| Problem::issuer("The code was not accepted.", &error))?;
        let id_token = tokens
            .id_token()
            .ok_or_else(|| Problem::bad_gateway("The issuer gave no ID token."))?
            .clone();
        let nonce = Expect::Nonce(&attempt.nonce);
        let (subject, id_claims) = self.verify(&id_token, &tokens, nonce).await?;

        // OpenID Connect Core §5.3.2: claims about another subject are refused (the crate compares).
        let expected = openidconnect::SubjectIdentifier::new(subject.clone());
        let userinfo: CoreUserInfoClaims = issuer
            .client
            .user_info(tokens.access_token().clone(), Some(expected))
            .map_err(|error| Problem::issuer("The issuer has no userinfo endpoint.", &error))?
            .request_async(&self.http)
            .await
            .map_err(|error| Problem::issuer("The userinfo endpoint failed.", &error))?;
        Ok(Person {
            claims: json!({ "id_token": id_claims, "userinfo": userinfo }),
            refreshes: 0,
            expires: expiry(&tokens),
            access_token: tokens.access_token().clone(),
            refresh_token: tokens.refresh_token().cloned(),
            id_token,
            subject,
            nonce: attempt.nonce,
        })
    }

    /// Renews the tokens.
    pub(crate) async fn refresh(&self, mut person: Person) -> Result<Person, Problem> {
        let refresh_token = person
            .refresh_token
            .clone()
            .ok_or_else(|| Problem::bad_request("The issuer gave no refresh token."))?;
        let tokens = self
            .issuer()
            .await?
            .client
            .exchange_refresh_token(&refresh_token)
            .map_err(|error| Problem::issuer("The issuer has no token endpoint.", &error))?
            .request_async(&self.http)
            .await
            .map_err(|error| Problem::issuer("The refresh token was not accepted.", &error))?;
        if let Some(id_token) = tokens.id_token() {
            // OpenID Connect Core §12.2: the same subject, or it is refused.
            let nonce = Expect::NonceOrNone(&person.nonce);
            let (subject, claims) = self.verify(id_token, &tokens, nonce).await?;
            if subject != person.subject {
                return Err(Problem::bad_gateway(
                    "The renewed ID token is about someone else.",
                ));
            }
            person.claims["id_token"] = claims;
            person.id_token = id_token.clone();
        }
        person.refreshes += 1;
        person.expires = expiry(&tokens);
        person.access_token = tokens.access_token().clone();
        if let Some(successor) = tokens.refresh_token() {
            person.refresh_token = Some(successor.clone());
        }
        Ok(person)
    }

    /// Calls the API for this person: status and body.
    pub(crate) async fn call_api(&self, person: &Person) -> Result<String, Problem> {
        let mut answer = self
            .http
            .0
            .get(self.api.clone())
            .bearer_auth(person.access_token.secret())
            .send()
            .await
            .map_err(|error| Problem::issuer("The API could not be reached.", &error))?;
        let body = http_client::read(&mut answer)
            .await
            .map_err(|error| Problem::issuer("The API broke off.", &error))?;
        Ok(format!(
            "{}\n{}",
            answer.status(),
            String::from_utf8_lossy(&body)
        ))
    }

    /// Where to send the browser to sign out at the issuer too (RP-Initiated Logout).
    pub(crate) async fn logout_url(&self, person: &Person) -> Result<Url, Problem> {
        let issuer = self.issuer().await?;
        let Some(end_session) = issuer.end_session.clone() else {
            return Ok(self.home.url().clone());
        };
        Ok(LogoutRequest::from(end_session)
            .set_id_token_hint(&person.id_token)
            .set_client_id(self.client_id.clone())
            .set_post_logout_redirect_uri(self.home.clone())
            .http_get_url())
    }

    /// Verifies an ID token and that the access token belongs to it: its subject and its claims.
    async fn verify(
        &self,
        id_token: &CoreIdToken,
        tokens: &CoreTokenResponse,
        nonce: Expect<'_>,
    ) -> Result<(String, Value), Problem> {
        let issuer = self.issuer().await?;
        let first = check(&issuer.client.id_token_verifier(), id_token, tokens, nonce);
        let Err(ClaimsVerificationError::SignatureVerification(_)) = first else {
            return first.map_err(|error| Problem::issuer("The ID token is not valid.", &error));
        };
        // Signed with a key not seen yet: the issuer may have changed its keys since discovery.
        *self.discovered.lock().await = None;
        let issuer = self.issuer().await?;
        check(&issuer.client.id_token_verifier(), id_token, tokens, nonce)
            .map_err(|error| Problem::issuer("The ID token is not valid.", &error))
    }
}

/// Signature, issuer, audience, lifetime and nonce (the crate's verifier), then `at_hash` (OpenID Connect Core
/// §3.1.3.6): without it a stolen access token could be slipped in.
fn check(
    verifier: &CoreIdTokenVerifier<'_>,
    id_token: &CoreIdToken,
    tokens: &CoreTokenResponse,
    nonce: Expect<'_>,
) -> Result<(String, Value), ClaimsVerificationError> {
    let claims = id_token.claims(verifier, |given: Option<&Nonce>| match (nonce, given) {
        (Expect::Nonce(sent) | Expect::NonceOrNone(sent), Some(given))
            if given.secret() == sent.secret() =>
        {
            Ok(())
        }
        (Expect::NonceOrNone(_), None) => Ok(()),
        _ => Err("the nonce is not the one that was sent".to_owned()),
    })?;
    if let Some(at_hash) = claims.access_token_hash() {
        let algorithm = id_token
            .signing_alg()
            .map_err(ClaimsVerificationError::SignatureVerification)?;
        let key = id_token
            .signing_key(verifier)
            .map_err(ClaimsVerificationError::SignatureVerification)?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
        if actual.ok().as_ref() != Some(at_hash) {
            return Err(ClaimsVerificationError::Other(
                "at_hash does not match".to_owned(),
            ));
        }
    }
    let value = serde_json::to_value(claims).unwrap_or(Value::Null);
    Ok((claims.subject().to_string(), value))
}

fn expiry(tokens: &CoreTokenResponse) -> Option<Instant> {
    let life: Duration = tokens.expires_in()?;
    Instant::now().checked_add(life)
}
