//! What comes of a step, and which answers may come at all.

use std::time::Duration;

use auth_core::testkit::Answer;
use http::StatusCode;

use crate::VERB_TIMEOUT;

/// Longest wait for an answer, whatever is broken. A verb that ran out of time ends its request; but what is done on
/// the side (reading the signing keys again, ending the grants of a session) may run out of time before or after it.
/// The rest is for a busy machine.
pub const BOUND: Duration = VERB_TIMEOUT
    .saturating_mul(2)
    .saturating_add(Duration::from_secs(3));

/// What came of a step.
#[derive(Debug)]
pub enum Step<T> {
    /// It was answered with success.
    Done(T),
    /// The protocol's own refusal.
    Refused(Answer),
    /// Try again later.
    Unavailable,
}

impl<T> Step<T> {
    /// What was answered.
    ///
    /// # Panics
    /// When it was no success.
    #[track_caller]
    pub fn done(self) -> T {
        match self {
            Self::Done(done) => done,
            Self::Refused(answer) => panic!("refused: {} {}", answer.status, answer.text),
            Self::Unavailable => panic!("unavailable"),
        }
    }

    /// The refusal.
    ///
    /// # Panics
    /// When it was none.
    #[track_caller]
    pub fn refused(self) -> Answer {
        match self {
            Self::Refused(answer) => answer,
            Self::Done(_) => panic!("not refused, but done"),
            Self::Unavailable => panic!("not refused, but unavailable"),
        }
    }

    /// Whether it is to be tried again later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable)
    }

    /// The same, with something else made of success.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Self::Done(done) => Step::Done(make(done)),
            Self::Refused(answer) => Step::Refused(answer),
            Self::Unavailable => Step::Unavailable,
        }
    }
}

/// Who is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// A person's browser: a page, or a redirect to the client.
    Browser,
    /// A client, in the words of RFC 6749 §5.2.
    Client,
}

/// Sorts an answer.
///
/// # Errors
/// It may not be, whatever is broken.
pub(crate) fn sort(to: To, answer: Answer) -> Result<Step<Answer>, String> {
    let status = answer.status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let after = answer
            .header("retry-after")
            .and_then(|text| text.parse::<u32>().ok());
        if after.is_none_or(|seconds| seconds == 0) {
            return Err(format!("503 without a Retry-After: {:?}", answer.headers));
        }
        if to == To::Client && answer.json()["error"] != "temporarily_unavailable" {
            return Err(format!("503 without the protocol's error: {}", answer.text));
        }
        return Ok(Step::Unavailable);
    }
    if status.is_redirection() {
        // RFC 6749 §4.1.2.1: "a 503 Service Unavailable HTTP status code cannot be returned to the client via an HTTP
        // redirect".
        return match answer.location_param("error").as_deref() {
            None => Ok(Step::Done(answer)),
            Some("temporarily_unavailable") => Ok(Step::Unavailable),
            Some("server_error") => Err(format!("server_error: {:?}", answer.location())),
            Some(_) => Ok(Step::Refused(answer)),
        };
    }
    if status.is_success() {
        Ok(Step::Done(answer))
    } else if status.is_client_error() {
        Ok(Step::Refused(answer))
    } else {
        Err(format!("{status}: {}", answer.text))
    }
}

#[cfg(test)]
mod tests {
    use auth_core::web::Problem;
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn answer(status: StatusCode, header: Option<(&'static str, &str)>, text: String) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        Answer {
            status,
            headers,
            text,
        }
    }

    #[test]
    fn a_503_says_when_to_come_again_and_a_client_hears_it_in_its_words() {
        let later = Some(("retry-after", "5"));
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let page = || Problem::unavailable().to_json().to_string();
        let error = || json!({ "error": "temporarily_unavailable" }).to_string();
        assert!(
            sort(To::Browser, answer(status, later, page()))
                .unwrap()
                .is_unavailable()
        );
        assert!(
            sort(To::Client, answer(status, later, error()))
                .unwrap()
                .is_unavailable()
        );
        assert!(sort(To::Client, answer(status, later, page())).is_err());
        assert!(sort(To::Client, answer(status, None, error())).is_err());
        assert!(
            sort(
                To::Browser,
                answer(status, Some(("retry-after", "0")), page())
            )
            .is_err()
        );
    }

    #[test]
    fn no_other_fault_of_ours_is_an_answer() {
        let plain = |status| sort(To::Client, answer(status, None, String::new()));
        assert!(plain(StatusCode::INTERNAL_SERVER_ERROR).is_err());
        assert!(plain(StatusCode::GATEWAY_TIMEOUT).is_err());
        assert!(matches!(plain(StatusCode::OK), Ok(Step::Done(_))));
        assert!(matches!(
            plain(StatusCode::BAD_REQUEST),
            Ok(Step::Refused(_))
        ));
        let redirect = |error: &str| {
            let location = format!("https://rp.example/callback?error={error}");
            let header = Some(("location", location.as_str()));
            sort(
                To::Browser,
                answer(StatusCode::SEE_OTHER, header, String::new()),
            )
        };
        assert!(redirect("server_error").is_err());
        assert!(
            redirect("temporarily_unavailable")
                .unwrap()
                .is_unavailable()
        );
        assert!(matches!(redirect("access_denied"), Ok(Step::Refused(_))));
    }
}
