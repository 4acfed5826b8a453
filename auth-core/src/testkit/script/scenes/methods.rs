//! Every method on every route.

use http::Method;
use http::header::CONTENT_LENGTH;

use crate::testkit::script::ask::Ask;
use crate::testkit::script::person::Person;
use crate::testkit::script::reply::Reply;
use crate::testkit::script::stage::Stage;
use crate::web::Route;

const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

pub(super) async fn signed_out(stage: &mut Stage<'_>) {
    every_method(stage, &Person::new()).await;
}

pub(super) async fn signed_in(stage: &mut Stage<'_>) {
    let alice = Person::alice(stage).await;
    every_method(stage, &alice).await;
}

async fn every_method(stage: &mut Stage<'_>, person: &Person) {
    let mut routes: Vec<Route> = stage.host.auth.routes().cloned().collect();
    assert!(routes.len() > 20, "{} routes", routes.len());
    routes.sort_by(|one, other| one.path.cmp(&other.path));
    // Not of RFC 9110, and lower case: methods are case-sensitive (§9.1).
    let odd = [Method::from_bytes(b"BREW"), Method::from_bytes(b"get")].map(Result::unwrap);
    for route in &routes {
        let mut length = None;
        for method in METHODS.iter().chain(&odd) {
            let mut ask = Ask::new(method.clone(), route.path.as_str());
            if *method == Method::POST {
                ask = ask.form(&[]);
            }
            // A copy, so that what one step does with its cookies is nothing to the next.
            let reply = person.clone().ask(stage, ask).await;
            check(&reply, route, method);
            match *method {
                Method::GET => length = Some(reply.body_length()),
                Method::HEAD if route.methods.contains(method) => check_head(&reply, length),
                _ => {}
            }
        }
    }
}

#[track_caller]
fn check(reply: &Reply, route: &Route, method: &Method) {
    assert!(!reply.status.is_server_error(), "{}", reply.step);
    if !route.methods.contains(method) {
        reply.is(405).has("allow", &route.allow());
    }
    reply.has("x-content-type-options", "nosniff");
    reply.has("referrer-policy", "no-referrer");
    assert!(reply.header("cache-control").is_some(), "{}", reply.step);
}

/// HEAD is GET without the body. The length may be left out (RFC 9110 §9.3.2), but not be another (§8.6).
#[track_caller]
fn check_head(reply: &Reply, length: Option<usize>) {
    let stated = reply.headers.get(CONTENT_LENGTH);
    let stated = stated.map(|value| value.to_str().unwrap().parse::<usize>().unwrap());
    if let Some(stated) = stated {
        assert_eq!(Some(stated), length, "{}", reply.step);
    }
}
