//! The tokens behind a session, as they are kept.

use zeroize::Zeroizing;

use crate::ground::jose::Jws;
use crate::ground::{Digest32, Purpose};
use crate::login::came_from::Secrets;
use crate::login::federation::client::Tokens;
use crate::services::Core;
use crate::store::{SessionId, UpstreamSession};
use crate::web::Problem;

/// Seals the tokens for this session alone.
pub(in crate::login) fn seal(
    core: &Core,
    session: &SessionId,
    tokens: &Tokens,
) -> Result<Vec<u8>, Problem> {
    let secrets = Secrets {
        id_token: None,
        tokens: Some(tokens.clone()),
    };
    let plain = serde_json::to_vec(&secrets).map_err(|_| Problem::internal())?;
    let plain = Zeroizing::new(plain);
    let context = session.as_str().as_bytes();
    core.keys
        .seal(&*core.random, Purpose::UpstreamTokens, context, &plain)
        .map_err(|_| Problem::internal())
}

/// The tokens of a row; `None` where no secret of ours opens them any more.
pub(in crate::login) fn open(core: &Core, row: &UpstreamSession) -> Option<Tokens> {
    let context = row.session_id.as_str().as_bytes();
    let opened = core
        .keys
        .open(Purpose::UpstreamTokens, context, &row.secrets);
    let secrets: Secrets = serde_json::from_slice(&Zeroizing::new(opened.ok()?)).ok()?;
    secrets.tokens
}

/// The session there that the access token is of.
pub(super) fn session_of(core: &Core, row: &UpstreamSession) -> Option<String> {
    let tokens = open(core, row)?;
    // Our own seal vouches for it: it is as WorkOS gave it.
    let claims = Jws::parse(&tokens.access_token).ok()?;
    let claims = claims.dangerous_unverified_claims().ok()?;
    claims.str("sid").map(str::to_owned)
}

/// Names the sealed tokens of a session: other ones have another name, as each seal has a nonce of its own.
pub(in crate::login) fn name(row: &UpstreamSession) -> Digest32 {
    let parts = [
        row.session_id.as_str().as_bytes(),
        row.subject.as_bytes(),
        &row.secrets,
    ];
    Digest32::of_parts(&parts)
}
