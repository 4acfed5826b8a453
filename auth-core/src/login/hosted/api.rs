//! WorkOS's endpoints for signing in, refreshing and signing out.

use serde_json::Value;
use workos::user_management::{
    AuthenticateWithCodeParams, AuthenticateWithRefreshTokenParams, GetLogoutUrlParams,
};
use workos::{
    AuthKitAuthorizationUrlParams, AuthenticateResponse, SecretString, generate_code_challenge,
};
use zeroize::Zeroizing;

use super::access_token::TokenError;
use super::denial::Denial;
use super::{Hosted, HostedAccess, secrets};
use crate::ground::Timestamp;
use crate::login::acr;
use crate::login::federation::client::{
    Ask, AttemptSecrets, AuthorizationResponse, ClientError, Proven, Tokens,
};
use crate::login::federation::{EmailVerified, Profile, ProfileMap, profile};
use crate::services::Core;
use crate::store::UpstreamSession;

/// Where the members of a profile stand in WorkOS's user object.
const PROFILE: ProfileMap = ProfileMap {
    subject: &["/id"],
    email: &["/email"],
    email_verified: EmailVerified::At(&["/email_verified"]),
    username: &[],
    name: &["/name"],
    given_name: &["/first_name"],
    family_name: &["/last_name"],
    picture: &["/profile_picture_url"],
    locale: &["/locale"],
};

/// As long as any other name.
const MAX_NAME: usize = 200;

/// Why a call came to nothing. Safe to log: nothing in it was written by the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// Not asked: a moment ago there was no answer.
    Unasked,
    /// No answer, or one that is about us and not about the person: our key, our rate, their fault.
    Down,
    /// WorkOS says no.
    Refused(Denial),
}

impl From<workos::Error> for CallError {
    fn from(error: workos::Error) -> Self {
        match error.status() {
            Some(400 | 403 | 404 | 409 | 422) => Self::Refused(Denial::of(error.code())),
            status => {
                tracing::warn!(?status, "WorkOS cannot be asked");
                Self::Down
            }
        }
    }
}

/// Somebody who signed in there, checked.
pub(super) struct Authenticated {
    pub(super) user: workos::User,
    pub(super) tokens: Tokens,
    pub(super) access: HostedAccess,
}

impl Hosted {
    /// Where to send the browser.
    pub(in crate::login) fn authorization_url(
        &self,
        redirect_uri: &str,
        secrets: &AttemptSecrets,
        ask: &Ask,
    ) -> Result<String, ClientError> {
        let params = AuthKitAuthorizationUrlParams {
            redirect_uri: redirect_uri.to_owned(),
            provider: Some("authkit".to_owned()),
            login_hint: ask.login_hint.clone(),
            organization_id: ask.organization_id.clone(),
            screen_hint: ask.screen_hint.clone(),
            state: Some(secrets.state.clone()),
            code_challenge: Some(generate_code_challenge(&secrets.code_verifier)),
            code_challenge_method: Some("S256".to_owned()),
            ..AuthKitAuthorizationUrlParams::default()
        };
        let url = self.client.authkit().authorization_url(params);
        url.map_err(|_| ClientError::Refused("authorization_url"))
    }

    /// Redeems the code. `state` is the caller's to compare and to spend first.
    pub(in crate::login) async fn redeem(
        &self,
        secrets: &AttemptSecrets,
        response: &AuthorizationResponse,
        now: Timestamp,
    ) -> Result<Proven, ClientError> {
        match response.error.as_deref() {
            None => {}
            Some("access_denied") => return Err(ClientError::Denied),
            Some("login_required" | "interaction_required" | "sso_required") => {
                return Err(ClientError::InteractionRequired);
            }
            Some(_) => return Err(ClientError::Refused("error_response")),
        }
        let code = response.code.as_deref();
        let code = code.ok_or(ClientError::Refused("code_missing"))?;
        let since = self.users.moment();
        let mut params = AuthenticateWithCodeParams::new(code);
        params.code_verifier = Some(SecretString::new(secrets.code_verifier.as_str()));
        let call = self.client.user_management();
        let answer = call.authenticate_with_code(params).await;
        let answer = answer.map_err(|error| match CallError::from(error) {
            CallError::Unasked | CallError::Down => ClientError::Down("WorkOS", None),
            CallError::Refused(_) => ClientError::Refused("code_refused"),
        })?;
        let came = self.check(answer, now).await?;
        let came = self.with_organization(came, now).await;
        self.users.put(&came.user.id, came.user.clone(), since, now);
        Ok(self.proven(came))
    }

    async fn check(
        &self,
        answer: AuthenticateResponse,
        now: Timestamp,
    ) -> Result<Authenticated, ClientError> {
        // Somebody of the operator's in a person's place (threat 51): nothing here could tell what they do from what the
        // person does.
        if answer.impersonator.is_some() {
            return Err(ClientError::Refused("impersonated"));
        }
        let verified = self
            .verify(answer.access_token.expose(), Some(&answer.user.id), now)
            .await;
        let access = verified.map_err(|error| match error {
            TokenError::Unavailable => ClientError::Down("keys of WorkOS", None),
            TokenError::UnknownKey => ClientError::Refused("access_token_key"),
            TokenError::Refused(reason) => ClientError::Refused(reason),
        })?;
        Ok(Authenticated {
            tokens: tokens_of(answer.access_token, answer.refresh_token),
            user: answer.user,
            access,
        })
    }

    fn proven(&self, came: Authenticated) -> Proven {
        let claims = serde_json::to_value(&came.user).unwrap_or(Value::Null);
        let mut profile = profile::read(&PROFILE, &claims);
        profile.name = profile.name.take().or_else(|| whole_name(&profile));
        Proven {
            issuer: self.issuer.clone(),
            subject: came.access.user_id,
            profile,
            claims,
            sid: Some(came.access.session_id),
            auth_time: None,
            issued_at: None,
            acr: None,
            amr: vec![acr::HOSTED.to_owned()],
            id_token: None,
            tokens: came.tokens,
        }
    }

    /// New tokens for an old refresh token, for another organization where one is given. What comes back is not checked
    /// yet.
    pub(super) async fn refresh(
        &self,
        refresh_token: &str,
        organization: Option<&str>,
    ) -> Result<AuthenticateResponse, workos::Error> {
        let mut params = AuthenticateWithRefreshTokenParams::new(refresh_token);
        params.organization_id = organization.map(str::to_owned);
        let call = self.client.user_management();
        call.authenticate_with_refresh_token(params).await
    }

    /// Where to send a browser whose session here has ended, so that it ends there too.
    pub(in crate::login) fn way_out(
        &self,
        core: &Core,
        row: &UpstreamSession,
        return_to: &str,
    ) -> Option<String> {
        // A refresh may have begun another session there.
        let sid = secrets::session_of(core, row).or_else(|| row.sid.clone())?;
        let mut params = GetLogoutUrlParams::new(sid);
        params.return_to = Some(return_to.to_owned());
        self.client.user_management().get_logout_url(params).ok()
    }
}

/// Most users there have a first and a last name alone.
fn whole_name(profile: &Profile) -> Option<String> {
    let parts = [&profile.given_name, &profile.family_name];
    let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" ").chars().take(MAX_NAME).collect())
}

/// The tokens of an answer, to be kept.
pub(super) fn tokens_of(access_token: SecretString, refresh_token: SecretString) -> Tokens {
    Tokens {
        access_token: Zeroizing::new(access_token.into_inner()),
        refresh_token: Some(Zeroizing::new(refresh_token.into_inner())),
        // The access token says it, and is read again.
        expires_at: None,
        scope: None,
    }
}
