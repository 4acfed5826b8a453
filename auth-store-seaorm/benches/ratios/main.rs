//! What the hot verbs cost on a database, as ratios to a floor measured in the same run.
//!
//! - A session's look-up, to one indexed single-row `SELECT` of the same row on a pool of the same settings.
//! - Every hot verb among 1,000,000 rows of each table, to the same verb among 1,000.
//! - Pruning 1,000,000 rows: how long its longest step took, and what look-ups took meanwhile.
//!
//! Arguments name databases (`sqlite`, `postgres`, `mysql`); without any, all of them. `ROWS` replaces the million.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

mod database;
mod pruning;
mod scale;
mod session;

use database::Kind;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |kind: &Kind| {
        let named = |name: &String| Kind::named(name).is_some();
        !arguments.iter().any(named) || arguments.iter().any(|name| name == kind.name())
    };
    let rows = std::env::var("ROWS").map_or(1_000_000, |rows| rows.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for kind in Kind::ALL.iter().filter(|kind| asked(kind)) {
        println!("{}", kind.name());
        let database = runtime.block_on(database::Database::start(*kind));
        session::compare(&runtime, &database);
        scale::compare(&runtime, &database, rows);
        pruning::measure(&runtime, &database, rows);
    }
}
