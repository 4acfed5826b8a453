//! How the kit fails: as an assertion of the test does.

use std::fmt;

/// Ends the test, saying what to change.
#[expect(
    clippy::panic,
    reason = "what goes wrong in the kit fails the test that uses it"
)]
#[track_caller]
pub(crate) fn fail(what: impl fmt::Display) -> ! {
    panic!("{what}")
}

/// What a test cannot go on without.
pub(crate) trait Outcome<T> {
    /// The value, or the end of the test.
    fn or_fail(self, what: &str) -> T;
}

impl<T, E: fmt::Display> Outcome<T> for Result<T, E> {
    #[track_caller]
    fn or_fail(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => fail(format_args!("{what}: {error}")),
        }
    }
}

impl<T> Outcome<T> for Option<T> {
    #[track_caller]
    fn or_fail(self, what: &str) -> T {
        match self {
            Some(value) => value,
            None => fail(what),
        }
    }
}
