//! From an identity and its user through the one door to a session.

use super::client::{Client, Proven};
use super::plain;
use super::refusal::{Refusal, Stop};
use crate::login::came_from::CameFrom;
use crate::login::first_factor::{AfterFirstFactor, Basis, FirstFactor};
use crate::login::second_factor::SecondFactors;
use crate::login::{LoginWing, acr};
use crate::store::User;
use crate::web::{Exchange, Response, ReturnTo};

/// As many methods as one sign-in says, and how long each is.
const MOST_METHODS: usize = 8;
const MAX_METHOD: usize = 32;
const MAX_ACR: usize = 128;

/// A longer one would make no URL.
const MAX_ID_TOKEN: usize = 6 * 1024;

/// How the person signed in there, if the operator trusts the provider to say. What it calls several factors is none of
/// those that a person set up here: who has one gives it.
pub(super) fn trusted_methods(
    client: &Client,
    proven: &Proven,
    factors: &SecondFactors,
) -> Vec<String> {
    // Where the session comes from is ours to say; how they signed in at a hosted page, nobody says.
    #[cfg(feature = "workos")]
    if client.hosted().is_some() {
        return vec![acr::HOSTED.to_owned()];
    }
    if !client.upstream.trusts_authentication {
        return Vec::new();
    }
    let methods = proven.amr.iter();
    let methods = methods.filter_map(|method| plain(method, MAX_METHOD));
    let methods = methods.filter(|method| !method.is_empty() && *method != acr::FEDERATED);
    // Which sessions rest on WorkOS says the hosted sign-in alone.
    #[cfg(feature = "workos")]
    let methods = methods.filter(|method| *method != acr::HOSTED);
    let has_own = factors.any();
    let methods = methods.filter(|method| !has_own || *method != acr::MULTIPLE_FACTORS);
    methods.take(MOST_METHODS).map(str::to_owned).collect()
}

fn came_from(client: &Client, proven: Proven, factors: &SecondFactors) -> CameFrom {
    let trusted = client.upstream.trusts_authentication;
    let amr = trusted_methods(client, &proven, factors);
    // The words of this house mean what this house means by them.
    let own = [acr::SINGLE_FACTOR_ACR, acr::MULTI_FACTOR_ACR];
    let there = proven.acr.filter(|_| trusted);
    let there = there.filter(|text| !own.contains(&text.as_str()));
    CameFrom {
        upstream: client.upstream.name.clone(),
        issued_at: proven.issued_at,
        issuer: proven.issuer,
        subject: proven.subject,
        sid: proven.sid,
        id_token: proven.id_token.filter(|token| token.len() <= MAX_ID_TOKEN),
        amr,
        acr: there.and_then(|text| plain(&text, MAX_ACR).map(str::to_owned)),
        auth_time: proven.auth_time,
        is_trusted: trusted,
        #[cfg(feature = "workos")]
        tokens: client.hosted().map(|_| proven.tokens),
    }
}

/// Who came, known here.
pub(super) struct Recognized {
    pub(super) user: User,
    /// The identity, linked or about to be.
    pub(super) basis: Basis,
}

impl LoginWing {
    /// Signs in, or asks for what is still to be shown.
    pub(super) async fn enter_by_identity(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Client,
        proven: Proven,
        who: Recognized,
        (remember, return_to): (bool, Option<ReturnTo>),
    ) -> Result<Response, Stop> {
        let elsewhere = self
            .confirm_first(exchange, &who.user, return_to.as_ref())
            .await?;
        if let Some(elsewhere) = elsewhere {
            return Ok(elsewhere);
        }
        let factors = self.second_factors(&who.user.id).await?;
        let first = FirstFactor {
            user: who.user,
            amr: vec![acr::FEDERATED],
            // What was given there spares nobody the second factor they set up here.
            is_multi_factor: false,
            basis: who.basis,
            remember,
            return_to,
            came_from: Some(Box::new(came_from(client, proven, &factors))),
        };
        match self.after_first_factor(exchange, first).await? {
            AfterFirstFactor::Answer(answer) => Ok(answer),
            // Unlinked in this very moment, or linked to somebody else.
            AfterFirstFactor::Gone => Err(Refusal::Refused.into()),
        }
    }
}
