//! Speed as a ratio to a floor measured in the same run.

use std::fmt;
use std::time::{Duration, Instant};

/// Batches of each side: they alternate, and the median counts, so that noise falls on both.
const BATCHES: usize = 31;

/// What one run of each side took.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// The physical floor: a raw signature, one `GET`, one indexed `SELECT`.
    pub floor: Duration,
    /// What it is compared with.
    pub ours: Duration,
}

impl Ratio {
    /// Measures both sides, `rounds` runs a batch.
    pub fn of(rounds: u32, mut floor: impl FnMut(), mut ours: impl FnMut()) -> Self {
        let (mut floors, mut own) = (Vec::new(), Vec::new());
        for _ in 0..BATCHES {
            floors.push(time(rounds, &mut floor));
            own.push(time(rounds, &mut ours));
        }
        Self {
            floor: median(floors),
            ours: median(own),
        }
    }

    /// Ours over floor.
    pub fn value(&self) -> f64 {
        self.ours.as_secs_f64() / self.floor.as_secs_f64()
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let (floor, ours) = (micros(self.floor), micros(self.ours));
        let value = self.value();
        write!(
            f,
            "floor {floor:.2} us, ours {ours:.2} us, ratio {value:.2}"
        )
    }
}

fn time(rounds: u32, run: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..rounds {
        run();
    }
    start.elapsed() / rounds
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values[values.len() / 2]
}
