//! `POST /auth/account/two-factor/remove` and `…/backup-codes`: the authenticator app goes, or the backup codes are new.

use std::net::IpAddr;

use http::StatusCode;
use serde_json::json;

use super::account::Notice;
use crate::ground::Timestamp;
use crate::login::reply::done;
use crate::login::{LoginWing, SignedIn};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{StoreResult, TotpFactor, UserId};
use crate::web::{CookieName, Exchange, Problem, Response};

pub(super) fn remove_form(signed_in: &SignedIn) -> String {
    format!("totp_remove:{}", signed_in.session.id)
}

pub(super) fn codes_form(signed_in: &SignedIn) -> String {
    format!("backup_codes:{}", signed_in.session.id)
}

fn has_confirmed(totp: Option<TotpFactor>) -> bool {
    totp.is_some_and(|totp| totp.confirmed_at.is_some())
}

pub(in crate::login) fn last_second_factor() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "mfa_required",
        "Your account must have a second factor, and this is the only one.",
    )
}

impl LoginWing {
    /// Removes the authenticator app, the backup codes and the trust in devices, without asking anybody: whoever set them
    /// up is not whose account it is.
    pub(in crate::login) async fn forget_second_factors(
        &self,
        user: &UserId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let factors = &self.core.stores.factors;
        factors.replace_backup_codes(user, &[]).await?;
        self.distrust_devices(user, address, now).await?;
        let was_on = has_confirmed(factors.totp(user).await?);
        if factors.remove_totp(user).await? && was_on {
            let event = Event::TotpRemoved { user: user.clone() };
            self.core.emit(now, address, event).await;
        }
        Ok(())
    }

    /// `POST`: removes the authenticator app, unless the user must have a second factor and this is the last.
    pub(super) async fn remove_enrolment(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self
            .confirmed_person(exchange, "/account/two-factor")
            .await?
        {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let form = remove_form(&signed_in);
        self.core.forms.check(exchange, &body, &form)?;
        let user = &signed_in.user;
        let found = self.second_factors(&user.id).await?;
        let has_passkey = found.has_passkey;
        if !has_passkey && self.must_have_mfa(user).await? {
            return Err(last_second_factor());
        }
        let factors = &self.core.stores.factors;
        // Of an app that was never confirmed there is nothing to tell: nobody was ever asked for its codes.
        if factors.remove_totp(&user.id).await? && found.totp.is_some() {
            let (now, address) = (exchange.now, exchange.address);
            if !has_passkey {
                factors.replace_backup_codes(&user.id, &[]).await?;
            }
            self.distrust_devices(&user.id, address, now).await?;
            exchange.cookies.remove(CookieName::TrustedDevice);
            let event = Event::TotpRemoved {
                user: user.id.clone(),
            };
            self.core.emit(now, address, event).await;
            self.tell_owner(exchange, user, MailKind::MfaOff, json!({}))
                .await;
        }
        Ok(done(exchange, &self.two_factor_url(Notice::Removed)))
    }

    /// `POST`: draws new backup codes and shows them.
    pub(super) async fn regenerate_backup_codes(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self
            .confirmed_person(exchange, "/account/two-factor")
            .await?
        {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let form = codes_form(&signed_in);
        self.core.forms.check(exchange, &body, &form)?;
        let user = &signed_in.user.id;
        if !self.second_factors(user).await?.any() {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "no_second_factor",
                "Backup codes stand in for a second factor. Set one up first.",
            ));
        }
        let codes = self.replace_backup_codes(exchange, user).await?;
        let next = self.path("/account/two-factor");
        Ok(self.show_codes(exchange, &codes, &next, json!({})))
    }
}
