//! The embedded templates, grouped by wing so that a build carries only the pages it serves.

/// A template: its name among templates, its source.
type Template = (&'static str, &'static str);

macro_rules! embedded {
    ($($folder:literal $name:literal),+ $(,)?) => {
        &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $folder, $name)),
        )),+]
    };
}

/// The layout, the macros the pages share, and the page any wing may need.
const SHARED: &[Template] = embedded!["" "base.html", "" "parts.html", "" "error.html"];

#[cfg(feature = "login")]
const LOGIN: &[Template] = embedded![
    "login/" "login.html",
    "login/" "register.html",
    "login/" "logout.html",
    "login/" "signed_out.html",
    "login/" "account.html",
    "login/" "delete_account.html",
    "login/" "dev_mail.html",
    "login/email/" "confirm.html",
    "login/email/" "email_sign_in.html",
    "login/email/" "email_code.html",
    "login/email/" "forgot_password.html",
    "login/email/" "reset_password.html",
    "login/email/" "change_email.html",
    "login/email/" "confirm_email_change.html",
    "login/email/" "stop_email_change.html",
    "login/email/" "unlock.html",
    "login/second_factor/" "second_factor.html",
    "login/second_factor/" "totp_enrol.html",
    "login/second_factor/" "backup_codes.html",
    "login/second_factor/" "two_factor.html",
    "login/second_factor/" "step_up.html",
];
#[cfg(not(feature = "login"))]
const LOGIN: &[Template] = &[];

#[cfg(feature = "passkeys")]
const PASSKEYS: &[Template] = embedded!["login/" "passkeys.html"];
#[cfg(not(feature = "passkeys"))]
const PASSKEYS: &[Template] = &[];

#[cfg(feature = "federation")]
const FEDERATION: &[Template] = embedded![
    "login/federation/" "identities.html",
    "login/federation/" "link_first.html",
    "login/federation/" "confirm_identity.html",
    "login/federation/" "upstream_problem.html",
];
#[cfg(not(feature = "federation"))]
const FEDERATION: &[Template] = &[];

#[cfg(feature = "workos")]
const HOSTED: &[Template] = embedded!["login/" "hosted_refresh.html"];
#[cfg(not(feature = "workos"))]
const HOSTED: &[Template] = &[];

#[cfg(feature = "provider")]
const PROVIDER: &[Template] = embedded![
    "provider/" "consent.html",
    "provider/" "choose_account.html",
    "provider/" "grants.html",
    "provider/" "end_session.html",
    "provider/" "end_session_done.html",
    "provider/" "front_channel_logout.html",
    "provider/" "form_post.html",
];
#[cfg(not(feature = "provider"))]
const PROVIDER: &[Template] = &[];

/// Every template of this build.
pub(super) fn all() -> impl Iterator<Item = &'static Template> {
    SHARED
        .iter()
        .chain(LOGIN)
        .chain(PASSKEYS)
        .chain(FEDERATION)
        .chain(HOSTED)
        .chain(PROVIDER)
}
