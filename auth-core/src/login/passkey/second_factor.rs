//! A passkey as the second factor, after a first that was something else. The page that asks for the second factor has
//! the pending sign-in: it names the user and the pending value, counts the attempt, and opens the session.

use webauthn_rs_core::proto::PublicKeyCredential;

use super::ceremony::{Ceremony, Reply, gone, internal};
use super::verify::ProvenPasskey;
use crate::ground::Digest32;
use crate::login::LoginWing;
use crate::login::attempt::Refused;
use crate::store::UserId;
use crate::web::{Exchange, Problem, Response};

#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the page that asks for the second factor calls it"
    )
)]
impl LoginWing {
    /// Begins, for the user of the pending sign-in with the digest `pending`. The caller has checked the form.
    pub(in crate::login) async fn begin_passkey_second_factor(
        &self,
        exchange: &mut Exchange<'_>,
        user: &UserId,
        pending: Digest32,
    ) -> Result<Response, Problem> {
        let party = self.relying_party.as_ref();
        let party = party.ok_or_else(Problem::not_found)?;
        let credentials = self.credentials_of(user).await?;
        let (options, state) = party.begin_authentication(credentials).map_err(internal)?;
        let user = user.clone();
        let ceremony = Ceremony::SecondFactor {
            user,
            pending,
            state,
        };
        self.begin_ceremony(exchange, ceremony, &options).await
    }

    /// Checks the answer in the request's body. The caller has checked the form and counted the attempt; it adds
    /// [`ProvenPasskey::amr`] to what the first factor was, and `mfa` in any case.
    pub(in crate::login) async fn prove_passkey_second_factor(
        &self,
        exchange: &Exchange<'_>,
        user: &UserId,
        pending: Digest32,
    ) -> Result<Result<ProvenPasskey, Refused>, Problem> {
        let party = self.relying_party.as_ref();
        let party = party.ok_or_else(Problem::not_found)?;
        let reply = Reply::read(exchange)?;
        let ceremony = self.take_ceremony(exchange, &reply).await?;
        let (state, answer) = match ceremony {
            Ceremony::SecondFactor {
                user: meant,
                pending: of,
                state,
            } if meant == *user && of == pending => (state, reply.answer::<PublicKeyCredential>()?),
            _ => return Err(gone()),
        };
        self.prove_passkey(exchange, party, &answer, &state, Some(user))
            .await
    }
}
