//! What WorkOS wants to see before it gives tokens.

/// Why it says no, as far as that is told apart. Closed: nothing that WorkOS wrote is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// A sign-in by the organization's own means.
    Sso,
    /// A second factor there.
    Mfa,
    /// A choice of organization.
    Organization,
    /// A confirmed address.
    Email,
    /// Whatever it is, asking the person helps nothing.
    Other,
}

impl Denial {
    /// By the code of WorkOS's answer.
    pub(super) fn of(code: Option<&str>) -> Self {
        match code {
            Some("sso_required" | "organization_authentication_methods_required") => Self::Sso,
            Some("mfa_enrollment" | "mfa_challenge") => Self::Mfa,
            Some("organization_selection_required") => Self::Organization,
            Some("email_verification_required") => Self::Email,
            _ => Self::Other,
        }
    }

    /// What it is called where an organization was asked for.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Sso => "sso_required",
            Self::Mfa => "mfa_required",
            Self::Organization => "organization_required",
            Self::Email => "email_unverified",
            Self::Other => "organization_refused",
        }
    }

    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Sso => "This organization wants you to sign in to it in its own way.",
            Self::Mfa => "This organization wants a second factor. Sign in to it to show one.",
            Self::Organization => "Choose an organization: sign in again.",
            Self::Email => {
                "Your e-mail address has to be confirmed first. Sign in again to do that."
            }
            Self::Other => {
                "You cannot act for this organization. Choose another one, or sign in to it."
            }
        }
    }

    /// Why a session ended of which it was asked.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Other => "refresh_refused",
            known => known.code(),
        }
    }
}
