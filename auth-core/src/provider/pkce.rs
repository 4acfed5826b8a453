//! Proof Key for Code Exchange (RFC 7636), S256 only.

use crate::ground::{Digest32, from_base64url};

use super::error::OAuthError;

/// A well-formed S256 `code_challenge`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct CodeChallenge(Digest32);

/// A `code_verifier` that fits the challenge of its code. Only the comparison makes one.
#[derive(Debug)]
pub(super) struct VerifiedPkce(());

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` of an authorization request. `plain` is refused, spelled out
    /// or by default (RFC 9700 §2.1.1): it protects nothing against whoever reads the request.
    pub(super) fn parse(challenge: &str, method: Option<&str>) -> Result<Self, OAuthError> {
        if method != Some("S256") {
            return Err(OAuthError::invalid_request(
                "code_challenge_method must be S256",
            ));
        }
        let digest = from_base64url(challenge).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        digest.map(Digest32::from_bytes).map(Self).ok_or_else(|| {
            OAuthError::invalid_request("code_challenge must be a base64url SHA-256 value")
        })
    }

    /// Checks a verifier: 43 to 128 unreserved characters (RFC 7636 §4.1) whose SHA-256 is the challenge.
    pub(super) fn verify(&self, verifier: &str) -> Option<VerifiedPkce> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        ((43..=128).contains(&verifier.len())
            && verifier.bytes().all(unreserved)
            && Digest32::of(verifier) == self.0)
            .then_some(VerifiedPkce(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_rfcs_own_pair_verifies_and_others_do_not() {
        let challenge = CodeChallenge::parse(CHALLENGE, Some("S256")).expect("valid");
        assert!(challenge.verify(VERIFIER).is_some());
        assert!(challenge.verify(CHALLENGE).is_none());
        assert!(challenge.verify("").is_none());
        assert!(challenge.verify(&"a".repeat(129)).is_none());
    }

    #[test]
    fn threat_38_plain_and_malformed_challenges_are_refused() {
        for (challenge, method) in [
            (CHALLENGE, None),
            (CHALLENGE, Some("plain")),
            (CHALLENGE, Some("s256")),
            ("short", Some("S256")),
            ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=", Some("S256")),
            (VERIFIER, None),
        ] {
            assert!(CodeChallenge::parse(challenge, method).is_err());
        }
    }
}
