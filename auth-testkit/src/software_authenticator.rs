//! A passkey's device in software, with the browser before it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use auth_core::ground::base64url;
use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientDataWithExtra, WebauthnError};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use passkey::types::webauthn::{CredentialCreationOptions, CredentialRequestOptions};
use serde_json::{Map, Value, json};
use url::Url;

use crate::fail::{Outcome as _, fail};

/// A device that holds one passkey, in a browser that shows a page of one origin. A clone is the same device.
#[derive(Clone)]
pub struct SoftwareAuthenticator {
    origin: Url,
    verifies: bool,
    key: Arc<Mutex<Option<Passkey>>>,
}

/// Whoever sits before it: always there, and known to the device if it can tell.
struct Owner {
    verified: bool,
}

#[async_trait]
impl UserValidationMethod for Owner {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence,
            verification: verification && self.verified,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        self.verified.then_some(true)
    }
}

impl SoftwareAuthenticator {
    /// A new device, in a browser at a page of this origin (`https://app.example.com`; a path is left out).
    pub fn at(origin: &str) -> Self {
        let mut origin = Url::parse(origin).or_fail(origin);
        origin.set_path("/");
        Self {
            origin,
            verifies: true,
            key: Arc::default(),
        }
    }

    /// The same, without PIN or fingerprint: it cannot tell its owner from others.
    #[must_use]
    pub fn touch_only(mut self) -> Self {
        self.verifies = false;
        self
    }

    /// The same device, with its browser at a page of another origin.
    #[must_use]
    pub fn visiting(&self, origin: &str) -> Self {
        Self {
            key: self.key.clone(),
            verifies: self.verifies,
            ..Self::at(origin)
        }
    }

    /// Whether it holds a passkey.
    pub fn has_passkey(&self) -> bool {
        self.lock().is_some()
    }

    /// Answers what a `…/passkey/begin` or `…/passkeys/begin` said; what comes out is for `…/finish`. Makes a passkey or
    /// uses it, whichever was asked for.
    pub async fn answer(&self, begun: &Value) -> Value {
        let options = &begun["publicKey"];
        let credential = if options["pubKeyCredParams"].is_null() {
            self.get(options).await
        } else {
            self.create(options).await
        };
        json!({ "ceremony": begun["ceremony"], "credential": credential })
    }

    /// `navigator.credentials.create({ publicKey: options })`, as JSON. Where the device or the browser refuses, the test
    /// fails.
    pub async fn create(&self, options: &Value) -> Value {
        let made = self.try_create(options).await;
        made.unwrap_or_else(|error| refused(&error))
    }

    /// `navigator.credentials.get({ publicKey: options })`, as JSON. Where the device or the browser refuses, the test
    /// fails.
    pub async fn get(&self, options: &Value) -> Value {
        let given = self.try_get(options).await;
        given.unwrap_or_else(|error| refused(&error))
    }

    async fn try_create(&self, options: &Value) -> Result<Value, WebauthnError> {
        let options = json!({ "publicKey": options });
        let options: CredentialCreationOptions =
            serde_json::from_value(options).or_fail("the options");
        let mut client = Client::new(self.device())
            .user_verification_when_preferred(self.verifies)
            .allows_insecure_localhost(true);
        let extra = DefaultClientDataWithExtra(Map::new());
        let made = client.register(&self.origin, options, extra).await?;
        self.lock().clone_from(client.authenticator().store());
        Ok(json!({
            "id": made.id,
            "rawId": base64url(&made.raw_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64url(&made.response.client_data_json),
                "attestationObject": base64url(&made.response.attestation_object),
                "transports": ["internal", "hybrid"],
            },
            "clientExtensionResults": { "credProps": { "rk": true } },
        }))
    }

    async fn try_get(&self, options: &Value) -> Result<Value, WebauthnError> {
        let mut options = json!({ "publicKey": options });
        let allowed = &mut options["publicKey"]["allowCredentials"];
        if *allowed == json!([]) {
            // As browsers do: an empty list is none.
            *allowed = Value::Null;
        }
        let options: CredentialRequestOptions =
            serde_json::from_value(options).or_fail("the options");
        let mut client = Client::new(self.device())
            .user_verification_when_preferred(self.verifies)
            .allows_insecure_localhost(true);
        let extra = DefaultClientDataWithExtra(Map::new());
        let given = client.authenticate(&self.origin, options, extra).await?;
        self.lock().clone_from(client.authenticator().store());
        let handle = given.response.user_handle.as_ref();
        Ok(json!({
            "id": given.id,
            "rawId": base64url(&given.raw_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64url(&given.response.client_data_json),
                "authenticatorData": base64url(&given.response.authenticator_data),
                "signature": base64url(&given.response.signature),
                "userHandle": handle.map(|handle| base64url(handle)),
            },
            "clientExtensionResults": {},
        }))
    }

    fn device(&self) -> Authenticator<Option<Passkey>, Owner, RustCryptoBackend> {
        let owner = Owner {
            verified: self.verifies,
        };
        let key = self.lock().clone();
        Authenticator::new(Aaguid::new_empty(), key, owner, RustCryptoBackend)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Passkey>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(error: &WebauthnError) -> Value {
    fail(format_args!("the authenticator refused: {error:?}"))
}

impl fmt::Debug for SoftwareAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareAuthenticator")
            .field("origin", &self.origin.as_str())
            .field("has_passkey", &self.has_passkey())
            .finish_non_exhaustive()
    }
}
