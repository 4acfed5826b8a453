//! What must happen before a code may be issued: a pure function of the request, the account and what has happened.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::account::SignedInAccount;
use super::super::client::ClientMetadata as _;
use super::super::error::OAuthError;
use super::prompt::{ClaimsParameter, PromptValue};
use super::request::{AuthorizationRequest, Checked};
use crate::ground::Timestamp;
use crate::store::Consent;

/// What happened since the request arrived; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::provider) struct Progress {
    /// When it was laid aside for the person. Whoever proves who they are from here on did so for it. `None` while the
    /// request is being read: no sign-in can be its answer yet.
    pub(in crate::provider) began_at: Option<Timestamp>,
    /// The account confirmed on the provider's own page.
    pub(in crate::provider) account_chosen: Option<String>,
    /// Somebody signed in for it, and was led on to confirm what that did not show.
    pub(in crate::provider) confirmation_asked: bool,
}

impl Progress {
    /// Whether the person proved for this request who they are.
    fn saw_proof(&self, account: &SignedInAccount) -> bool {
        self.began_at
            .is_some_and(|began| account.auth_time >= began)
    }

    /// Whether the person signed in for this request, whatever that proved.
    pub(super) fn saw_sign_in(&self, account: &SignedInAccount) -> bool {
        let signed_in = |began| account.signed_in_at >= began;
        self.saw_proof(account) || self.began_at.is_some_and(signed_in)
    }
}

/// What a sign-in is wanted for; see [`SignInRequest`](super::super::SignInRequest).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::provider) struct SignIn {
    pub(super) reauthenticate: bool,
    pub(super) select_account: bool,
    pub(super) create: bool,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Next {
    /// Somebody must sign in, or sign in again.
    SignIn(SignIn),
    /// The person must say that the account signed in is the one meant.
    ChooseAccount,
    /// The person must be asked; these scopes are new.
    Consent(BTreeSet<String>),
    /// Nothing is missing.
    Issue,
    /// What is asked cannot be had.
    Refuse(OAuthError),
}

impl Next {
    /// The step for a request that allows no page (`prompt=none`): all but [`Next::Issue`] is an error (OpenID Connect
    /// Core §3.1.2.6).
    pub(super) fn without_pages(self) -> Self {
        Self::Refuse(match self {
            Self::Issue => return Self::Issue,
            Self::Refuse(error) => error,
            Self::SignIn(_) => OAuthError::login_required("the user must sign in"),
            Self::ChooseAccount => {
                OAuthError::account_selection_required("the user must choose an account")
            }
            Self::Consent(_) => OAuthError::consent_required("the user must be asked for consent"),
        })
    }
}

/// All steps. `remembered` is the consent the account gave this client before.
pub(super) fn evaluate(
    checked: &Checked,
    account: Option<&SignedInAccount>,
    remembered: Option<&Consent>,
    progress: &Progress,
    now: Timestamp,
) -> Next {
    let next = match authentication(checked, account, progress, now) {
        Some(next) => next,
        None => consent(checked, remembered),
    };
    if checked.request.prompt.has(PromptValue::None) {
        next.without_pages()
    } else {
        next
    }
}

/// What is missing before the right person is signed in, recently enough. `None` when nothing is.
pub(in crate::provider) fn authentication(
    checked: &Checked,
    account: Option<&SignedInAccount>,
    progress: &Progress,
    now: Timestamp,
) -> Option<Next> {
    let Checked {
        request, subjects, ..
    } = checked;
    let prompt = &request.prompt;
    let wanted = SignIn {
        reauthenticate: false,
        select_account: prompt.has(PromptValue::SelectAccount),
        create: prompt.has(PromptValue::Create),
    };
    let Some(account) = account else {
        return Some(Next::SignIn(wanted));
    };
    // The evidence for everything below: a proof newer than the request, or at least a sign-in.
    let is_fresh = progress.saw_proof(account);
    let was_tried = progress.saw_sign_in(account);
    let is_spent = is_fresh || (was_tried && progress.confirmation_asked);
    // Whoever has signed in for it has chosen, or registered; what is left is to confirm.
    let again = SignIn {
        reauthenticate: true,
        select_account: wanted.select_account && !was_tried,
        create: wanted.create && !was_tried,
    };
    // The client speaks of subjects as it knows them; another client's name for the same account means nobody here.
    let known_as = subjects.of(&account.subject);
    if request.wanted_subjects().any(|wanted| wanted != known_as) {
        let other = SignIn {
            select_account: true,
            ..again
        };
        return Some(unless(
            was_tried,
            other,
            "another user than the one asked for signed in",
        ));
    }
    let asks_again = prompt.has(PromptValue::Login) || prompt.has(PromptValue::Create);
    if (asks_again || is_too_old(request, account, now)) && !is_fresh {
        return Some(unless(is_spent, again, "the sign-in is older than asked"));
    }
    if !meets_acr(request, account) {
        return Some(unless(is_spent, again, "the essential acr was not met"));
    }
    // Tried once, where somebody can be asked: it is a wish (RFC 9470 §4).
    let may_try = !was_tried && !prompt.has(PromptValue::None);
    if may_try && !is_as_preferred(request, account) {
        return Some(Next::SignIn(again));
    }
    let was_chosen = was_tried || progress.account_chosen.as_ref() == Some(&account.subject);
    (wanted.select_account && !was_chosen).then_some(Next::ChooseAccount)
}

/// Asks to sign in, once: whoever did and still does not fit would be sent round for ever.
fn unless(was_tried: bool, sign_in: SignIn, refusal: &'static str) -> Next {
    if was_tried {
        Next::Refuse(OAuthError::login_required(refusal))
    } else {
        Next::SignIn(sign_in)
    }
}

/// `max_age=0` is `prompt=login` (OpenID Connect Core §3.1.2.1 says as much): no sign-in is zero seconds old.
fn is_too_old(request: &AuthorizationRequest, account: &SignedInAccount, now: Timestamp) -> bool {
    request.max_age.is_some_and(|max_age| {
        max_age == 0 || account.auth_time + Duration::from_secs(max_age) < now
    })
}

fn is_as_preferred(request: &AuthorizationRequest, account: &SignedInAccount) -> bool {
    let preferred = &request.acr_values;
    preferred.is_empty()
        || account
            .acr
            .as_ref()
            .is_some_and(|acr| preferred.contains(acr))
}

fn meets_acr(request: &AuthorizationRequest, account: &SignedInAccount) -> bool {
    let essential = request.claims.as_ref().map(ClaimsParameter::essential_acr);
    let essential = essential.unwrap_or_default();
    essential.is_empty()
        || account
            .acr
            .as_deref()
            .is_some_and(|acr| essential.contains(&acr))
}

fn consent(checked: &Checked, remembered: Option<&Consent>) -> Next {
    let Checked {
        client,
        target,
        request,
        ..
    } = checked;
    let asked_for = request.prompt.has(PromptValue::Consent);
    if client.first_party && !asked_for {
        return Next::Issue;
    }
    let missing: BTreeSet<String> = match remembered {
        Some(consent) => request
            .asked()
            .difference(&consent.scopes)
            .cloned()
            .collect(),
        None => request.asked(),
    };
    // Another app on the device may claim this redirect URI: a remembered word would be given to it unseen
    // (RFC 8252 §8.6).
    let can_be_another = client.is_native() && target.can_be_claimed() && !client.first_party;
    if asked_for || can_be_another || remembered.is_none() || !missing.is_empty() {
        Next::Consent(missing)
    } else {
        Next::Issue
    }
}
