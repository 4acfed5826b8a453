//! The key ring: sealing (AES-256-GCM) and keyed digests (HMAC-SHA-256) under the host's secret.
//!
//! One master secret gives a key per [`Purpose`] through HKDF (RFC 5869), so a value made for one use never
//! passes for another. The first secret writes; all of them read: rotate by putting a new one in front.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};

use super::{Digest32, Random, base64url, from_base64url};

/// What a derived key is for. Each has its own key; adding one never changes another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Per-form anti-forgery tokens.
    FormToken,
    /// Provider signing keys at rest.
    SigningKey,
    /// OAuth client secrets at rest (a keyed digest: an operator may have chosen a weak one).
    ClientSecret,
    /// Payloads of one-time values: authorization codes, pending interactions.
    OneTimePayload,
    /// The successor of a refresh token, kept for a client that lost the response.
    RefreshSuccessor,
    /// Throttle keys, so that a store holds no e-mail address or network address in clear.
    ThrottleKey,
    /// Messages in the outbox.
    OutboxPayload,
    /// What a browser's scripts may see of a sign-in (OpenID Connect Session Management 1.0).
    OpBrowserState,
    /// Secrets of authenticator apps.
    TotpSecret,
    /// Backup codes (a keyed digest: people type them, so they are short).
    BackupCode,
    /// Codes in mails (a keyed digest: six digits).
    MailCode,
    /// Sign-ins under way at another provider.
    UpstreamAttempt,
    /// Tokens of other providers.
    UpstreamTokens,
}

const PURPOSES: [Purpose; 13] = [
    Purpose::FormToken,
    Purpose::SigningKey,
    Purpose::ClientSecret,
    Purpose::OneTimePayload,
    Purpose::RefreshSuccessor,
    Purpose::ThrottleKey,
    Purpose::OutboxPayload,
    Purpose::OpBrowserState,
    Purpose::TotpSecret,
    Purpose::BackupCode,
    Purpose::MailCode,
    Purpose::UpstreamAttempt,
    Purpose::UpstreamTokens,
];

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::FormToken => b"form-token",
            Self::SigningKey => b"signing-key",
            Self::ClientSecret => b"client-secret",
            Self::OneTimePayload => b"one-time-payload",
            Self::RefreshSuccessor => b"refresh-successor",
            Self::ThrottleKey => b"throttle-key",
            Self::OutboxPayload => b"outbox-payload",
            Self::OpBrowserState => b"op-browser-state",
            Self::TotpSecret => b"totp-secret",
            Self::BackupCode => b"backup-code",
            Self::MailCode => b"mail-code",
            Self::UpstreamAttempt => b"upstream-attempt",
            Self::UpstreamTokens => b"upstream-tokens",
        }
    }
}

/// Why a ring could not be made or a value not be opened. No variant says which byte was wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// A master secret is under 32 bytes, or there is none.
    #[error("a secret must have at least 32 bytes; draw one with: openssl rand -base64 32")]
    SecretTooShort,
    /// The value was not sealed by this ring for this purpose and context, or was altered.
    #[error(
        "a sealed value does not open: altered, or sealed under a secret that is no longer in the ring"
    )]
    DoesNotOpen,
    /// The cryptographic library refused an operation that cannot fail with valid keys.
    #[error("the cryptographic library refused to seal")]
    Seal,
}

const KEY_ID_LEN: usize = 4;

struct Keys {
    id: [u8; KEY_ID_LEN],
    sealing: Vec<LessSafeKey>,
    macs: Vec<hmac::Key>,
}

/// Seals, opens and authenticates values. Cheap to clone; clones share their secrets, also when they are replaced. Has no
/// `Debug`: it is all secret.
#[derive(Clone)]
pub struct KeyRing {
    // Never empty; the first one writes.
    keys: Arc<RwLock<Arc<[Keys]>>>,
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &hkdf::Prk, info: &[&[u8]]) -> Result<[u8; 32], KeyRingError> {
    let mut out = [0; 32];
    prk.expand(info, Length(32))
        .and_then(|okm| okm.fill(&mut out))
        .map_err(|_| KeyRingError::Seal)?;
    Ok(out)
}

impl Keys {
    fn derive(secret: &[u8]) -> Result<Self, KeyRingError> {
        if secret.len() < 32 {
            return Err(KeyRingError::SecretTooShort);
        }
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"auth-core key ring v1").extract(secret);
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&expand(&prk, &[b"id"])?[..KEY_ID_LEN]);
        let mut sealing = Vec::with_capacity(PURPOSES.len());
        let mut macs = Vec::with_capacity(PURPOSES.len());
        for purpose in PURPOSES {
            let key = expand(&prk, &[b"seal", purpose.info()])?;
            let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| KeyRingError::Seal)?;
            sealing.push(LessSafeKey::new(key));
            let key = expand(&prk, &[b"mac", purpose.info()])?;
            macs.push(hmac::Key::new(hmac::HMAC_SHA256, &key));
        }
        Ok(Self { id, sealing, macs })
    }

    fn sealing(&self, purpose: Purpose) -> &LessSafeKey {
        &self.sealing[purpose as usize]
    }

    fn mac(&self, purpose: Purpose, data: &[u8]) -> Digest32 {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.macs[purpose as usize], data).as_ref());
        Digest32::from_bytes(out)
    }
}

impl KeyRing {
    /// A ring over master secrets of 32 bytes or more each. The first writes, every one reads.
    ///
    /// # Errors
    /// [`KeyRingError::SecretTooShort`] when there is none or one is too short.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, KeyRingError> {
        let keys = secrets
            .into_iter()
            .map(|secret| Keys::derive(secret.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyRingError::SecretTooShort);
        }
        Ok(Self {
            keys: Arc::new(RwLock::new(keys.into())),
        })
    }

    /// Takes over the secrets of another ring, for every clone of this one at once.
    pub fn replace(&self, other: &Self) {
        let keys = other.keys();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn keys(&self) -> Arc<[Keys]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Encrypts and authenticates `plaintext` for `purpose`, tied to `context` (which is not stored and must be given
    /// again to open). The result is `key id ‖ nonce ‖ ciphertext`.
    pub fn seal(
        &self,
        random: &dyn Random,
        purpose: Purpose,
        context: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, KeyRingError> {
        let ring = self.keys();
        let keys = &ring[0];
        let nonce = random.bytes::<NONCE_LEN>();
        let mut sealed = Vec::with_capacity(KEY_ID_LEN + NONCE_LEN + plaintext.len() + 16);
        sealed.extend_from_slice(&keys.id);
        sealed.extend_from_slice(&nonce);
        let mut body = plaintext.to_vec();
        keys.sealing(purpose)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut body,
            )
            .map_err(|_| KeyRingError::Seal)?;
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) made with the same purpose and context, under any secret of the ring.
    pub fn open(
        &self,
        purpose: Purpose,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, KeyRingError> {
        let (id, rest) = sealed
            .split_first_chunk::<KEY_ID_LEN>()
            .ok_or(KeyRingError::DoesNotOpen)?;
        let (nonce, body) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(KeyRingError::DoesNotOpen)?;
        for keys in self.keys().iter().filter(|keys| keys.id == *id) {
            let mut body = body.to_vec();
            let opened = keys.sealing(purpose).open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context),
                &mut body,
            );
            if let Ok(plaintext) = opened {
                return Ok(plaintext.to_vec());
            }
        }
        Err(KeyRingError::DoesNotOpen)
    }

    /// Whether `sealed` was written under a secret other than the first one and should be sealed anew.
    pub fn is_stale(&self, sealed: &[u8]) -> bool {
        !sealed.starts_with(&self.keys()[0].id)
    }

    /// A keyed digest of `data` as text, `key id . HMAC-SHA-256`, safe for values of little entropy.
    pub fn mac(&self, purpose: Purpose, data: &[u8]) -> String {
        let ring = self.keys();
        let keys = &ring[0];
        format!(
            "{}.{}",
            base64url(&keys.id),
            keys.mac(purpose, data).to_text()
        )
    }

    /// Whether `mac` is what [`mac`](Self::mac) gives for `data` under any secret of the ring. Constant time in the digest.
    pub fn verify_mac(&self, purpose: Purpose, data: &[u8], mac: &str) -> bool {
        let Some((id, digest)) = mac.split_once('.') else {
            return false;
        };
        let (Some(id), Some(digest)) = (from_base64url(id), Digest32::from_text(digest)) else {
            return false;
        };
        self.keys()
            .iter()
            .filter(|keys| keys.id == *id)
            .any(|keys| keys.mac(purpose, data) == digest)
    }

    /// A keyed digest under the first secret alone, for keys that need only last minutes (throttles).
    pub fn keyed_digest(&self, purpose: Purpose, data: &[u8]) -> Digest32 {
        self.keys()[0].mac(purpose, data)
    }

    /// The keyed digests of `data` under every secret of the ring, the first one's first: for a value kept as the digest
    /// it was looked up by, which may have been written before a rotation.
    pub fn keyed_digests(&self, purpose: Purpose, data: &[u8]) -> Vec<Digest32> {
        let ring = self.keys();
        ring.iter().map(|keys| keys.mac(purpose, data)).collect()
    }

    /// A keyed digest of nothing: no data has it, and to verify it costs what a real one costs.
    pub fn mac_of_nothing(&self) -> String {
        let nothing = Digest32::from_bytes([0; 32]);
        format!("{}.{}", base64url(&self.keys()[0].id), nothing.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::super::SystemRandom;
    use super::*;

    fn ring(secrets: &[[u8; 32]]) -> KeyRing {
        KeyRing::new(secrets).expect("valid secrets")
    }

    #[test]
    fn purposes_stand_at_their_index() {
        for (index, purpose) in PURPOSES.into_iter().enumerate() {
            assert_eq!(purpose as usize, index);
        }
    }

    #[test]
    fn opens_only_with_the_same_purpose_and_context() {
        let ring = ring(&[[1; 32]]);
        let sealed = ring
            .seal(&SystemRandom, Purpose::SigningKey, b"kid-1", b"private")
            .expect("seals");
        assert_eq!(
            ring.open(Purpose::SigningKey, b"kid-1", &sealed)
                .expect("opens"),
            b"private"
        );
        assert!(ring.open(Purpose::SigningKey, b"kid-2", &sealed).is_err());
        assert!(
            ring.open(Purpose::OneTimePayload, b"kid-1", &sealed)
                .is_err()
        );
        let mut altered = sealed.clone();
        *altered.last_mut().expect("not empty") ^= 1;
        assert!(ring.open(Purpose::SigningKey, b"kid-1", &altered).is_err());
        assert!(
            ring.open(Purpose::SigningKey, b"kid-1", &sealed[..7])
                .is_err()
        );
    }

    #[test]
    fn rotation_keeps_old_values_readable() {
        let old = ring(&[[1; 32]]);
        let new = ring(&[[2; 32], [1; 32]]);
        let sealed = old
            .seal(&SystemRandom, Purpose::SigningKey, b"", b"x")
            .expect("seals");
        let mac = old.mac(Purpose::ClientSecret, b"s3cret");
        assert_eq!(
            new.open(Purpose::SigningKey, b"", &sealed).expect("opens"),
            b"x"
        );
        assert!(new.is_stale(&sealed) && !old.is_stale(&sealed));
        assert!(new.verify_mac(Purpose::ClientSecret, b"s3cret", &mac));
        assert!(!new.verify_mac(Purpose::ClientSecret, b"other", &mac));
        assert!(!new.verify_mac(Purpose::ThrottleKey, b"s3cret", &mac));
        assert!(!ring(&[[2; 32]]).verify_mac(Purpose::ClientSecret, b"s3cret", &mac));
    }

    #[test]
    fn replacing_reaches_every_clone() {
        let (in_use, next) = (ring(&[[1; 32]]), ring(&[[2; 32], [1; 32]]));
        let clone = in_use.clone();
        let sealed = in_use
            .seal(&SystemRandom, Purpose::SigningKey, b"", b"x")
            .expect("seals");
        in_use.replace(&next);
        assert!(clone.is_stale(&sealed));
        assert!(clone.open(Purpose::SigningKey, b"", &sealed).is_ok());
        let mac = clone.mac(Purpose::ClientSecret, b"s3cret");
        assert!(next.verify_mac(Purpose::ClientSecret, b"s3cret", &mac));
    }

    #[test]
    fn a_rotated_ring_finds_digests_from_before() {
        let (old, new) = (ring(&[[1; 32]]), ring(&[[2; 32], [1; 32]]));
        let before = old.keyed_digest(Purpose::BackupCode, b"code");
        let after = new.keyed_digests(Purpose::BackupCode, b"code");
        assert_eq!(
            after,
            [new.keyed_digest(Purpose::BackupCode, b"code"), before]
        );
        assert!(
            !new.keyed_digests(Purpose::MailCode, b"code")
                .contains(&before)
        );
    }

    #[test]
    fn nothing_has_the_mac_of_nothing() {
        let ring = ring(&[[1; 32]]);
        let mac = ring.mac_of_nothing();
        assert_eq!(mac.len(), ring.mac(Purpose::ClientSecret, b"").len());
        assert!(!ring.verify_mac(Purpose::ClientSecret, b"", &mac));
    }

    #[test]
    fn short_or_missing_secrets_are_refused() {
        assert!(KeyRing::new([b"short".as_slice()]).is_err());
        assert!(KeyRing::new(Vec::<Vec<u8>>::new()).is_err());
    }
}
