//! The closed list of mails.

macro_rules! mail_kinds {
    ($(#[doc = $doc:literal] $variant:ident = $name:literal,)+) => {
        /// What a mail is about; names its templates (`mail/<name>.html`, `mail/<name>.txt`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum MailKind {
            $(#[doc = $doc] $variant,)+
        }

        impl MailKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name hosts override its templates by. Never changes: it stands in the outbox.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

mail_kinds! {
    /// Confirm an address: link `url`, six digits `code`.
    Confirmation = "confirmation",
    /// Somebody tried to register an address that has an account.
    AlreadyRegistered = "already_registered",
    /// Set a new password: link `url`.
    PasswordReset = "password_reset",
    /// Sign in: link `url`, six digits `code`.
    MagicLink = "magic_link",
    /// Sign in: six digits `code`.
    SignInCode = "sign_in_code",
    /// Confirm who is signed in: six digits `code`.
    StepUpCode = "step_up_code",
    /// To the new address: confirm it by the link `url` or the six digits `code`.
    EmailChangeConfirm = "email_change_confirm",
    /// To the old address: another one was asked for; `url` stops it.
    EmailChangeNotice = "email_change_notice",
    /// To the old address: it was replaced.
    EmailChangeDone = "email_change_done",
    /// The password was changed or set.
    PasswordChanged = "password_changed",
    /// A sign-in from a device not seen before: `device`, `address`, `at`.
    NewDevice = "new_device",
    /// The account is locked after failures; `url` unlocks it.
    LockedOut = "locked_out",
    /// An authenticator app was enrolled.
    MfaOn = "mfa_on",
    /// The second factor was removed.
    MfaOff = "mfa_off",
    /// A backup code was used; `left` remain.
    BackupCodeUsed = "backup_code_used",
    /// A passkey was added: `name`.
    PasskeyAdded = "passkey_added",
    /// A passkey was removed: `name`.
    PasskeyRemoved = "passkey_removed",
    /// A provider was linked: `provider`.
    ProviderLinked = "provider_linked",
    /// A provider was unlinked: `provider`.
    ProviderUnlinked = "provider_unlinked",
    /// The end of the account was scheduled: `at`; `url` leads to where it can be cancelled.
    DeletionScheduled = "deletion_scheduled",
    /// It was cancelled.
    DeletionCancelled = "deletion_cancelled",
    /// The account has ended.
    DeletionDone = "deletion_done",
}
