//! Initial access tokens (RFC 7591 §1.2): an operator's leave to register.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::refused::Refused;
use super::settings::RegistrationMode;
use crate::ground::{Digest32, Timestamp};
use crate::provider::ProviderWing;
use crate::provider::error::OAuthError;
use crate::provider::registry::RegistrationError;
use crate::provider::userinfo::bearer_header;
use crate::store::{OneTimeKind, OneTimeValue};
use crate::web::Exchange;

const KIND: OneTimeKind = OneTimeKind::RegistrationToken;

/// Uses are looked for one by one.
const MOST_USES: u32 = 100;
const LONGEST_LIFE: Duration = Duration::from_hours(24 * 366);

/// Who lets a client register.
pub(super) enum Authority {
    /// Nobody: registration is open.
    Nobody,
    /// A token without a count.
    Token,
    /// A token for so many registrations.
    Counted {
        digest: Digest32,
        uses: u32,
        ends: Timestamp,
    },
}

#[derive(Serialize, Deserialize)]
struct Payload {
    uses: Option<u32>,
}

impl ProviderWing {
    /// Makes an initial access token, good for `life` (a year at most) and for so many registrations (1 to 100), or any
    /// number. Shown this once: what is stored is a digest.
    ///
    /// # Errors
    /// [`RegistrationError::Metadata`] for figures that cannot be, or while registration is closed; the store's.
    pub async fn issue_registration_token(
        &self,
        life: Duration,
        uses: Option<u32>,
    ) -> Result<Zeroizing<String>, RegistrationError> {
        let fail = |problem: &'static str| Err(OAuthError::invalid_request(problem).into());
        if self.settings.registration.mode == RegistrationMode::Closed {
            return fail("registration is closed");
        }
        if life < Duration::from_secs(1) || life > LONGEST_LIFE {
            return fail("life must be between a second and a year");
        }
        if uses.is_some_and(|uses| uses == 0 || uses > MOST_USES) {
            return fail("uses must be between 1 and 100");
        }
        let token = Zeroizing::new(self.core.random.secret());
        let ends = self.core.clock.now() + life;
        let value = OneTimeValue {
            kind: KIND,
            key: Digest32::of(&*token),
            payload: self.seal_payload(KIND, &Payload { uses })?,
            expires_at: ends,
            keep_until: ends,
        };
        self.core.stores.one_time.put(&value).await?;
        Ok(token)
    }

    /// Who lets this request register. A token that is shown must be good, also where none is needed.
    pub(super) async fn registration_authority(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<Authority, Refused> {
        let settings = &self.settings.registration;
        let Some(token) = bearer_header(exchange)? else {
            return match settings.mode {
                RegistrationMode::Open => Ok(Authority::Nobody),
                _ => Err(Refused::NoToken),
            };
        };
        let digest = Digest32::of(&token);
        // Compared with each, in constant time.
        if settings.tokens.iter().filter(|own| **own == digest).count() > 0 {
            return Ok(Authority::Token);
        }
        let found = self.core.stores.one_time.peek(KIND, &digest, exchange.now);
        let found = found.await?.ok_or_else(Refused::wrong_token)?;
        let Payload { uses } = self.open_payload(KIND, &found.payload)?;
        Ok(match uses {
            None => Authority::Token,
            Some(uses) => Authority::Counted {
                digest,
                uses,
                ends: found.expires_at,
            },
        })
    }

    /// Spends one use. Each is claimed by one registration alone, so of many at once no more pass than there are uses
    /// (threat 12).
    pub(super) async fn spend_authority(
        &self,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let Authority::Counted { digest, uses, ends } = authority else {
            return Ok(());
        };
        let claims = &self.core.stores.claims;
        for index in 0..*uses {
            let key = Digest32::of_parts(&[digest.as_bytes(), &index.to_be_bytes()]);
            if claims.claim_once(KIND, &key, now, *ends).await? {
                return Ok(());
            }
        }
        Err(Refused::wrong_token())
    }
}
