//! k-anonymity: a service learns the first five digits of a digest, which hundreds of passwords share, and answers with
//! all it has that begin so.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;

use super::{BreachedPasswords, PasswordDigest};

const PREFIX: usize = 5;

/// Where ranges come from: an HTTP service, a mirror of one, a file.
#[async_trait]
pub trait RangeSource: Send + Sync + 'static {
    /// All digests that begin with these five upper-case hexadecimal digits, without them: a line each, 35 digits, then
    /// `:` and how often it was seen. Lines with a count of zero are padding.
    ///
    /// # Errors
    /// The source cannot be asked.
    async fn range(&self, prefix: &str) -> Result<String, Box<dyn Error + Send + Sync>>;
}

/// [`BreachedPasswords`] by ranges.
pub struct BreachedRanges<S> {
    source: S,
    patience: Duration,
}

impl<S: RangeSource> BreachedRanges<S> {
    /// Asks `source`, and waits two seconds at most.
    pub fn new(source: S) -> Self {
        Self {
            source,
            patience: Duration::from_secs(2),
        }
    }

    /// How long to wait for an answer.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

#[async_trait]
impl<S: RangeSource> BreachedPasswords for BreachedRanges<S> {
    async fn is_breached(
        &self,
        password: PasswordDigest,
    ) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let digest = password.to_hex();
        let (prefix, rest) = digest.split_at(PREFIX);
        let range = tokio::time::timeout(self.patience, self.source.range(prefix)).await??;
        Ok(range.lines().any(|line| is_seen(line, rest)))
    }
}

fn is_seen(line: &str, rest: &str) -> bool {
    let (suffix, count) = line.trim().split_once(':').unwrap_or((line.trim(), "1"));
    suffix.eq_ignore_ascii_case(rest) && count.trim().parse() != Ok(0_u64)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Scripted {
        answer: Option<&'static str>,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl RangeSource for Scripted {
        async fn range(&self, prefix: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
            self.asked.lock().expect("lock").push(prefix.to_owned());
            match self.answer {
                Some(answer) => Ok(answer.to_owned()),
                None => std::future::pending().await,
            }
        }
    }

    async fn ask(answer: Option<&'static str>) -> (Result<bool, ()>, Vec<String>) {
        let asked = Mutex::new(Vec::new());
        let ranges = BreachedRanges::new(Scripted { answer, asked });
        // SHA-1 of "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
        let found = ranges
            .is_breached(PasswordDigest::of_text("password"))
            .await;
        let asked = ranges.source.asked.into_inner().expect("lock");
        (found.map_err(|_| ()), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn five_digits_are_told_and_the_rest_is_looked_for() {
        for (answer, expected) in [
            ("1E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\r\n", true),
            ("0000\r\n1e4c9b93f3f0682250b6cf8331b7ee68fd8:3", true),
            ("1E4C9B93F3F0682250B6CF8331B7EE68FD8:0\n", false),
            ("1E4C9B93F3F0682250B6CF8331B7EE68FD9:7\n", false),
            ("", false),
            (":::\n\u{0}", false),
        ] {
            let (found, asked) = ask(Some(answer)).await;
            assert_eq!(found, Ok(expected), "{answer}");
            assert_eq!(asked, ["5BAA6"]);
        }
        assert_eq!(ask(None).await.0, Err(()), "waits no longer than it may");
    }
}
