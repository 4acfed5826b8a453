//! The HTTP script on the bare core, and on hosts that lose something on the way.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use auth_core::testkit::script::{Answering, Bare, Host, Script, Setting, Site, Transcript};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response, StatusCode};

// Twice: what the script compares between frameworks must not differ between two runs of one.
#[tokio::test]
async fn the_script_holds_and_hosts_built_alike_answer_alike() {
    let script = Script::new().await;
    for setting in Setting::ALL {
        let host = script.host(setting).await;
        script.compare(&host, &Bare::new(&host)).await;
    }
}

/// A host between whose client and core something goes wrong.
struct Spoiled {
    bare: Bare,
    request: fn(&mut Request<Bytes>),
    response: fn(&mut Response<Bytes>),
}

impl Site for Spoiled {
    fn send(&self, mut request: Request<Bytes>) -> Answering<'_> {
        Box::pin(async move {
            (self.request)(&mut request);
            let mut response = self.bare.send(request).await;
            (self.response)(&mut response);
            response
        })
    }
}

fn only_the_last(headers: &mut HeaderMap) {
    let last: Vec<_> = headers
        .keys()
        .filter_map(|name| {
            Some((
                name.clone(),
                headers.get_all(name).iter().next_back()?.clone(),
            ))
        })
        .collect();
    headers.clear();
    headers.extend(last);
}

fn no_request(_: &mut Request<Bytes>) {}
fn no_response(_: &mut Response<Bytes>) {}

type Faults = [(
    &'static str,
    fn(&mut Request<Bytes>),
    fn(&mut Response<Bytes>),
)];

const FAULTS: &Faults = &[
    (
        "a query is lost",
        |r| *r.uri_mut() = r.uri().path().parse().unwrap(),
        no_response,
    ),
    (
        "repeated request headers are lost",
        |r| only_the_last(r.headers_mut()),
        no_response,
    ),
    (
        "Fetch-Metadata is lost",
        |r| {
            r.headers_mut().remove("sec-fetch-site");
        },
        no_response,
    ),
    (
        "POST becomes GET",
        |r| {
            if r.method() == Method::POST {
                *r.method_mut() = Method::GET;
            }
        },
        no_response,
    ),
    (
        "HEAD becomes GET",
        |r| {
            if r.method() == Method::HEAD {
                *r.method_mut() = Method::GET;
            }
        },
        no_response,
    ),
    (
        "a body is cut",
        |r| {
            let short = r.body().len().saturating_sub(1);
            r.body_mut().truncate(short);
        },
        no_response,
    ),
    (
        "an Authorization is lost",
        |r| {
            r.headers_mut().remove(AUTHORIZATION);
        },
        no_response,
    ),
    ("303 becomes 302", no_request, |r| {
        if r.status() == StatusCode::SEE_OTHER {
            *r.status_mut() = StatusCode::FOUND;
        }
    }),
    ("a Location is made absolute", no_request, |r| {
        if let Some(to) = r.headers_mut().get_mut(LOCATION) {
            *to = format!("http://x{}", to.to_str().unwrap()).parse().unwrap();
        }
    }),
    ("a cookie is lost", no_request, |r| {
        r.headers_mut().remove(SET_COOKIE);
    }),
    ("a cookie is set twice", no_request, |r| {
        if let Some(one) = r.headers().get(SET_COOKIE).cloned() {
            r.headers_mut().append(SET_COOKIE, one);
        }
    }),
    ("a media type is respelled", no_request, |r| {
        if r.headers()
            .get(CONTENT_TYPE)
            .is_some_and(|t| t.as_bytes().starts_with(b"text/html"))
        {
            r.headers_mut()
                .insert(CONTENT_TYPE, "text/html".parse().unwrap());
        }
    }),
    ("an ETag is lost", no_request, |r| {
        r.headers_mut().remove(ETAG);
    }),
    ("a challenge is lost", no_request, |r| {
        r.headers_mut().remove(WWW_AUTHENTICATE);
    }),
    ("a header is added", no_request, |r| {
        r.headers_mut().insert("x-powered-by", "y".parse().unwrap());
    }),
    ("a body is added to", no_request, |r| {
        if !r.body().is_empty() {
            *r.body_mut() = [r.body(), &b"\n"[..]].concat().into();
        }
    }),
    ("errors get a body of their own", no_request, |r| {
        if r.status() == StatusCode::METHOD_NOT_ALLOWED {
            *r.body_mut() = Bytes::from_static(b"no");
        }
    }),
];

async fn run_spoiled(script: &Script, host: Host, expected: &Transcript, fault: usize) {
    let (_, request, response) = FAULTS[fault];
    let bare = Bare::new(&host);
    let site = Spoiled {
        bare,
        request,
        response,
    };
    script.run_against(expected, &host, &site).await;
}

#[tokio::test]
async fn whatever_is_lost_on_the_way_is_found_out() {
    let script = Arc::new(Script::new().await);
    let host = script.host(Setting::Root).await;
    let expected = Arc::new(script.run(&host, &Bare::new(&host)).await);
    for (index, (fault, _, _)) in FAULTS.iter().enumerate() {
        let (script, expected) = (script.clone(), expected.clone());
        let host = script.host(Setting::Root).await;
        // On a thread of its own, as a run that fails is a panic.
        let run = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime
                .unwrap()
                .block_on(run_spoiled(&script, host, &expected, index));
        });
        let message = run.join().expect_err(fault);
        let message = message.downcast_ref::<String>().map_or("", String::as_str);
        assert!(message.contains('#'), "{fault}: {message}");
    }
}
