//! When somebody who comes by another provider has proven who they are: what every gate of recency goes by, here and at
//! the apps that sign in through this house.
//!
//! Most providers let a browser through that they know, without asking anybody anything. Whoever sits at a browser left
//! open could so "sign in" again, and pass for the person who has just proven themselves. Therefore:
//!
//! - What a provider signs of the time (`auth_time`) is never exceeded. Where the operator trusts it with authentication,
//!   that is the time.
//! - Elsewhere the sign-in is as old as the session that it renews, or else as the account, if there is anything here to
//!   confirm by: a password, a passkey, an authenticator app, a mailbox that codes reach. What is asked to be recent is
//!   then confirmed by that.
//! - An account that has none is asked nothing more: the provider is all there is, and the sign-in is of now.
//! - A second factor given on the way is a proof of now. A device that is spared it gives none, and one that was set up
//!   on the way shows only who had the first.

use super::first_factor::{FirstFactor, Opening};
use super::{LoginWing, acr};
use crate::ground::Timestamp;
use crate::store::{Session, User};
use crate::web::{Exchange, Problem};

impl LoginWing {
    /// When a first factor was proven.
    pub(super) async fn proven_at(
        &self,
        exchange: &Exchange<'_>,
        first: &FirstFactor,
    ) -> Result<Timestamp, Problem> {
        let now = exchange.now;
        let Some(came_from) = &first.came_from else {
            return Ok(now);
        };
        let latest = came_from.auth_time.map_or(now, |at| at.min(now));
        let is_told = came_from.is_trusted && came_from.auth_time.is_some();
        if is_told || !self.can_confirm_here(&first.user).await? {
            return Ok(latest);
        }
        let standing = self.standing_session(exchange, &first.user).await?;
        let before = standing.map_or(first.user.created_at, |session| session.auth_time);
        Ok(latest.min(before))
    }

    /// Whether the person can show here, without another provider, who they are: by whatever the step-up would ask for.
    async fn can_confirm_here(&self, user: &User) -> Result<bool, Problem> {
        if self.reaches(user) {
            return Ok(true);
        }
        let password = self.core.stores.users.password_hash(&user.id).await?;
        // A password is asked for by a name.
        let has_name = user.email.is_some() || user.username.is_some();
        if has_name && password.is_some() {
            return Ok(true);
        }
        Ok(self.second_factors(&user.id).await?.any())
    }

    /// The user's session in this browser, which a sign-in renews.
    async fn standing_session(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
    ) -> Result<Option<Session>, Problem> {
        let carrier = Self::carrier_asked_for(exchange)?;
        let presented = self.presented_session(exchange.headers()).await?;
        let same = presented.filter(|(carried_by, session)| {
            *carried_by == carrier && session.user_id == user.id && session.is_live(exchange.now)
        });
        Ok(same.map(|(_, session)| session))
    }

    /// Where somebody confirms who they are who came by another provider, for an app that asks for a newer proof than
    /// that was; `None` where it will do. The app would only send them here again. Who has nothing to confirm by goes on
    /// as they are: how often they are sent round, the app's request knows.
    pub(super) async fn confirmed_for_app(
        &self,
        exchange: &Exchange<'_>,
        opening: &Opening,
    ) -> Result<Option<String>, Problem> {
        let (Some(_), Some(return_to)) = (&opening.came_from, &opening.return_to) else {
            return Ok(None);
        };
        let Some(asked) = self.requesters.asks(exchange, Some(return_to)).await else {
            return Ok(None);
        };
        let is_old = asked.not_before.is_some_and(|at| opening.auth_time < at);
        if !is_old || !self.can_confirm_here(&opening.user).await? {
            return Ok(None);
        }
        let wants = |acr: &str| asked.acr_values.iter().any(|wanted| wanted == acr);
        let several = wants(acr::MULTI_FACTOR_ACR) && !wants(acr::SINGLE_FACTOR_ACR);
        Ok(Some(self.step_up_url(Some(return_to), several)))
    }
}
