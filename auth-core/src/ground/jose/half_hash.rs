//! `at_hash`, `c_hash` and `s_hash`.

use super::{Algorithm, encoding};

/// The left half of the hash of `value`, base64url: what `at_hash` and `c_hash` hold
/// (`OpenID Connect` Core 1.0 sections 3.1.3.6 and 3.3.2.11). The hash is the one inside `algorithm`.
pub fn left_half_hash(algorithm: Algorithm, value: &str) -> String {
    let digest = aws_lc_rs::digest::digest(algorithm.digest(), value.as_bytes());
    let (left, _) = digest.as_ref().split_at(digest.as_ref().len() / 2);
    encoding::encode(left)
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, left_half_hash};

    /// `OpenID Connect` Core 1.0 appendices A.3 and A.4.
    #[test]
    fn openid_connect_core_examples() {
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(
            left_half_hash(Algorithm::Rs256, token),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
        assert_eq!(
            left_half_hash(Algorithm::Rs256, code),
            "LDktKdoQak3Pk0cnXxCltA"
        );
    }

    #[test]
    fn length_follows_the_algorithm() {
        for (algorithm, bytes) in [
            (Algorithm::Es256, 16),
            (Algorithm::Ps384, 24),
            (Algorithm::Es512, 32),
            (Algorithm::EdDsa, 32),
        ] {
            assert_eq!(
                left_half_hash(algorithm, "x").len(),
                super::encoding::encoded_len(bytes)
            );
        }
    }
}
