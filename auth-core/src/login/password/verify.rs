//! Password hashes: Argon2id made, Argon2 and bcrypt read. Pure functions; the caller keeps them off the async threads.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::memory::Pool;
use crate::ground::Random;
use crate::store::PasswordHash;

/// What one Argon2id hash costs (RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB (`m`).
    pub memory_kib: u32,
    /// Passes over it (`t`).
    pub iterations: u32,
    /// Lanes (`p`), computed one after another.
    pub parallelism: u32,
}

impl Default for Argon2Cost {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
        }
    }
}

// A stored hash dearer than this would hold a hashing thread for minutes or take all memory: as good as unreadable.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_ITERATIONS: u32 = 64;
const MAX_PARALLELISM: u32 = 64;
const MAX_BCRYPT_COST: u32 = 16;

const SALT_LEN: usize = 16;
const OUTPUT_LEN: usize = 32;

impl Argon2Cost {
    /// What is wrong with the cost, if anything. OWASP's choices (47104×1, 19456×2, 12288×3, 9216×4, 7168×5) all pass
    /// the lower bound; `weak` leaves it out.
    pub(in crate::login) fn check(&self, weak: bool) -> Result<(), String> {
        if self.params().is_none() {
            return Err(format!(
                "Argon2 needs at least 1 iteration, 1 lane and 8 KiB for each lane; at most {MAX_MEMORY_KIB} KiB, \
                 {MAX_ITERATIONS} iterations and {MAX_PARALLELISM} lanes are accepted"
            ));
        }
        let work = u64::from(self.memory_kib) * u64::from(self.iterations);
        if !weak && (self.memory_kib < 7168 || work < 35_840) {
            return Err(
                "too cheap: use at least 7168 KiB, and memory times iterations of 35840 or more \
                 (the default is 19456 KiB and 2 iterations)"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The memory one hash takes, in blocks of Argon2.
    pub(super) fn blocks(&self) -> usize {
        self.params().map_or(0, |params| params.block_count())
    }

    fn params(&self) -> Option<Params> {
        let bounded = self.memory_kib <= MAX_MEMORY_KIB
            && self.iterations <= MAX_ITERATIONS
            && self.parallelism <= MAX_PARALLELISM;
        if !bounded {
            return None;
        }
        Params::new(
            self.memory_kib,
            self.iterations,
            self.parallelism,
            Some(OUTPUT_LEN),
        )
        .ok()
    }
}

/// What came of comparing a password with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Outcome {
    /// It is the password.
    Match {
        /// The hash has another algorithm or cost than new ones get.
        outdated: bool,
    },
    /// It is not.
    Mismatch,
    /// The stored hash is none we can read, or dearer than we compute.
    Unreadable,
}

/// A new hash. `None` when there is no memory for it.
pub(super) fn hash(
    password: &str,
    salt: [u8; SALT_LEN],
    cost: &Argon2Cost,
    memory: &Pool,
) -> Option<PasswordHash> {
    let (algorithm, version, params) = (Algorithm::Argon2id, Version::V0x13, cost.params()?);
    let phc = Phc {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params).ok()?,
        salt: Some(Salt::new(&salt).ok()?),
        hash: Some(compute(
            &Argon2::new(algorithm, version, params),
            password,
            &salt,
            OUTPUT_LEN,
            memory,
        )?),
    };
    Some(PasswordHash::new(phc.to_string()))
}

// What `Argon2::hash_password_with_salt` computes, in memory of the pool.
fn compute(
    argon2: &Argon2,
    password: &str,
    salt: &[u8],
    output_len: usize,
    memory: &Pool,
) -> Option<Output> {
    let mut buffer = [0; Output::MAX_LENGTH];
    let output = buffer.get_mut(..output_len)?;
    let blocks = memory.lend(argon2.params().block_count())?;
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, output, blocks)
        .ok()?;
    Output::new(output).ok()
}

/// A hash that no password has: random bytes in place of a result. Comparing with it costs what comparing with a new
/// hash costs.
pub(super) fn dummy(random: &dyn Random, cost: &Argon2Cost) -> PasswordHash {
    PasswordHash::new(format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        cost.memory_kib,
        cost.iterations,
        cost.parallelism,
        STANDARD_NO_PAD.encode(random.bytes::<SALT_LEN>()),
        STANDARD_NO_PAD.encode(random.bytes::<OUTPUT_LEN>()),
    ))
}

/// Compares a password with a stored hash. Never panics, whatever is stored.
pub(super) fn verify(
    password: &str,
    stored: &PasswordHash,
    cost: &Argon2Cost,
    memory: &Pool,
) -> Outcome {
    let stored = stored.expose();
    match stored.get(..4) {
        Some("$2a$" | "$2b$" | "$2y$") => verify_bcrypt(password, stored),
        Some("$arg") => verify_argon2(password, stored, cost, memory),
        _ => Outcome::Unreadable,
    }
}

fn verify_argon2(password: &str, stored: &str, cost: &Argon2Cost, memory: &Pool) -> Outcome {
    try_verify_argon2(password, stored, cost, memory).unwrap_or(Outcome::Unreadable)
}

fn try_verify_argon2(
    password: &str,
    stored: &str,
    cost: &Argon2Cost,
    memory: &Pool,
) -> Option<Outcome> {
    let phc = Phc::new(stored).ok()?;
    let params = Params::try_from(&phc).ok()?;
    let used = Argon2Cost {
        memory_kib: params.m_cost(),
        iterations: params.t_cost(),
        parallelism: params.p_cost(),
    };
    used.params()?;
    let (salt, expected) = (phc.salt.as_ref()?, phc.hash.as_ref()?);
    // Without a result of full length the comparison would be one with little or nothing.
    if expected.len() < 16 {
        return None;
    }
    let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
    let version = match phc.version {
        Some(version) => Version::try_from(version).ok()?,
        None => Version::default(),
    };
    let argon2 = Argon2::new(algorithm, version, params);
    let computed = compute(&argon2, password, salt, expected.len(), memory)?;
    if verify_slices_are_equal(computed.as_bytes(), expected.as_bytes()).is_err() {
        return Some(Outcome::Mismatch);
    }
    Some(Outcome::Match {
        outdated: used != *cost
            || algorithm != Algorithm::Argon2id
            || phc.version != Some(Version::V0x13.into())
            || expected.len() != OUTPUT_LEN,
    })
}

// bcrypt reads the first 72 bytes only: those of such an account that are longer match by their beginning until the
// upgrade that follows, which takes in the whole.
fn verify_bcrypt(password: &str, stored: &str) -> Outcome {
    let cost = stored
        .get(4..6)
        .and_then(|digits| digits.parse::<u32>().ok());
    if cost.is_none_or(|cost| cost > MAX_BCRYPT_COST) {
        return Outcome::Unreadable;
    }
    match bcrypt::verify(password, stored) {
        Ok(true) => Outcome::Match { outdated: true },
        Ok(false) => Outcome::Mismatch,
        Err(_) => Outcome::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;
    use crate::ground::SystemRandom;

    const CHEAP: Argon2Cost = Argon2Cost {
        memory_kib: 8,
        iterations: 1,
        parallelism: 1,
    };

    fn hash(password: &str, salt: [u8; SALT_LEN], cost: &Argon2Cost) -> Option<PasswordHash> {
        super::hash(password, salt, cost, &Pool::new(cost.blocks(), 1))
    }

    fn verify(password: &str, stored: &PasswordHash, cost: &Argon2Cost) -> Outcome {
        super::verify(password, stored, cost, &Pool::new(cost.blocks(), 1))
    }

    fn check(password: &str, stored: &str) -> Outcome {
        verify(password, &PasswordHash::new(stored), &CHEAP)
    }

    #[test]
    fn hashes_are_those_of_the_argon2_crate_and_verify_both_ways() {
        // Less memory than a pooled buffer has, as much, not a multiple of the lanes' segments, and more.
        let configured = Argon2Cost {
            memory_kib: 64,
            iterations: 2,
            parallelism: 2,
        };
        let pool = Pool::new(configured.blocks(), 1);
        for (memory_kib, iterations, parallelism) in
            [(8, 1, 1), (64, 2, 2), (63, 3, 2), (256, 2, 4), (64, 2, 2)]
        {
            let cost = Argon2Cost {
                memory_kib,
                iterations,
                parallelism,
            };
            let salt = [memory_kib.to_le_bytes()[0]; SALT_LEN];
            let params = cost.params().expect("params");
            let theirs: Phc = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_with_salt(b"correct horse", &salt)
                .expect("hash");
            let stored = PasswordHash::new(theirs.to_string());
            let outdated = cost != configured;
            assert_eq!(
                super::verify("correct horse", &stored, &configured, &pool),
                Outcome::Match { outdated }
            );
            assert_eq!(
                super::verify("correct horsf", &stored, &configured, &pool),
                Outcome::Mismatch
            );
            let ours = super::hash("correct horse", salt, &cost, &pool).expect("hash");
            assert_eq!(ours.expose(), theirs.to_string());
            let ours = Phc::new(ours.expose()).expect("PHC");
            let argon2 = Argon2::default();
            assert_eq!(argon2.verify_password(b"correct horse", &ours), Ok(()));
            assert!(argon2.verify_password(b"correct horsf", &ours).is_err());
        }
        // As other versions, other lengths, a key identifier and associated data go into it.
        for (version, output_len) in [(Version::V0x10, 16), (Version::V0x13, 64)] {
            let mut params = argon2::ParamsBuilder::new();
            params.m_cost(16).t_cost(2).p_cost(1).output_len(output_len);
            params.keyid(argon2::KeyId::new(b"key").expect("key identifier"));
            params.data(argon2::AssociatedData::new(b"data").expect("data"));
            let theirs: Phc = Argon2::new(
                Algorithm::Argon2id,
                version,
                params.build().expect("params"),
            )
            .hash_password_with_salt(b"pw", &[9; 16])
            .expect("hash");
            assert_eq!(
                check("pw", &theirs.to_string()),
                Outcome::Match { outdated: true }
            );
            assert_eq!(check("px", &theirs.to_string()), Outcome::Mismatch);
        }
        // Without a version it is the newest.
        let current = hash("pw", [7; 16], &CHEAP).expect("hash");
        let unversioned = current.expose().replace("$v=19", "");
        assert_eq!(check("pw", &unversioned), Outcome::Match { outdated: true });
        assert_eq!(
            Argon2::default().verify_password(b"pw", &Phc::new(&unversioned).expect("PHC")),
            Ok(())
        );
    }

    #[test]
    fn the_default_cost_is_what_the_hash_says() {
        let cost = Argon2Cost::default();
        let made = hash("correct horse", [7; 16], &cost).expect("hash");
        assert!(made.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(
            verify("correct horse", &made, &cost),
            Outcome::Match { outdated: false }
        );
        assert_eq!(verify("correct horsf", &made, &cost), Outcome::Mismatch);
        assert_eq!(
            verify("correct horse", &made, &CHEAP),
            Outcome::Match { outdated: true }
        );
    }

    #[test]
    fn argon2_of_any_kind_and_bcrypt_are_read_and_outdated() {
        for algorithm in [Algorithm::Argon2d, Algorithm::Argon2i] {
            let params = Params::new(16, 2, 2, Some(24)).expect("params");
            let phc: Phc = Argon2::new(algorithm, Version::V0x10, params)
                .hash_password_with_salt(b"pw", &[1; 16])
                .expect("hash");
            assert_eq!(
                check("pw", &phc.to_string()),
                Outcome::Match { outdated: true }
            );
            assert_eq!(check("px", &phc.to_string()), Outcome::Mismatch);
        }
        let parts = bcrypt::hash_with_salt("pw", 4, [3; 16]).expect("hash");
        for version in [
            bcrypt::Version::TwoA,
            bcrypt::Version::TwoB,
            bcrypt::Version::TwoY,
        ] {
            let stored = parts.format_for_version(version);
            assert_eq!(check("pw", &stored), Outcome::Match { outdated: true });
            assert_eq!(check("px", &stored), Outcome::Mismatch);
        }
        // A hash that this crate did not make (the crypt_blowfish test vectors).
        let vector = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert_eq!(check("U*U", vector), Outcome::Match { outdated: true });
    }

    #[test]
    fn threat_23_malformed_hashes_are_unreadable_and_never_panic() {
        let good = hash("pw", [7; 16], &CHEAP).expect("hash");
        let bcrypt = bcrypt::hash_with_salt("pw", 4, [3; 16])
            .expect("hash")
            .to_string();
        for bad in [
            "",
            "$",
            "pw",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "$argon2id",
            "$argon2id$",
            "$argon2id$v=19$m=8,t=1,p=1",
            "$argon2id$v=19$m=8,t=1,p=1$",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA",
            "$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=0,t=1,p=0$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=4294967295,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=99$m=8,t=1,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2x$v=19$m=8,t=1,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1$!!!!$????",
            "$pbkdf2-sha256$i=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$2b$",
            "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$xx$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOé",
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$ü5$CCCC",
            "日本語",
        ] {
            assert_eq!(check("pw", bad), Outcome::Unreadable, "{bad:?}");
        }
        // Every beginning of a good one, and one byte changed anywhere.
        for stored in [good.expose(), &bcrypt] {
            for end in 0..stored.len() {
                assert_ne!(
                    check("pw", &stored[..end]),
                    Outcome::Match { outdated: false },
                    "{end}"
                );
                let mut changed = stored.as_bytes().to_vec();
                changed[end] = b'!';
                let changed = String::from_utf8(changed).expect("ASCII");
                assert!(
                    !matches!(check("pw", &changed), Outcome::Match { .. }),
                    "{changed}"
                );
            }
        }
    }

    #[test]
    fn the_dummy_costs_the_same_and_matches_nothing() {
        let stored = dummy(&SystemRandom, &CHEAP);
        assert_eq!(verify("", &stored, &CHEAP), Outcome::Mismatch);
        assert_eq!(verify("pw", &stored, &CHEAP), Outcome::Mismatch);
        assert!(stored.expose().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        let real = hash("pw", [0; 16], &CHEAP).expect("hash");
        assert_eq!(stored.expose().len(), real.expose().len());
    }
}
