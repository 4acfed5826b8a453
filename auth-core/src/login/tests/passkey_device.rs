//! An authenticator in software, with the client before it, and the ceremonies as a page's script drives them.

use async_trait::async_trait;
use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientDataWithExtra};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::crypto::{CryptoBackend, SecretKeyT};
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use passkey::types::webauthn::{CredentialCreationOptions, CredentialRequestOptions};
use serde_json::{Map, Value, json};
use url::Url;

use super::harness::*;
use crate::ground::{Digest32, base64url, from_base64url};
use crate::login::SignInRequest;
use crate::store::Identifier;

pub(super) const ORIGIN: &str = "https://app.example.com";
pub(super) const SECOND_FACTOR: &str = "/auth/second-factor/passkey";
pub(super) const STEP_UP: &str = "/auth/step-up/passkey";

/// A session that nothing more is asked of.
pub(super) const SEVERAL: &[&str] = &["pwd", "otp", "mfa"];
pub(super) const PASSKEYS: &str = "/auth/account/passkeys";

type SecretKey = <RustCryptoBackend as CryptoBackend>::SecretKey;

/// Whoever sits before the device: always there, known to it if it can tell.
struct Finger {
    verifies: bool,
}

#[async_trait]
impl UserValidationMethod for Finger {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        let verification = verification && self.verifies;
        Ok(UserCheck {
            presence,
            verification,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        self.verifies.then_some(true)
    }
}

/// A device that keeps one passkey.
#[derive(Clone)]
pub(crate) struct Device {
    pub(super) key: Option<Passkey>,
    /// It can tell its owner from others.
    pub(super) verifies: bool,
    /// New passkeys count their signatures.
    pub(super) counts: bool,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self {
            key: None,
            verifies: true,
            counts: false,
        }
    }

    pub(super) fn counting() -> Self {
        Self {
            counts: true,
            ..Self::new()
        }
    }

    /// A security key without a PIN.
    pub(super) fn touch_only() -> Self {
        Self {
            verifies: false,
            ..Self::new()
        }
    }

    /// The counter is there (again).
    pub(super) fn set_counter(&mut self, counter: u32) {
        self.key.as_mut().expect("passkey").counter = Some(counter);
    }

    /// `navigator.credentials.create` on a page of `origin`, with the answer as the script sends it.
    pub(crate) async fn create(&mut self, origin: &str, options: &Value) -> Value {
        let mut authenticator = Authenticator::new(
            Aaguid::new_empty(),
            self.key.clone(),
            Finger {
                verifies: self.verifies,
            },
            RustCryptoBackend,
        );
        authenticator.set_make_credentials_with_signature_counter(self.counts);
        let mut client = Client::new(authenticator).user_verification_when_preferred(self.verifies);
        let options: CredentialCreationOptions =
            serde_json::from_value(json!({ "publicKey": options })).expect("options");
        let origin = Url::parse(origin).expect("origin");
        let extra = DefaultClientDataWithExtra(Map::new());
        let made = client.register(&origin, options, extra).await;
        let made = made.expect("passkey");
        self.key = client.authenticator().store().clone();
        json!({
            "id": made.id,
            "rawId": base64url(&made.raw_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64url(&made.response.client_data_json),
                "attestationObject": base64url(&made.response.attestation_object),
                "transports": ["internal", "hybrid"],
            },
            "clientExtensionResults": { "credProps": { "rk": true } },
        })
    }

    /// `navigator.credentials.get` on a page of `origin`.
    pub(crate) async fn get(&mut self, origin: &str, options: &Value) -> Value {
        self.get_with(origin, options, Map::new()).await
    }

    /// The same, with more members in the client data.
    pub(super) async fn get_with(
        &mut self,
        origin: &str,
        options: &Value,
        extra: Map<String, Value>,
    ) -> Value {
        let finger = Finger {
            verifies: self.verifies,
        };
        let key = self.key.clone();
        let authenticator = Authenticator::new(Aaguid::new_empty(), key, finger, RustCryptoBackend);
        let mut client = Client::new(authenticator).user_verification_when_preferred(self.verifies);
        let mut options = options.clone();
        if options["allowCredentials"] == json!([]) {
            // As browsers do: an empty list is none.
            options["allowCredentials"] = Value::Null;
        }
        let options: CredentialRequestOptions =
            serde_json::from_value(json!({ "publicKey": options })).expect("options");
        let origin = Url::parse(origin).expect("origin");
        let extra = DefaultClientDataWithExtra(extra);
        let given = client.authenticate(&origin, options, extra).await;
        let given = given.expect("assertion");
        self.key = client.authenticator().store().clone();
        let handle = given.response.user_handle.as_ref();
        json!({
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
        })
    }

    /// Changes the authenticator data of an assertion and signs it again, as a device that lies would.
    pub(super) fn sign_again(&self, assertion: &mut Value, change: impl FnOnce(&mut Vec<u8>)) {
        let response = &mut assertion["response"];
        let mut data = bytes_of(&response["authenticatorData"]);
        change(&mut data);
        let client_data = Digest32::of(bytes_of(&response["clientDataJSON"]));
        let signed = [data.as_slice(), client_data.as_bytes()].concat();
        let key = &self.key.as_ref().expect("passkey").key;
        let mut key = SecretKey::from_cose_key(key).expect("key");
        response["signature"] = base64url(&key.sign(&signed)).into();
        response["authenticatorData"] = base64url(&data).into();
    }
}

pub(super) fn bytes_of(text: &Value) -> Vec<u8> {
    from_base64url(text.as_str().expect("text")).expect("base64url")
}

/// What `finish` is sent.
pub(super) fn reply(begun: &Value, credential: &Value) -> Value {
    json!({ "ceremony": begun["ceremony"], "credential": credential })
}

impl House {
    /// A browser in the account, to which the device has added a passkey.
    pub(super) async fn with_passkey(&self, email: &str, device: &mut Device) -> Browser<'_> {
        self.account(email).await;
        let mut browser = self.signed_in(email).await;
        let answer = browser.add_passkey(device).await;
        assert_eq!(answer.status, http::StatusCode::OK, "{}", answer.body);
        browser
    }

    /// A browser that the host has signed the account in on, by these methods.
    pub(super) async fn known(&self, email: &str, amr: &[&str]) -> Browser<'_> {
        let identifier = Identifier::Email(email.to_owned());
        let found = self.core.stores.users.credentials(&identifier).await;
        let user = found.expect("store").expect("user").0.id;
        let headers = http::HeaderMap::new();
        let request = SignInRequest {
            headers: &headers,
            address: None,
            remember: false,
        };
        let session = self.wing.sign_in(&user, amr, request).await;
        let cookies = session.expect("session").cookies();
        let pair = cookies[0].to_str().expect("text").split(';').next();
        let (name, value) = pair.and_then(|pair| pair.split_once('=')).expect("pair");
        let mut browser = self.browser();
        browser.cookies.insert(name.to_owned(), value.to_owned());
        browser
    }

    /// The names of the mails ordered since this was last asked, each with whom it goes to.
    pub(super) async fn told(&self) -> Vec<(String, Option<String>)> {
        let now = self.core.clock.now();
        let until = now + std::time::Duration::from_hours(1);
        let outbox = &self.core.stores.outbox;
        let due = outbox.take_due(crate::store::OutboxKind::Mail, now, until, 100);
        let due = due.await.expect("store");
        let orders = due.iter().map(|message| self.core.mails.open(message));
        let orders = orders.map(|order| order.expect("order"));
        orders.map(|order| (order.kind, order.to)).collect()
    }
}

impl Browser<'_> {
    /// The first half of a ceremony; it must begin.
    pub(super) async fn begin(&mut self, path: &str) -> Value {
        let answer = self.post_json(&format!("{path}/begin"), &json!({})).await;
        assert_eq!(answer.status, http::StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    pub(super) async fn finish(&mut self, path: &str, begun: &Value, credential: &Value) -> Answer {
        let reply = reply(begun, credential);
        self.post_json(&format!("{path}/finish"), &reply).await
    }

    pub(super) async fn add_passkey(&mut self, device: &mut Device) -> Answer {
        let begun = self.begin(PASSKEYS).await;
        let made = device.create(ORIGIN, &begun["publicKey"]).await;
        self.finish(PASSKEYS, &begun, &made).await
    }

    pub(super) async fn passkey_sign_in(&mut self, device: &mut Device) -> Answer {
        let begun = self.begin("/auth/login/passkey").await;
        let given = device.get(ORIGIN, &begun["publicKey"]).await;
        self.finish("/auth/login/passkey", &begun, &given).await
    }

    pub(super) async fn amr(&mut self) -> Value {
        self.get_json("/auth/session").await.json()["session"]["amr"].take()
    }
}
