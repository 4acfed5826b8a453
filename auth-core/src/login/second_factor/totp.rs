//! Authenticator apps: time-based one-time passwords (RFC 6238), six digits every 30 seconds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use crate::ground::{Digest32, Purpose, Timestamp};
use crate::login::LoginWing;
use crate::login::reply::account_name;
use crate::store::{FactorId, StoreError, TotpFactor, User, UserId};
use crate::web::Problem;

/// 160 bits: RFC 4226 §4 R6.
const SECRET_BYTES: usize = 20;

/// One step to either side: a slow hand, a clock that is off (RFC 6238 §5.2).
const SKEW: u16 = 1;

/// What the person sees of a secret, once. No `Debug`: it is the secret.
pub(super) struct Enrolment {
    pub(super) id: FactorId,
    /// Base32 in groups of four, to be typed.
    pub(super) secret: Zeroizing<String>,
    /// `otpauth://totp/…`.
    pub(super) uri: Zeroizing<String>,
    /// The same as an image, in a `data:` URL.
    pub(super) qr: Zeroizing<String>,
}

/// The seal holds for this user's enrolment alone.
fn context(user: &UserId, id: &FactorId) -> Digest32 {
    Digest32::of_parts(&[b"totp", user.as_str().as_bytes(), id.as_str().as_bytes()])
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(SKEW)
        .with_step_duration(30)
        .with_secret(secret)
}

fn generator(secret: &[u8]) -> Result<Totp, Problem> {
    builder(secret).build().map_err(|error| {
        tracing::error!(%error, "a TOTP secret cannot be used");
        Problem::internal()
    })
}

/// The time step whose code this is, within the skew. Spaces that apps show are left out.
fn step_of(totp: &Totp, code: &str, now: Timestamp) -> Option<u64> {
    let code: String = code
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(7)
        .collect();
    totp.check(&code, u64::try_from(now.seconds()).ok()?)
}

/// In groups of four, as people copy it.
fn grouped(secret: &str) -> String {
    let mut text = String::with_capacity(secret.len() * 5 / 4);
    for (index, character) in secret.chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push(' ');
        }
        text.push(character);
    }
    text
}

fn image(uri: &str) -> Result<String, Problem> {
    let code = QrCode::new(uri.as_bytes()).map_err(|error| {
        tracing::error!(%error, "a QR code cannot be drawn");
        Problem::internal()
    })?;
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(200, 200)
        .build();
    let text = STANDARD.encode(svg);
    Ok(format!("data:image/svg+xml;base64,{text}"))
}

/// `:` divides a label (otpauth key URI format), so it is in neither part.
fn label(text: &str) -> String {
    text.replace(':', " ")
}

impl LoginWing {
    /// Begins an enrolment; it counts once [confirmed](Self::confirm_totp). `None` where a confirmed one stands.
    pub(super) async fn begin_totp(
        &self,
        user: &User,
        now: Timestamp,
    ) -> Result<Option<Enrolment>, Problem> {
        let random = &*self.core.random;
        let secret = Zeroizing::new(random.bytes::<SECRET_BYTES>());
        let id = FactorId::new(random.id());
        let factor = TotpFactor {
            secret: self.seal_totp(&user.id, &id, &*secret)?,
            id,
            user_id: user.id.clone(),
            created_at: now,
            confirmed_at: None,
            last_step: None,
        };
        if !self.core.stores.factors.begin_totp(&factor).await? {
            return Ok(None);
        }
        self.enrolment(user, &factor).map(Some)
    }

    /// What to show of an enrolment that is not confirmed yet.
    pub(super) fn enrolment(&self, user: &User, factor: &TotpFactor) -> Result<Enrolment, Problem> {
        let secret = self.open_totp(factor)?;
        let totp = builder(&secret)
            .with_issuer(Some(label(self.core.pages.app_name())))
            .with_account_name(label(account_name(user)));
        let built = totp.build().and_then(|totp| {
            let uri = totp.to_url()?;
            Ok((totp.secret().to_base32(), uri))
        });
        let (secret, uri) = built.map_err(|error| {
            tracing::error!(%error, "an authenticator app cannot be set up");
            Problem::internal()
        })?;
        let (secret, uri) = (Zeroizing::new(secret), Zeroizing::new(uri));
        Ok(Enrolment {
            id: factor.id.clone(),
            qr: Zeroizing::new(image(&uri)?),
            secret: Zeroizing::new(grouped(&secret)),
            uri,
        })
    }

    /// The step a code belongs to, without spending it: whoever begins shows that the app has the secret.
    pub(super) fn totp_step(
        &self,
        factor: &TotpFactor,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<u64>, Problem> {
        let secret = self.open_totp(factor)?;
        Ok(step_of(&generator(&secret)?, code, now))
    }

    /// Whether a code is right and of no step spent before (threat 53). Spends it.
    pub(super) async fn spend_totp(
        &self,
        factor: &TotpFactor,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let secret = self.open_totp(factor)?;
        let Some(step) = step_of(&generator(&secret)?, code, now) else {
            return Ok(false);
        };
        let (factors, user) = (&self.core.stores.factors, &factor.user_id);
        if !factors.spend_totp_step(user, &factor.id, step).await? {
            return Ok(false);
        }
        if self.core.keys.is_stale(&factor.secret) {
            let sealed = self.seal_totp(user, &factor.id, &secret)?;
            factors.reseal_totp(user, &factor.id, &sealed).await?;
        }
        Ok(true)
    }

    fn seal_totp(&self, user: &UserId, id: &FactorId, secret: &[u8]) -> Result<Vec<u8>, Problem> {
        let core = &self.core;
        let context = context(user, id);
        let sealed = core.keys.seal(
            &*core.random,
            Purpose::TotpSecret,
            context.as_bytes(),
            secret,
        );
        Ok(sealed.map_err(|error| StoreError::corrupt("TOTP secret", error))?)
    }

    fn open_totp(&self, factor: &TotpFactor) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let context = context(&factor.user_id, &factor.id);
        let keys = &self.core.keys;
        let opened = keys.open(Purpose::TotpSecret, context.as_bytes(), &factor.secret);
        let opened = opened.map_err(|error| StoreError::corrupt("TOTP secret", error))?;
        Ok(Zeroizing::new(opened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 6238 appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_specification() {
        let totp = generator(b"12345678901234567890").expect("generator");
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let now = Timestamp::from_seconds(seconds);
            let step = u64::try_from(seconds).expect("positive") / 30;
            assert_eq!(step_of(&totp, code, now), Some(step), "{seconds}");
            let spaced = format!(" {} {}\n", &code[..3], &code[3..]);
            assert_eq!(step_of(&totp, &spaced, now), Some(step));
            assert_eq!(step_of(&totp, &format!("{code}1"), now), None);
        }
    }

    #[test]
    fn a_clock_may_be_off_by_one_step_and_no_more() {
        let totp = generator(b"12345678901234567890").expect("generator");
        let code = totp.generate(3000).to_string();
        for (seconds, fits) in [(2969, false), (2970, true), (3059, true), (3060, false)] {
            let found = step_of(&totp, &code, Timestamp::from_seconds(seconds));
            assert_eq!(found, fits.then_some(100), "{seconds}");
        }
    }

    #[test]
    fn a_secret_is_shown_in_groups() {
        assert_eq!(grouped("ABCDEFGHIJ"), "ABCD EFGH IJ");
        assert_eq!(label("A: B"), "A  B");
    }
}
