//! How a person proved who they are, in the words of RFC 8176 (`amr`), and how strongly (`acr`).

/// `amr` of a password (RFC 8176 §2).
pub const PASSWORD: &str = "pwd";

/// `amr` of a link or code in a mail. RFC 8176 has no value for it and leaves others to the parties; `otp`, its nearest,
/// stays for authenticator apps, so that nobody takes a mail for a second factor (threat 19).
pub const EMAIL: &str = "email";

/// `amr` of a sign-in at another provider. RFC 8176 has no value for it; this one is in wide use.
pub const FEDERATED: &str = "fed";

/// `amr` of a sign-in at a hosted sign-in page, whose provider is asked whether the session still stands. Of no RFC: it
/// stands beside the methods used.
#[cfg(feature = "workos")]
pub const HOSTED: &str = "hosted";

/// `amr` of a code from an authenticator app, or of a backup code in its place (RFC 8176 §2).
pub const ONE_TIME_PASSWORD: &str = "otp";

/// `amr` of a key that stays in its device (RFC 8176 §2).
pub const HARDWARE_KEY: &str = "hwk";

/// `amr` of a key that is synced between devices (RFC 8176 §2).
pub const SOFTWARE_KEY: &str = "swk";

/// `amr` of somebody who was there (RFC 8176 §2).
pub const USER_PRESENCE: &str = "user";

/// `amr` beside others when several factors were used (RFC 8176 §2).
pub const MULTIPLE_FACTORS: &str = "mfa";

/// `acr` of a sign-in with one factor. OpenID Connect Core §2 keeps only "0" for sign-ins that prove nothing.
pub const SINGLE_FACTOR_ACR: &str = "1";

/// `acr` of a sign-in with several factors.
pub const MULTI_FACTOR_ACR: &str = "2";

/// Whether nothing but a passkey was given. Whose methods nobody knows may have had one as well.
pub(super) fn is_passkey_alone(amr: &[String]) -> bool {
    let of_passkeys = [HARDWARE_KEY, SOFTWARE_KEY, USER_PRESENCE, MULTIPLE_FACTORS];
    amr.iter().all(|method| of_passkeys.contains(&&**method))
}

/// Whether several factors were given.
pub(super) fn is_several(amr: &[String]) -> bool {
    amr.iter().any(|method| method == MULTIPLE_FACTORS)
}

/// Whether it says where a session comes from, which no other proof changes.
pub(super) fn is_lasting(method: &str) -> bool {
    #[cfg(feature = "workos")]
    let is_lasting = method == HOSTED;
    #[cfg(not(feature = "workos"))]
    let is_lasting = {
        let _ = method;
        false
    };
    is_lasting
}

/// The `acr` that follows from the methods used.
pub(super) fn of(amr: &[String]) -> &'static str {
    if is_several(amr) {
        MULTI_FACTOR_ACR
    } else {
        SINGLE_FACTOR_ACR
    }
}
