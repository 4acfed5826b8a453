//! Whether a verified token is for us, and for now (RFC 7519 section 4.1, RFC 8725 sections 3.8 and 3.9).

use super::{Claims, JoseError};

/// What to hold the registered claims against. Times are in seconds; the caller has the clock.
///
/// ```text
/// let check = ClaimsCheck { issuer: Some(issuer), audience: Some(&[client_id]), ..ClaimsCheck::at(now) };
/// check.check(&verified.claims_object()?)?;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ClaimsCheck<'a> {
    /// `iss` has to be exactly this. `None`: not looked at.
    pub issuer: Option<&'a str>,
    /// `aud` has to name one of these; an empty slice refuses every token. `None`: not looked at.
    pub audience: Option<&'a [&'a str]>,
    /// The time, in seconds since 1970.
    pub now_seconds: i64,
    /// How far the clocks may be apart, in seconds.
    pub leeway_seconds: i64,
    /// How far `iat` and `nbf` may lie ahead where that is more than the leeway: see [`own`](Self::own).
    pub ahead_seconds: i64,
    /// Whether `exp` has to be there. It counts whenever it is.
    pub require_exp: bool,
    /// `exp` may be at most this far away: bounds how long a `jti` has to be remembered.
    pub max_lifetime_seconds: Option<i64>,
    /// Whether `iat` has to be there. It may not be in the future.
    pub require_iat: bool,
    /// `iat` has to be there and at most this long ago: for proofs made on the spot.
    pub max_age_seconds: Option<i64>,
}

impl ClaimsCheck<'_> {
    /// The strict start: `exp` required, no leeway; issuer and audience are the caller's to set.
    pub fn at(now_seconds: i64) -> Self {
        Self {
            issuer: None,
            audience: None,
            now_seconds,
            leeway_seconds: 0,
            ahead_seconds: 0,
            require_exp: true,
            max_lifetime_seconds: None,
            require_iat: false,
            max_age_seconds: None,
        }
    }

    /// For tokens that another node of this very app may have made, on a clock ahead of ours by ten minutes at most:
    /// nobody else can have dated them. Their end stays exact.
    pub fn own(now_seconds: i64) -> Self {
        Self {
            ahead_seconds: 600,
            ..Self::at(now_seconds)
        }
    }

    /// Holds the claims against it: issuer, audience, then times.
    ///
    /// # Errors
    /// The first claim that fails: [`JoseError::MissingClaim`], [`JoseError::WrongClaimType`],
    /// [`JoseError::ClaimOutOfRange`], [`JoseError::IssuerMismatch`], [`JoseError::AudienceMismatch`],
    /// [`JoseError::Expired`], [`JoseError::LifetimeTooLong`], [`JoseError::NotYetValid`],
    /// [`JoseError::IssuedInFuture`], [`JoseError::TooOld`].
    pub fn check(&self, claims: &Claims) -> Result<(), JoseError> {
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        self.check_expiry(claims)?;
        self.check_not_before(claims)?;
        self.check_issued_at(claims)
    }

    fn check_issuer(&self, claims: &Claims) -> Result<(), JoseError> {
        match self.issuer {
            Some(issuer) if claims.require_str("iss")? != issuer => Err(JoseError::IssuerMismatch),
            _ => Ok(()),
        }
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), JoseError> {
        let Some(expected) = self.audience else {
            return Ok(());
        };
        let audiences = claims.audiences()?;
        if audiences.is_empty() {
            return Err(JoseError::MissingClaim("aud"));
        }
        if audiences.iter().any(|audience| expected.contains(audience)) {
            Ok(())
        } else {
            Err(JoseError::AudienceMismatch)
        }
    }

    /// "On or after which the JWT MUST NOT be accepted" (section 4.1.4).
    fn check_expiry(&self, claims: &Claims) -> Result<(), JoseError> {
        let must_be_there = self.require_exp || self.max_lifetime_seconds.is_some();
        let Some(exp) = claims.optional_time("exp")? else {
            return if must_be_there {
                Err(JoseError::MissingClaim("exp"))
            } else {
                Ok(())
            };
        };
        if self.now_seconds.saturating_sub(self.leeway_seconds) >= exp {
            return Err(JoseError::Expired);
        }
        match self.max_lifetime_seconds {
            Some(lifetime) if exp.saturating_sub(self.latest_now()) > lifetime => {
                Err(JoseError::LifetimeTooLong)
            }
            _ => Ok(()),
        }
    }

    fn check_not_before(&self, claims: &Claims) -> Result<(), JoseError> {
        match claims.optional_time("nbf")? {
            Some(nbf) if nbf > self.latest_start() => Err(JoseError::NotYetValid),
            _ => Ok(()),
        }
    }

    fn check_issued_at(&self, claims: &Claims) -> Result<(), JoseError> {
        let must_be_there = self.require_iat || self.max_age_seconds.is_some();
        let Some(iat) = claims.optional_time("iat")? else {
            return if must_be_there {
                Err(JoseError::MissingClaim("iat"))
            } else {
                Ok(())
            };
        };
        if iat > self.latest_start() {
            return Err(JoseError::IssuedInFuture);
        }
        let age = self
            .now_seconds
            .saturating_sub(self.leeway_seconds)
            .saturating_sub(iat);
        match self.max_age_seconds {
            Some(max_age) if age > max_age => Err(JoseError::TooOld),
            _ => Ok(()),
        }
    }

    fn latest_start(&self) -> i64 {
        let ahead = self.leeway_seconds.max(self.ahead_seconds);
        self.now_seconds.saturating_add(ahead)
    }

    /// The time on a clock that runs ahead of ours by the leeway.
    fn latest_now(&self) -> i64 {
        self.now_seconds.saturating_add(self.leeway_seconds)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Claims, ClaimsCheck, JoseError};

    fn check(check: &ClaimsCheck<'_>, claims: &Value) -> Result<(), JoseError> {
        check.check(&Claims::new(claims.as_object().unwrap().clone()))
    }

    #[test]
    fn issuer_and_audience() {
        let rule = ClaimsCheck {
            issuer: Some("i"),
            audience: Some(&["a", "b"]),
            ..ClaimsCheck::at(10)
        };
        assert_eq!(
            check(&rule, &json!({ "iss": "i", "aud": ["x", "b"], "exp": 11 })),
            Ok(())
        );
        assert_eq!(
            check(&rule, &json!({ "iss": "I", "aud": "a", "exp": 11 })),
            Err(JoseError::IssuerMismatch)
        );
        assert_eq!(
            check(&rule, &json!({ "iss": ["i"], "aud": "a", "exp": 11 })),
            Err(JoseError::WrongClaimType("iss"))
        );
        assert_eq!(
            check(&rule, &json!({ "aud": "a", "exp": 11 })),
            Err(JoseError::MissingClaim("iss"))
        );
        assert_eq!(
            check(&rule, &json!({ "iss": "i", "aud": "A", "exp": 11 })),
            Err(JoseError::AudienceMismatch)
        );
        assert_eq!(
            check(&rule, &json!({ "iss": "i", "exp": 11 })),
            Err(JoseError::MissingClaim("aud"))
        );
        assert_eq!(
            check(&rule, &json!({ "iss": "i", "aud": [], "exp": 11 })),
            Err(JoseError::MissingClaim("aud"))
        );
        let nobody = ClaimsCheck {
            audience: Some(&[]),
            ..ClaimsCheck::at(10)
        };
        assert_eq!(
            check(&nobody, &json!({ "aud": "a", "exp": 11 })),
            Err(JoseError::AudienceMismatch)
        );
    }

    #[test]
    fn own_tokens_may_come_from_a_clock_ahead_and_end_exactly() {
        let rule = ClaimsCheck::own(1000);
        for (start, answer) in [(1600, Ok(())), (1601, Err(JoseError::IssuedInFuture))] {
            assert_eq!(check(&rule, &json!({ "iat": start, "exp": 2000 })), answer);
        }
        let late = json!({ "nbf": 1601, "exp": 2000 });
        assert_eq!(check(&rule, &late), Err(JoseError::NotYetValid));
        assert_eq!(check(&rule, &json!({ "exp": 1001 })), Ok(()));
        assert_eq!(
            check(&rule, &json!({ "exp": 1000 })),
            Err(JoseError::Expired)
        );
    }

    #[test]
    fn times() {
        let rule = ClaimsCheck {
            leeway_seconds: 5,
            ..ClaimsCheck::at(100)
        };
        assert_eq!(
            check(&rule, &json!({ "exp": 96, "nbf": 105, "iat": 105 })),
            Ok(())
        );
        assert_eq!(check(&rule, &json!({ "exp": 95 })), Err(JoseError::Expired));
        assert_eq!(
            check(&rule, &json!({ "exp": 96, "nbf": 106 })),
            Err(JoseError::NotYetValid)
        );
        assert_eq!(
            check(&rule, &json!({ "exp": 96, "iat": 106 })),
            Err(JoseError::IssuedInFuture)
        );
        assert_eq!(
            check(&rule, &json!({})),
            Err(JoseError::MissingClaim("exp"))
        );
        let lax = ClaimsCheck {
            require_exp: false,
            ..rule
        };
        assert_eq!(check(&lax, &json!({})), Ok(()));
        assert_eq!(check(&lax, &json!({ "exp": 95 })), Err(JoseError::Expired));
        let proof = ClaimsCheck {
            max_age_seconds: Some(60),
            ..lax
        };
        assert_eq!(check(&proof, &json!({ "iat": 35 })), Ok(()));
        assert_eq!(check(&proof, &json!({ "iat": 34 })), Err(JoseError::TooOld));
        assert_eq!(
            check(&proof, &json!({})),
            Err(JoseError::MissingClaim("iat"))
        );
        let assertion = ClaimsCheck {
            max_lifetime_seconds: Some(60),
            ..lax
        };
        assert_eq!(check(&assertion, &json!({ "exp": 165 })), Ok(()));
        assert_eq!(
            check(&assertion, &json!({ "exp": 166 })),
            Err(JoseError::LifetimeTooLong)
        );
        assert_eq!(
            check(&assertion, &json!({})),
            Err(JoseError::MissingClaim("exp"))
        );
        let extreme = ClaimsCheck {
            leeway_seconds: i64::MAX,
            ..ClaimsCheck::at(i64::MIN)
        };
        assert_eq!(check(&extreme, &json!({ "exp": 1 })), Ok(()));
    }

    #[test]
    fn threat_20_wrong_types_are_refused_even_where_optional() {
        let rule = ClaimsCheck {
            require_exp: false,
            ..ClaimsCheck::at(10)
        };
        for name in ["exp", "nbf", "iat"] {
            for value in [
                json!("20"),
                json!(null),
                json!([20]),
                json!({ "v": 20 }),
                json!(true),
            ] {
                let mut claims = json!({});
                claims[name] = value;
                assert!(
                    matches!(check(&rule, &claims), Err(JoseError::WrongClaimType(claim)) if claim == name)
                );
            }
        }
    }
}
