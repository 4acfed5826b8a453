//! What a session that rests on WorkOS costs on every request: time as a ratio to one raw verification of its access
//! token, allocations beside those of a session that rests on nothing, and calls, of which there must be none.
//!
//! The allocator counts, which costs a little at each allocation: the times are the worse for it, and the floor is not.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

mod house;
#[path = "../federation/raw.rs"]
mod raw;
mod workos;

use std::alloc::System;
use std::hint::black_box;
use std::time::Duration;

use auth_core::auth::{Guard, Otherwise};
use auth_core::ground::jose::Algorithm;
use auth_core::testkit::Ratio;
use house::House;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Runtime;
use workos::LIFE;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: u32 = 300;
const REQUESTS: u32 = 10_000;
const COUNTED: usize = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let house = runtime.block_on(House::new(algorithm, |settings| settings));
        speed(&runtime, &house, algorithm);
        if algorithm == Algorithm::Rs256 {
            allocations(&runtime, &house);
            calls(&runtime, &house);
        }
        first_look(&runtime, algorithm);
    }
}

fn signed_in() -> Guard {
    Guard::SignedIn(Otherwise::Unauthorized)
}

fn organization() -> Guard {
    Guard::Organization(Otherwise::Unauthorized)
}

fn speed(runtime: &Runtime, house: &House, algorithm: Algorithm) {
    let hosted = runtime.block_on(house.hosted());
    let name = algorithm.name();
    for (what, guard) in [("signed_in", signed_in()), ("organization", organization())] {
        let ratio = Ratio::of(ROUNDS, house.workos.raw_verification(), || {
            runtime.block_on(house.pass(&hosted, &guard));
        });
        println!(
            "hosted session, guard {what} / one raw {name} verification of its access token\n  {ratio} (at most 1.3)"
        );
    }
}

/// A token that this process has not seen yet: two sessions take turns where one is remembered.
fn first_look(runtime: &Runtime, algorithm: Algorithm) {
    let house = runtime.block_on(House::new(algorithm, |settings| {
        settings.cache(1, Duration::from_mins(5))
    }));
    let sessions = [(); 2].map(|()| runtime.block_on(house.hosted()));
    let mut turn = 0;
    let ratio = Ratio::of(ROUNDS, house.workos.raw_verification(), || {
        turn += 1;
        runtime.block_on(house.pass(&sessions[turn % 2], &signed_in()));
    });
    let name = algorithm.name();
    println!(
        "hosted session, a token not seen before, guard signed_in / one raw {name} verification of it\n  {ratio} (reported)"
    );
}

fn allocations(runtime: &Runtime, house: &House) {
    let hosted = runtime.block_on(house.hosted());
    let ordinary = runtime.block_on(house.ordinary());
    println!("allocations of a request");
    for (who, cookie, guard) in [
        ("ordinary session, guard signed_in", &ordinary, signed_in()),
        ("hosted session, guard signed_in", &hosted, signed_in()),
        (
            "hosted session, guard organization",
            &hosted,
            organization(),
        ),
    ] {
        runtime.block_on(house.pass(cookie, &guard));
        let region = Region::new(ALLOCATOR);
        for _ in 0..COUNTED {
            runtime.block_on(house.pass(cookie, &guard));
        }
        let change = region.change();
        let each = (change.allocations + change.reallocations) / COUNTED;
        let bytes = change.bytes_allocated / COUNTED;
        println!("  {who}: {each} allocations, {bytes} bytes");
    }
}

/// Over the life of one access token, and once beyond it, to see that a call would be counted.
fn calls(runtime: &Runtime, house: &House) {
    let hosted = runtime.block_on(house.hosted());
    let before = house.workos.calls();
    let pace = Duration::from_secs(LIFE - 20) / REQUESTS;
    for _ in 0..REQUESTS {
        runtime.block_on(house.pass(&hosted, &organization()));
        house.clock.advance(pace);
    }
    // Whatever they may have set off in the background.
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
    let calls = house.workos.calls() - before;
    assert_eq!(calls, 0, "requests of a good session call nobody");
    println!("calls to WorkOS in {REQUESTS} requests\n  {calls} (must be 0)");
    house.clock.advance(Duration::from_secs(LIFE));
    runtime.block_on(house.ask(black_box(&hosted), &signed_in()));
    assert!(house.workos.calls() > before, "a refresh is a call");
}
