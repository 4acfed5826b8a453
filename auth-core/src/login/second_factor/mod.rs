//! The second factor: asked after every first one, enrolled and removed on the account pages.

mod account;
mod attempts;
mod backup_codes;
mod challenge;
mod devices;
mod enrol;
mod manage;
pub(super) mod pending;
mod policy;
mod required;
mod totp;

use http::Method;

use super::LoginWing;
use super::acr;
use super::first_factor::FirstFactor;
use crate::web::{Exchange, Problem, Response, Side};

pub(super) use challenge::{Prompted, way_on};
#[cfg(feature = "passkeys")]
pub(super) use manage::last_second_factor;
#[cfg(feature = "passkeys")]
pub(super) use pending::{PendingSignIn, SecondFactorGiven};
pub(super) use policy::SecondFactors;
pub use policy::{MfaPolicy, MfaPolicyError};

/// The endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Challenge,
    RequiredEnrol,
    RequiredConfirm,
    StepUp,
    TwoFactor,
    Begin,
    Confirm,
    Remove,
    BackupCodes,
    ForgetDevice,
    ForgetDevices,
}

impl Endpoint {
    pub(super) const fn side(self) -> Side {
        match self {
            Self::Challenge
            | Self::RequiredEnrol
            | Self::RequiredConfirm
            | Self::StepUp
            | Self::TwoFactor
            | Self::Begin
            | Self::Confirm
            | Self::Remove
            | Self::BackupCodes
            | Self::ForgetDevice
            | Self::ForgetDevices => Side::Page,
        }
    }
}

/// The methods of a sign-in with one more factor than it had: `mfa` says that there were several.
pub(super) fn several(mut amr: Vec<String>, added: &[&str]) -> Vec<String> {
    for method in added.iter().copied().chain([acr::MULTIPLE_FACTORS]) {
        if !amr.iter().any(|known| known == method) {
            amr.push(method.to_owned());
        }
    }
    amr
}

/// Whether the page was asked for by somebody to whom one factor is not enough: another app that wants a level, or a
/// guard. No device is spared then.
pub(super) fn asks_for_several(exchange: &Exchange<'_>) -> Result<bool, Problem> {
    Ok(exchange.query()?.get("factor") == Some("second"))
}

impl LoginWing {
    pub(super) fn second_factor_routes(&self) -> Vec<(&'static str, &'static [Method], Endpoint)> {
        const GET: &[Method] = &[Method::GET];
        const POST: &[Method] = &[Method::POST];
        const BOTH: &[Method] = &[Method::GET, Method::POST];
        let mut routes = vec![
            ("/second-factor", BOTH, Endpoint::Challenge),
            ("/second-factor/enrol", BOTH, Endpoint::RequiredEnrol),
            (
                "/second-factor/enrol/confirm",
                POST,
                Endpoint::RequiredConfirm,
            ),
            ("/step-up", BOTH, Endpoint::StepUp),
            ("/account/two-factor", GET, Endpoint::TwoFactor),
            ("/account/two-factor/begin", POST, Endpoint::Begin),
            ("/account/two-factor/confirm", POST, Endpoint::Confirm),
            ("/account/two-factor/remove", POST, Endpoint::Remove),
            (
                "/account/two-factor/backup-codes",
                POST,
                Endpoint::BackupCodes,
            ),
        ];
        if self.settings.factors.trusted_devices.is_some() {
            routes.extend([
                (
                    "/account/two-factor/devices/forget",
                    POST,
                    Endpoint::ForgetDevice,
                ),
                (
                    "/account/two-factor/devices/forget-all",
                    POST,
                    Endpoint::ForgetDevices,
                ),
            ]);
        }
        routes
    }

    pub(super) async fn handle_second_factor(
        &self,
        endpoint: Endpoint,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let acts = exchange.parts.method == Method::POST;
        match (endpoint, acts) {
            (Endpoint::Challenge, false) => self.challenge_page(exchange).await,
            (Endpoint::Challenge, true) => self.challenge(exchange).await,
            (Endpoint::RequiredEnrol, false) => self.required_enrol_page(exchange).await,
            (Endpoint::RequiredEnrol, true) => self.required_enrol(exchange).await,
            (Endpoint::RequiredConfirm, _) => self.required_confirm(exchange).await,
            (Endpoint::StepUp, false) => self.step_up_page(exchange).await,
            (Endpoint::StepUp, true) => self.step_up(exchange).await,
            (Endpoint::TwoFactor, _) => self.two_factor_page(exchange).await,
            (Endpoint::Begin, _) => self.begin_enrolment(exchange).await,
            (Endpoint::Confirm, _) => self.confirm_enrolment(exchange).await,
            (Endpoint::Remove, _) => self.remove_enrolment(exchange).await,
            (Endpoint::BackupCodes, _) => self.regenerate_backup_codes(exchange).await,
            (Endpoint::ForgetDevice, _) => self.forget_device(exchange).await,
            (Endpoint::ForgetDevices, _) => self.forget_devices(exchange).await,
        }
    }

    /// Whether one factor is not enough: the user has a second one, or must have, and this device is not spared it.
    pub(super) async fn wants_second_factor(
        &self,
        exchange: &Exchange<'_>,
        proven: &FirstFactor,
    ) -> Result<bool, Problem> {
        let user = &proven.user;
        let factors = self.second_factors(&user.id).await?.beside(&proven.basis);
        if !factors.any() {
            // Another provider, trusted with it, asked for several.
            let there = proven.came_from.as_ref();
            let had_several =
                there.is_some_and(|there| acr::of(&there.amr) == acr::MULTI_FACTOR_ACR);
            return Ok(!had_several && self.must_have_mfa(user).await?);
        }
        Ok(!self.spares(exchange, user, &factors).await?)
    }
}
