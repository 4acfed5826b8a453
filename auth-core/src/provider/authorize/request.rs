//! From parameters to a typed authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).
//!
//! Two stages. Until client and redirect URI are proven, a fault is a page. From then on it goes to the client.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::ProviderWing;
use super::super::client::{AuthMethod, ClientMetadata as _, VerifiedRedirectUri};
use super::super::error::OAuthError;
use super::super::pkce::CodeChallenge;
use super::super::response_type::{ResponseType, answers_in_fragment};
use super::super::scope::scope_of_claim;
use super::super::settings::Pkce;
use super::super::subject::SubjectView;
use super::super::tokens::is_protocol_claim;
use super::prompt::{ClaimsParameter, Prompt, parse_max_age};
use super::response::{AuthorizationError, ResponseMode, ResponseTarget, problem_of};
use crate::ground::Timestamp;
use crate::store::{Client, ClientId};
use crate::web::{Params, Problem};

const MAX_STATE_BYTES: usize = 4096;
const MAX_NONCE_BYTES: usize = 512;
const MAX_HINT_BYTES: usize = 512;
const MAX_ACR_VALUES: usize = 16;

/// What a client asked for. It is what an interaction stores, so it holds no proof: [`Checked`] does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::provider) struct AuthorizationRequest {
    client_id: ClientId,
    redirect_uri: String,
    #[serde(default)]
    pub(super) response_type: ResponseType,
    /// Whether the request named the redirect URI.
    pub(in crate::provider) redirect_uri_given: bool,
    response_mode: ResponseMode,
    state: Option<String>,
    pub(in crate::provider) code_challenge: Option<CodeChallenge>,
    /// Known to the provider and allowed for the client.
    pub(in crate::provider) scopes: BTreeSet<String>,
    pub(in crate::provider) nonce: Option<String>,
    pub(super) prompt: Prompt,
    pub(super) max_age: Option<u64>,
    pub(super) login_hint: Option<String>,
    /// The subject of `id_token_hint`.
    pub(super) hinted_subject: Option<String>,
    /// Asked for by name; only those that a scope of `scopes` or `claim_scopes` stands for.
    pub(super) claims: Option<ClaimsParameter>,
    /// Scopes that stand for claims asked for by name, beyond `scopes`: agreed to like them, but not granted.
    #[serde(default)]
    pub(super) claim_scopes: BTreeSet<String>,
    pub(super) ui_locales: Option<String>,
    /// What kind of sign-in is preferred; one that is not met does not fail the request (OpenID Connect Core §5.5.1.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) acr_values: Vec<String>,
}

/// A request whose client stands and whose redirect URI is registered now, not only when it was stored.
pub(in crate::provider) struct Checked {
    pub(in crate::provider) client: Client,
    pub(in crate::provider) target: ResponseTarget,
    pub(in crate::provider) request: AuthorizationRequest,
    /// How accounts are called before the client.
    pub(in crate::provider) subjects: SubjectView,
}

impl AuthorizationRequest {
    /// The subjects the answer must be about: of `id_token_hint` and of `claims`.
    pub(super) fn wanted_subjects(&self) -> impl Iterator<Item = &str> {
        let requested = self.claims.as_ref().and_then(ClaimsParameter::subject);
        self.hinted_subject.as_deref().into_iter().chain(requested)
    }

    /// The `acr` values that would please the client: those it insists on first (OpenID Connect Core §5.5.1.1).
    pub(super) fn wanted_acr(&self) -> Vec<String> {
        let essential = self.claims.as_ref().map(ClaimsParameter::essential_acr);
        let essential = essential.unwrap_or_default().into_iter();
        let voluntary = self.acr_values.iter().map(String::as_str);
        essential.chain(voluntary).map(str::to_owned).collect()
    }

    /// All that the person is asked about: the scopes, and those that stand for claims asked for by name.
    pub(in crate::provider) fn asked(&self) -> BTreeSet<String> {
        self.scopes.union(&self.claim_scopes).cloned().collect()
    }

    pub(in crate::provider) fn claims(&self) -> Option<Value> {
        self.claims.clone().map(ClaimsParameter::into_value)
    }
}

impl ProviderWing {
    /// Reads a request.
    pub(super) async fn read_request(
        &self,
        params: &Params,
        now: Timestamp,
    ) -> Result<Checked, AuthorizationError> {
        let client = self.requesting_client(params).await?;
        let opened = self.open_request_object(&client, params, now).await;
        // Of an object that cannot be believed, nothing counts: its error goes where the query says.
        let (params, opened) = match &opened {
            Ok(merged) => (merged.as_ref().unwrap_or(params), Ok(())),
            Err(error) => (params, Err(error)),
        };
        let redirect_uri = match (requested_redirect_uri(&client, params), &opened) {
            (Err(_), Err(error)) => return Err(problem_of(error).into()),
            (redirect_uri, _) => redirect_uri?,
        };
        let target = ResponseTarget::new(client.client_id.clone(), redirect_uri)
            .ok_or_else(wrong_redirect_uri)?;
        // Errors from here on travel as far as the request itself can be trusted to say how.
        let target = with_state_and_mode(target, params)?;
        opened.map_err(|error| target.refuse(error.clone()))?;
        let request = self.read_parameters(&client, &target, params, now).await;
        match (request, self.subject_view(&client).await) {
            (Ok(request), Ok(subjects)) => Ok(Checked {
                client,
                target,
                request,
                subjects,
            }),
            (Err(error), _) | (_, Err(error)) => Err(target.refuse(error)),
        }
    }

    /// Proves a stored request again: its client may have been disabled, its redirect URI withdrawn.
    pub(in crate::provider) async fn check_again(
        &self,
        request: AuthorizationRequest,
    ) -> Result<Checked, Problem> {
        let client = self.live_client(&request.client_id).await?;
        let target = client
            .verify_redirect_uri(&request.redirect_uri)
            .and_then(|uri| ResponseTarget::new(client.client_id.clone(), uri))
            .and_then(|target| target.with_mode(request.response_mode))
            .ok_or_else(wrong_redirect_uri)?
            .with_state(request.state.clone());
        let subjects = self.subject_view(&client).await;
        Ok(Checked {
            subjects: subjects.map_err(|error| problem_of(&error))?,
            client,
            target,
            request,
        })
    }

    async fn requesting_client(&self, params: &Params) -> Result<Client, Problem> {
        if params.is_repeated("client_id") {
            return Err(Problem::bad_request("The parameter client_id is repeated."));
        }
        let id = params
            .get("client_id")
            .ok_or_else(|| Problem::bad_request("The parameter client_id is missing."))?;
        match plain_client_id(id) {
            Some(id) => self.live_client(&id).await,
            None => Err(unknown_client()),
        }
    }

    /// A client that is there and not disabled.
    async fn live_client(&self, id: &ClientId) -> Result<Client, Problem> {
        let client = self
            .find_client(id)
            .await
            .map_err(|error| problem_of(&error))?;
        client
            .filter(|client| client.disabled_at.is_none())
            .ok_or_else(unknown_client)
    }

    /// A client, disabled ones too.
    pub(in crate::provider) async fn find_client(
        &self,
        id: &ClientId,
    ) -> Result<Option<Client>, OAuthError> {
        Ok(self.registry.client(id).await?)
    }

    async fn read_parameters(
        &self,
        client: &Client,
        target: &ResponseTarget,
        params: &Params,
        now: Timestamp,
    ) -> Result<AuthorizationRequest, OAuthError> {
        params.refuse_repeated(&["resource"])?;
        refuse_unsupported(params)?;
        let response_type = self.read_response_type(client, params)?;
        check_mode(response_type, target)?;
        check_resource(self.core.base.issuer(), params)?;
        let prompt = Prompt::parse(params.get("prompt").unwrap_or_default())?;
        let max_age = params.get("max_age").map(parse_max_age).transpose()?;
        // OpenID Connect Registration §2: the parameter goes before the registered default.
        let default_max_age = client.metadata.get("default_max_age");
        let max_age = max_age.or_else(|| default_max_age.and_then(Value::as_u64));
        let scopes = self.read_scopes(client, response_type, params)?;
        let (claims, claim_scopes) = self.read_claims(client, &scopes, params)?;
        Ok(AuthorizationRequest {
            client_id: client.client_id.clone(),
            redirect_uri: target.redirect_uri().as_str().to_owned(),
            response_type,
            redirect_uri_given: params.get("redirect_uri").is_some(),
            response_mode: target.mode(),
            state: target.state().map(str::to_owned),
            code_challenge: self.read_code_challenge(client, response_type, params)?,
            nonce: read_nonce(response_type, params)?,
            scopes,
            prompt,
            max_age,
            acr_values: preferred_acr(client, claims.as_ref(), params),
            login_hint: params.get("login_hint").and_then(usable_hint),
            hinted_subject: self.read_hint(params, now).await?,
            claims,
            claim_scopes,
            ui_locales: params.get("ui_locales").and_then(usable_locales),
        })
    }

    /// The `claims` parameter, less what the client may not have: a claim goes with the standard scope that stands for
    /// it, and what no standard scope stands for is given to the operator's own apps alone. Claims of the protocol pass:
    /// they say what the request wants, and are never released by name.
    fn read_claims(
        &self,
        client: &Client,
        scopes: &BTreeSet<String>,
        params: &Params,
    ) -> Result<(Option<ClaimsParameter>, BTreeSet<String>), OAuthError> {
        let Some(text) = params.get("claims") else {
            return Ok((None, BTreeSet::new()));
        };
        let mut claims = ClaimsParameter::parse(text)?;
        let implied: Vec<_> = claims.implied_scopes().into_iter().collect();
        let grantable = self.settings.scopes.grantable(client, &implied.join(" "));
        let beyond = grantable.difference(scopes).cloned().collect();
        claims.retain(|name| match scope_of_claim(name) {
            Some(scope) => scopes.contains(scope) || grantable.contains(scope),
            None => client.first_party || is_protocol_claim(name),
        });
        Ok((Some(claims), beyond))
    }

    /// RFC 6749 §3.3 lets a server fail a request without scopes; guessing what was meant would give too much.
    fn read_scopes(
        &self,
        client: &Client,
        response_type: ResponseType,
        params: &Params,
    ) -> Result<BTreeSet<String>, OAuthError> {
        let requested = params
            .get("scope")
            .ok_or_else(|| OAuthError::invalid_scope("scope is required"))?;
        let mut scopes = self.settings.scopes.grantable(client, requested);
        // Without refresh tokens there is nothing that could stay (OpenID Connect Core §11: ignored).
        if !client.allows_grant("refresh_token") || !response_type.has_code() {
            scopes.remove("offline_access");
        }
        if scopes.is_empty() {
            return Err(OAuthError::invalid_scope(
                "no requested scope is known and allowed for this client",
            ));
        }
        // An ID token is what openid stands for (OpenID Connect Core §3.2.2.1, §3.3.2.1).
        if response_type.has_id_token() && !scopes.contains("openid") {
            return Err(OAuthError::invalid_scope(
                "the scope openid is required for this response_type",
            ));
        }
        Ok(scopes)
    }

    fn read_response_type(
        &self,
        client: &Client,
        params: &Params,
    ) -> Result<ResponseType, OAuthError> {
        let text = params
            .get("response_type")
            .ok_or_else(|| OAuthError::invalid_request("response_type is required"))?;
        let mut offered = ResponseType::offered(self.settings.front_channel_tokens);
        let response_type = ResponseType::parse(text)
            .filter(|wanted| offered.any(|own| own == *wanted))
            .ok_or_else(|| {
                OAuthError::unsupported_response_type("this response_type is not supported")
            })?;
        let may_code = !response_type.has_code() || client.allows_grant("authorization_code");
        let may_rest = !response_type.is_front_channel() || client.allows_grant("implicit");
        if client.allows_response_type(response_type.as_str()) && may_code && may_rest {
            Ok(response_type)
        } else {
            Err(OAuthError::unauthorized_client(
                "the client is not registered for this response_type",
            ))
        }
    }

    /// A challenge is for whoever redeems a code. Without one, the client's own credential is all that protects it.
    fn read_code_challenge(
        &self,
        client: &Client,
        response_type: ResponseType,
        params: &Params,
    ) -> Result<Option<CodeChallenge>, OAuthError> {
        let method = params.get("code_challenge_method");
        if let Some(challenge) = params.get("code_challenge") {
            return CodeChallenge::parse(challenge, method).map(Some);
        }
        let is_public = client.auth_method() == Some(AuthMethod::None);
        let is_required = is_public || self.settings.pkce == Pkce::Always;
        if method.is_some() || (response_type.has_code() && is_required) {
            return Err(OAuthError::invalid_request(
                "code_challenge is required (PKCE with S256)",
            ));
        }
        Ok(None)
    }

    async fn read_hint(
        &self,
        params: &Params,
        now: Timestamp,
    ) -> Result<Option<String>, OAuthError> {
        let Some(hint) = params.get("id_token_hint") else {
            return Ok(None);
        };
        match self.read_id_token_hint(hint, now).await {
            Ok(hint) => Ok(Some(hint.subject)),
            Err(error) if error.status.is_server_error() => Err(error),
            Err(_) => Err(OAuthError::invalid_request("id_token_hint is not valid")),
        }
    }
}

/// A `client_id` that can be one (RFC 6749 appendix A.1); others need no store to be unknown.
pub(in crate::provider) fn plain_client_id(text: &str) -> Option<ClientId> {
    let plain = text.len() <= 512 && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    plain.then(|| ClientId::new(text))
}

/// The exact one of the registered URIs. It may be left out only where it cannot be mistaken: one is registered and
/// this is no OpenID Connect request (OpenID Connect Core §3.1.2.1 requires it).
fn requested_redirect_uri(
    client: &Client,
    params: &Params,
) -> Result<VerifiedRedirectUri, Problem> {
    if params.is_repeated("redirect_uri") {
        return Err(Problem::bad_request(
            "The parameter redirect_uri is repeated.",
        ));
    }
    let openid = params
        .get_all("scope")
        .flat_map(|scope| scope.split(' '))
        .any(|scope| scope == "openid");
    match params.get("redirect_uri") {
        Some(uri) => client
            .verify_redirect_uri(uri)
            .ok_or_else(wrong_redirect_uri),
        None if openid => Err(missing_redirect_uri()),
        None => client.only_redirect_uri().ok_or_else(missing_redirect_uri),
    }
}

/// Reads how to answer. A fault in it is answered without what is faulty.
fn with_state_and_mode(
    target: ResponseTarget,
    params: &Params,
) -> Result<ResponseTarget, AuthorizationError> {
    let refuse = |target: &ResponseTarget, what: &'static str| {
        Err(target.refuse(OAuthError::invalid_request(what)))
    };
    if params.is_repeated("state") {
        return refuse(&target, "the parameter state is repeated");
    }
    let state = params.get("state");
    if state.is_some_and(|state| state.len() > MAX_STATE_BYTES) {
        return refuse(&target, "state is longer than 4096 bytes");
    }
    let target = target.with_state(state.map(str::to_owned));
    let in_fragment = params.get("response_type").is_some_and(answers_in_fragment);
    let target = match target.clone().with_mode(ResponseMode::Fragment) {
        Some(fragment) if in_fragment => fragment,
        _ => target,
    };
    if params.is_repeated("response_mode") {
        return refuse(&target, "the parameter response_mode is repeated");
    }
    let Some(mode) = params.get("response_mode") else {
        return Ok(target);
    };
    let with_mode = ResponseMode::parse(mode).and_then(|mode| target.clone().with_mode(mode));
    match with_mode {
        Some(target) => Ok(target),
        None => refuse(&target, "response_mode is not supported for this request"),
    }
}

/// A parameter that would change what is asked and that this provider does not read: never ignored.
fn refuse_unsupported(params: &Params) -> Result<(), OAuthError> {
    match params.get("registration") {
        None => Ok(()),
        Some(_) => Err(OAuthError::registration_not_supported(
            "registration is not supported",
        )),
    }
}

/// What a front channel carries must not end in a query, which servers log (Multiple Response Type Encoding Practices
/// §3).
fn check_mode(response_type: ResponseType, target: &ResponseTarget) -> Result<(), OAuthError> {
    if response_type.is_front_channel() && target.mode() == ResponseMode::Query {
        return Err(OAuthError::invalid_request(
            "response_mode query is not for this response_type",
        ));
    }
    Ok(())
}

/// Access tokens are for this issuer alone (RFC 8707 §2).
pub(in crate::provider) fn check_resource(issuer: &str, params: &Params) -> Result<(), OAuthError> {
    if params
        .get_all("resource")
        .all(|resource| resource == issuer)
    {
        Ok(())
    } else {
        Err(OAuthError::invalid_target("resource must be the issuer"))
    }
}

/// OpenID Connect Core §3.2.2.1 and §3.3.2.11: an ID token from the front channel is bound to the request by its nonce.
fn read_nonce(response_type: ResponseType, params: &Params) -> Result<Option<String>, OAuthError> {
    match params.get("nonce") {
        Some(nonce) if nonce.len() > MAX_NONCE_BYTES => Err(OAuthError::invalid_request(
            "nonce is longer than 512 bytes",
        )),
        None | Some("") if response_type.has_id_token() => Err(OAuthError::invalid_request(
            "nonce is required for this response_type",
        )),
        nonce => Ok(nonce.map(str::to_owned)),
    }
}

/// A hint that helps nobody is dropped: it decides nothing.
fn usable_hint(hint: &str) -> Option<String> {
    let usable = hint.len() <= MAX_HINT_BYTES && !hint.chars().any(char::is_control);
    usable.then(|| hint.to_owned())
}

/// `acr_values`, or the registered default where the request says nothing about `acr` (OpenID Connect Registration §2).
fn preferred_acr(
    client: &Client,
    claims: Option<&ClaimsParameter>,
    params: &Params,
) -> Vec<String> {
    match params.get("acr_values") {
        Some(values) => {
            let values = values.split(' ').filter(|value| !value.is_empty());
            values.take(MAX_ACR_VALUES).map(str::to_owned).collect()
        }
        None if claims.is_some_and(ClaimsParameter::speaks_of_acr) => Vec::new(),
        None => client
            .texts("default_acr_values")
            .map(str::to_owned)
            .collect(),
    }
}

fn usable_locales(locales: &str) -> Option<String> {
    let tag = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b' ';
    (locales.len() <= 128 && locales.bytes().all(tag)).then(|| locales.to_owned())
}

fn unknown_client() -> Problem {
    Problem {
        code: "unknown_client",
        ..Problem::bad_request(
            "The app that sent you here is not known. Go back to it and tell its maker.",
        )
    }
}

fn wrong_redirect_uri() -> Problem {
    Problem {
        code: "invalid_redirect_uri",
        ..Problem::bad_request(
            "The app that sent you here asked to send you on to an address it has not registered (redirect_uri).",
        )
    }
}

fn missing_redirect_uri() -> Problem {
    Problem {
        code: "invalid_redirect_uri",
        ..Problem::bad_request(
            "The app that sent you here did not say where to send you on to (redirect_uri).",
        )
    }
}
