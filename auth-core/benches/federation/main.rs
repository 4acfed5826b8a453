//! What coming back from another provider costs without the network, as a ratio to a floor measured in the same run: one
//! raw verification of the ID token, and one session written to the same store.
//!
//! The provider answers in memory ([`OutboundPolicy::answered_by`]) with tokens that were signed before the clock starts,
//! so all that is left out is the connection itself: the request is made and guarded, its answer read and bounded, as
//! ever.
//!
//! [`OutboundPolicy::answered_by`]: auth_core::services::outbound::OutboundPolicy::answered_by

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

mod callback;
mod provider;
mod raw;

use auth_core::ground::jose::Algorithm;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        callback::run(&runtime, algorithm);
    }
}
