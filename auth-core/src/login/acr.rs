//! How a person proved who they are, in the words of RFC 8176 (`amr`), and how strongly (`acr`).

/// `amr` of a password (RFC 8176 §2).
pub const PASSWORD: &str = "pwd";

/// `amr` of a link or code in a mail. RFC 8176 has no value for it and leaves others to the parties; `otp`, its nearest,
/// stays for authenticator apps, so that nobody takes a mail for a second factor (threat 19).
pub const EMAIL: &str = "email";

/// `amr` of a code from an authenticator app, or of a backup code in its place (RFC 8176 §2).
pub const ONE_TIME_PASSWORD: &str = "otp";

/// `amr` beside others when several factors were used (RFC 8176 §2).
pub const MULTIPLE_FACTORS: &str = "mfa";

/// `acr` of a sign-in with one factor. OpenID Connect Core §2 keeps only "0" for sign-ins that prove nothing.
pub const SINGLE_FACTOR_ACR: &str = "1";

/// `acr` of a sign-in with several factors.
pub const MULTI_FACTOR_ACR: &str = "2";

/// The `acr` that follows from the methods used.
pub(super) fn of(amr: &[String]) -> &'static str {
    if amr.iter().any(|method| method == MULTIPLE_FACTORS) {
        MULTI_FACTOR_ACR
    } else {
        SINGLE_FACTOR_ACR
    }
}
