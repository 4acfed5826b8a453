//! Randomness that is the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ground::{Digest32, Random};

/// Digests of a seed and a counter: unlike each other, like those of any other run. Never for a host in use.
#[derive(Debug, Default)]
pub struct SeededRandom {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededRandom {
    /// The sequence that belongs to this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: AtomicU64::new(0),
        }
    }
}

impl Random for SeededRandom {
    fn fill(&self, destination: &mut [u8]) {
        for chunk in destination.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::SeqCst);
            let digest = Digest32::of_parts(&[&self.seed.to_be_bytes(), &number.to_be_bytes()]);
            chunk.copy_from_slice(&digest.as_bytes()[..chunk.len()]);
        }
    }
}
