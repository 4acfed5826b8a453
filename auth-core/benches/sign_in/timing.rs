//! Whether the time of a refusal tells if there is an account: two samples, and how far their distributions are apart.

use std::time::{Duration, Instant};

use auth_core::auth::Auth;
use http::StatusCode;
use tokio::runtime::Runtime;

use crate::{EMAIL, sign_in};

const SAMPLES: usize = 300;

pub(crate) fn run(runtime: &Runtime, auth: &Auth) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for index in 0..SAMPLES {
        known.push(refusal(runtime, auth, EMAIL));
        unknown.push(refusal(
            runtime,
            auth,
            &format!("nobody{index}@example.com"),
        ));
        // Forgets the failures, so that no lock answers in place of a comparison.
        let unlocked = runtime.block_on(auth.login().unwrap().unlock(EMAIL));
        unlocked.unwrap();
    }
    known.sort_unstable();
    unknown.sort_unstable();
    let apart = distance(&known, &unknown);
    // Kolmogorov and Smirnov: above this, samples of one distribution lie apart once in a hundred times.
    let critical = 1.63 * (2.0 / count(SAMPLES)).sqrt();
    println!(
        "refusal of a known and of an unknown account\n  medians {:?} and {:?}, distributions {apart:.3} apart (at most {critical:.3})",
        known[SAMPLES / 2],
        unknown[SAMPLES / 2],
    );
}

fn refusal(runtime: &Runtime, auth: &Auth, email: &str) -> Duration {
    let begun = Instant::now();
    let answer = runtime.block_on(sign_in(auth, email, "another password altogether"));
    let took = begun.elapsed();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    took
}

/// The largest difference between two empirical distributions; both sorted.
fn distance(a: &[Duration], b: &[Duration]) -> f64 {
    let share = |sample: &[Duration], at: Duration| {
        count(sample.partition_point(|value| *value <= at)) / count(sample.len())
    };
    let points = a.iter().chain(b);
    points
        .map(|at| (share(a, *at) - share(b, *at)).abs())
        .fold(0.0, f64::max)
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
