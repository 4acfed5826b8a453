//! Answers that are encrypted to this app (OpenID Connect Core §3.1.3.7, §5.3.2). What is encrypted is only confidential:
//! whom it comes from is what the signature inside says, so what comes in the clear is as good.

use std::borrow::Cow;

use super::Client;
use crate::ground::Random;
use crate::ground::jose::JoseError;
use crate::ground::jose::jwe::{ContentEncryption, Decrypted, Jwe, KeyManagement};

impl Client {
    /// The signed token inside an encrypted one; any other token is itself.
    pub(super) fn signed_token<'a>(
        &self,
        token: &'a str,
        random: &dyn Random,
    ) -> Result<Cow<'a, str>, JoseError> {
        match self.decrypted(token, random) {
            None => Ok(Cow::Borrowed(token)),
            Some(decrypted) => Ok(Cow::Owned(decrypted?.nested_jwt()?.to_owned())),
        }
    }

    /// What is inside; `None` where the token does not look like an encrypted one, of five parts.
    pub(super) fn decrypted(
        &self,
        token: &str,
        random: &dyn Random,
    ) -> Option<Result<Decrypted, JoseError>> {
        if token.bytes().filter(|byte| *byte == b'.').count() != 4 {
            return None;
        }
        let keys = &self.upstream.decryption_keys;
        let jwe = Jwe::parse(token);
        Some(jwe.and_then(|jwe| {
            jwe.decrypt(keys, &KeyManagement::ALL, &ContentEncryption::ALL, random)
        }))
    }
}
