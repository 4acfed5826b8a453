//! The closed list of pages.

use std::fmt;

macro_rules! page_names {
    ($(#[doc = $doc:literal] $(#[cfg($wing:meta)])? $variant:ident = $name:literal,)+) => {
        /// A page. The list is closed; pages of a wing exist with its feature.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum PageName {
            $(#[doc = $doc] $(#[cfg($wing)])? $variant,)+
        }

        impl PageName {
            /// Every page of this build.
            pub const ALL: &'static [Self] = &[$($(#[cfg($wing)])? Self::$variant,)+];

            /// The name hosts override the page by.
            pub const fn as_str(self) -> &'static str {
                match self { $($(#[cfg($wing)])? Self::$variant => $name,)+ }
            }

            /// The template's name among templates.
            pub(super) const fn file(self) -> &'static str {
                match self { $($(#[cfg($wing)])? Self::$variant => concat!($name, ".html"),)+ }
            }
        }
    };
}

page_names! {
    /// Something went wrong and the browser cannot be sent anywhere else.
    Error = "error",
    /// Sign in with a password, or confirm it for something sensitive.
    #[cfg(feature = "login")]
    Login = "login",
    /// Create an account.
    #[cfg(feature = "login")]
    Register = "register",
    /// Ask before signing out.
    #[cfg(feature = "login")]
    Logout = "logout",
    /// Signed out.
    #[cfg(feature = "login")]
    SignedOut = "signed_out",
    /// Profile, password and sessions of the person signed in.
    #[cfg(feature = "login")]
    Account = "account",
    /// The end of one's account, and what to take along.
    #[cfg(feature = "login")]
    DeleteAccount = "delete_account",
    /// What was sent, while developing.
    #[cfg(feature = "login")]
    DevelopmentMail = "dev_mail",
    /// The passkeys of the person signed in: add, rename, remove.
    #[cfg(feature = "passkeys")]
    Passkeys = "passkeys",
    /// The identities at other providers of the person signed in: link, unlink.
    #[cfg(feature = "federation")]
    Identities = "identities",
    /// An identity that nobody linked: sign in and link it, or make an account.
    #[cfg(feature = "federation")]
    LinkFirst = "link_first",
    /// Ask the person signed in whether to link an identity.
    #[cfg(feature = "federation")]
    ConfirmIdentity = "confirm_identity",
    /// Nothing came of a sign-in at another provider.
    #[cfg(feature = "federation")]
    UpstreamProblem = "upstream_problem",
    /// Confirm an address by the digits or the link of a mail.
    #[cfg(feature = "login")]
    Confirm = "confirm",
    /// Ask for a mail to sign in by.
    #[cfg(feature = "login")]
    EmailSignIn = "email_sign_in",
    /// Sign in by the digits or the link of a mail.
    #[cfg(feature = "login")]
    EmailCode = "email_code",
    /// Ask for a mail to set another password by.
    #[cfg(feature = "login")]
    ForgotPassword = "forgot_password",
    /// Set another password.
    #[cfg(feature = "login")]
    ResetPassword = "reset_password",
    /// Ask for another e-mail address.
    #[cfg(feature = "login")]
    ChangeEmail = "change_email",
    /// Confirm another e-mail address.
    #[cfg(feature = "login")]
    ConfirmEmailChange = "confirm_email_change",
    /// Stop a change of the e-mail address.
    #[cfg(feature = "login")]
    StopEmailChange = "stop_email_change",
    /// Unlock an account.
    #[cfg(feature = "login")]
    Unlock = "unlock",
    /// Ask for the second factor of a sign-in.
    #[cfg(feature = "login")]
    SecondFactor = "second_factor",
    /// Set up an authenticator app.
    #[cfg(feature = "login")]
    TotpEnrol = "totp_enrol",
    /// New backup codes, shown once.
    #[cfg(feature = "login")]
    BackupCodes = "backup_codes",
    /// The second factors of the person signed in.
    #[cfg(feature = "login")]
    TwoFactor = "two_factor",
    /// Prove again who one is, or by one more method.
    #[cfg(feature = "login")]
    StepUp = "step_up",
    /// Ask before a hosted sign-in is looked at anew.
    #[cfg(feature = "workos")]
    HostedRefresh = "hosted_refresh",
    /// Ask whether a client may have what it asks for.
    #[cfg(feature = "provider")]
    Consent = "consent",
    /// Ask whether to go on with the account signed in.
    #[cfg(feature = "provider")]
    ChooseAccount = "choose_account",
    /// The clients a person has allowed, each with a way to withdraw.
    #[cfg(feature = "provider")]
    Grants = "grants",
    /// Ask before ending the session a client asked to end (OpenID Connect RP-Initiated Logout 1.0 §2).
    #[cfg(feature = "provider")]
    EndSession = "end_session",
    /// The session a client asked to end has ended.
    #[cfg(feature = "provider")]
    EndSessionDone = "end_session_done",
    /// The same, with frames that tell clients of it (OpenID Connect Front-Channel Logout 1.0 §2).
    #[cfg(feature = "provider")]
    FrontChannelLogout = "front_channel_logout",
    /// Carries an authorization response in a form (OAuth 2.0 Form Post Response Mode §2).
    #[cfg(feature = "provider")]
    FormPost = "form_post",
}

impl fmt::Display for PageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
