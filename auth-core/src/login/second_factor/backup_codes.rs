//! Backup codes: for whoever has lost the other second factor. Ten of 50 bits each, each good once.

use zeroize::Zeroizing;

use crate::ground::{Digest32, Purpose, Random};
use crate::login::LoginWing;
use crate::services::Event;
use crate::store::UserId;
use crate::web::{Exchange, Problem};

const COUNT: usize = 10;
const LENGTH: usize = 10;

/// Crockford's base 32: no letter that looks like a digit, and no word by accident.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// As people read it: two groups of five.
fn draw(random: &dyn Random) -> Zeroizing<String> {
    let bytes = Zeroizing::new(random.bytes::<LENGTH>());
    let mut code = Zeroizing::new(String::with_capacity(LENGTH + 1));
    for (index, byte) in bytes.iter().enumerate() {
        if index == LENGTH / 2 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[usize::from(byte & 31)]));
    }
    code
}

/// What was typed, as it was drawn: case, blanks and dashes do not matter, nor do letters taken for the digits they look
/// like. `None` for what no code is.
fn normalized(typed: &str) -> Option<Zeroizing<String>> {
    let mut code = Zeroizing::new(String::with_capacity(LENGTH));
    for character in typed.chars() {
        let character = match character.to_ascii_lowercase() {
            '-' => continue,
            blank if blank.is_whitespace() => continue,
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        };
        if code.len() == LENGTH || !u8::try_from(character).is_ok_and(|c| ALPHABET.contains(&c)) {
            return None;
        }
        code.push(character);
    }
    (code.len() == LENGTH).then_some(code)
}

/// The digest is bound to the user: another's code is no code.
fn data(user: &UserId, code: &str) -> Digest32 {
    Digest32::of_parts(&[user.as_str().as_bytes(), code.as_bytes()])
}

impl LoginWing {
    /// Draws new codes, to be shown once; those before are worthless from here on.
    pub(in crate::login) async fn replace_backup_codes(
        &self,
        exchange: &Exchange<'_>,
        user: &UserId,
    ) -> Result<Vec<Zeroizing<String>>, Problem> {
        let core = &self.core;
        let codes: Vec<_> = (0..COUNT).map(|_| draw(&*core.random)).collect();
        let digests: Vec<_> = codes
            .iter()
            .filter_map(|code| normalized(code))
            .map(|code| {
                let data = data(user, &code);
                core.keys.keyed_digest(Purpose::BackupCode, data.as_bytes())
            })
            .collect();
        let factors = &core.stores.factors;
        factors.replace_backup_codes(user, &digests).await?;
        let event = Event::BackupCodesReplaced { user: user.clone() };
        core.emit(exchange.now, exchange.address, event).await;
        Ok(codes)
    }

    /// Spends a backup code; says how many are left, or `None` when it is none (threat 12).
    pub(super) async fn spend_backup_code(
        &self,
        user: &UserId,
        typed: &str,
        exchange: &Exchange<'_>,
    ) -> Result<Option<u32>, Problem> {
        let Some(code) = normalized(typed) else {
            return Ok(None);
        };
        let core = &self.core;
        let factors = &core.stores.factors;
        let data = data(user, &code);
        for digest in core
            .keys
            .keyed_digests(Purpose::BackupCode, data.as_bytes())
        {
            if factors.consume_backup_code(user, &digest).await? {
                let left = factors.backup_codes_left(user).await?;
                let event = Event::BackupCodeUsed {
                    user: user.clone(),
                    left,
                };
                core.emit(exchange.now, exchange.address, event).await;
                return Ok(Some(left));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::SystemRandom;

    #[test]
    fn codes_are_long_friendly_and_differ() {
        let codes: std::collections::BTreeSet<_> = (0..1000)
            .map(|_| draw(&SystemRandom).as_str().to_owned())
            .collect();
        assert_eq!(codes.len(), 1000);
        // 32 letters, ten places: 50 bits.
        let distinct: std::collections::BTreeSet<_> = ALPHABET.iter().collect();
        assert_eq!((distinct.len(), LENGTH), (32, 10));
        for code in &codes {
            assert_eq!(code.len(), 11);
            assert!(!code.contains(['i', 'l', 'o', 'u']), "{code}");
            assert!(normalized(code).is_some(), "{code}");
        }
    }

    #[test]
    fn however_a_code_is_typed_it_is_the_same() {
        let drawn = normalized("01abc-defgh").expect("code");
        for typed in ["01ABC DEFGH", "oiabcdefgh", " O L a b c-d-e-f-g-h "] {
            assert_eq!(normalized(typed), Some(drawn.clone()), "{typed}");
        }
        for bad in ["", "01abc", "01abc-defgh1", "01abc-defgu", "01abc-défgh"] {
            assert_eq!(normalized(bad), None, "{bad}");
        }
    }
}
