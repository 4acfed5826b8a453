//! The site as authenticators know it, and the checks of WebAuthn §7 on what they answer.
//!
//! `webauthn-rs-core` does the checking. Its wrapper `webauthn-rs` offers neither discoverable credentials as a
//! requirement nor user verification as a preference; the rules it adds are kept here: the credential comes from the
//! store, the owner is compared with the user handle, verification once given at registration is asked for ever after.

use std::time::Duration;

use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AttestationConveyancePreference, AuthenticationResult, AuthenticationState, COSEAlgorithm,
    CollectedClientData, CreationChallengeResponse, Credential, CredentialID, PublicKeyCredential,
    RegisterPublicKeyCredential, RegistrationState, RequestChallengeResponse,
    RequestRegistrationExtensions, UserVerificationPolicy,
};

use crate::ground::Digest32;
use crate::login::settings::{PasskeySettings, UserVerification};
use crate::login::{LoginSettingsError, reply};
use crate::store::{User, UserId};
use crate::web::BaseUrl;

/// How long a person has to answer their authenticator (WebAuthn §15.1), and a challenge lives.
pub(super) const CEREMONY_LIFE: Duration = Duration::from_mins(5);

/// Makes challenges and checks answers.
pub(in crate::login) struct RelyingParty {
    core: WebauthnCore,
    verification: UserVerificationPolicy,
}

/// What stands at an authenticator for a user: nothing of a person, and for one account always the same.
pub(super) fn user_handle(user: &UserId) -> [u8; 16] {
    let digest = Digest32::of_parts(&[b"passkey user handle", user.as_str().as_bytes()]);
    let mut handle = [0; 16];
    handle.copy_from_slice(&digest.as_bytes()[..16]);
    handle
}

impl RelyingParty {
    /// `None` where there are no passkeys.
    pub(in crate::login) fn new(
        settings: &PasskeySettings,
        base: &BaseUrl,
    ) -> Result<Option<Self>, LoginSettingsError> {
        let Some((rp_id, origins)) = settings.scope(base)? else {
            return Ok(None);
        };
        let core = WebauthnCore::new_unsafe_experts_only(
            &rp_id,
            &rp_id,
            origins,
            CEREMONY_LIFE,
            Some(false),
            Some(false),
        );
        let verification = match settings.verification {
            UserVerification::Required => UserVerificationPolicy::Required,
            UserVerification::Preferred => UserVerificationPolicy::Preferred,
        };
        Ok(Some(Self { core, verification }))
    }

    /// Begins a registration: discoverable, so that it signs in from an empty form.
    pub(super) fn begin_registration(
        &self,
        user: &User,
        registered: Vec<CredentialID>,
    ) -> Result<(CreationChallengeResponse, RegistrationState), WebauthnError> {
        let extensions = RequestRegistrationExtensions {
            cred_protect: None,
            uvm: None,
            cred_props: Some(true),
            min_pin_length: None,
            hmac_create_secret: None,
        };
        let handle = user_handle(&user.id);
        let challenge = self
            .core
            .new_challenge_register_builder(
                &handle,
                reply::account_name(user),
                user.display_name(),
            )?
            .attestation(AttestationConveyancePreference::None)
            .credential_algorithms(COSEAlgorithm::secure_algs())
            .require_resident_key(true)
            .user_verification_policy(self.verification)
            .exclude_credentials(Some(registered))
            .extensions(Some(extensions));
        self.core.generate_challenge_register(challenge)
    }

    /// Checks a registration (WebAuthn §7.1).
    pub(super) fn check_registration(
        &self,
        answer: &RegisterPublicKeyCredential,
        state: &RegistrationState,
    ) -> Result<Credential, WebauthnError> {
        if answer.type_ != "public-key" {
            return Err(WebauthnError::InvalidClientDataType);
        }
        self.core.register_credential(answer, state, None)
    }

    /// Begins a sign-in with any of these credentials, or with whichever the authenticator has for this site.
    pub(super) fn begin_authentication(
        &self,
        credentials: Vec<Credential>,
    ) -> Result<(RequestChallengeResponse, AuthenticationState), WebauthnError> {
        let challenge = self
            .core
            .new_challenge_authenticate_builder(credentials, Some(self.verification))?
            .allow_backup_eligible_upgrade(true);
        let (options, mut state) = self.core.generate_challenge_authenticate(challenge)?;
        // Whose a credential is, the store says when the answer is there.
        state.set_allowed_credentials(Vec::new());
        Ok((options, state))
    }

    /// Checks an answer against the one credential it names (WebAuthn §7.2). The counter is left to the caller's policy.
    pub(super) fn check_authentication(
        &self,
        answer: &PublicKeyCredential,
        state: &AuthenticationState,
        credential: &Credential,
    ) -> Result<AuthenticationResult, WebauthnError> {
        let client_data: CollectedClientData =
            serde_json::from_slice(&answer.response.client_data_json)
                .map_err(WebauthnError::ParseJSONFailure)?;
        if client_data.cross_origin == Some(true) {
            return Err(WebauthnError::CredentialCrossOrigin);
        }
        if answer.type_ != "public-key" {
            return Err(WebauthnError::InvalidClientDataType);
        }
        let uncounted = Credential {
            counter: 0,
            ..credential.clone()
        };
        self.core
            .authenticate_single_credential(answer, state, &uncounted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_handle_is_the_users_own_and_tells_nothing() {
        let (one, other) = (UserId::new("user-1"), UserId::new("user-2"));
        assert_eq!(user_handle(&one), user_handle(&one));
        assert_ne!(user_handle(&one), user_handle(&other));
        assert_ne!(
            user_handle(&one)[..],
            Digest32::of("user-1").as_bytes()[..16]
        );
    }
}
