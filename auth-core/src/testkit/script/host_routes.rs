//! The routes of the host itself: what a run's app registers beside the product, in its framework's own idiom.
//!
//! Every answer is `200 text/plain; charset=utf-8` with the text said here, unless a guard or an extractor stopped the
//! request. Every route answers GET; [`PAGE`] and [`CALLS`] answer POST too, and [`FORM`] nothing else.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};

use crate::auth::{Auth, Caller, Guard, Otherwise};
use crate::resource::ScopeRequirement;
use crate::web::{Response, empty, private_headers};

/// Extracts `User`; answers its `display_name()`.
pub const USER: &str = "/host/user";
/// Extracts `Option<User>`; answers its `display_name()`, or `nobody`.
pub const OPTIONAL_USER: &str = "/host/user/optional";
/// Extracts `Session`; answers its `amr`, joined by spaces.
pub const SESSION: &str = "/host/session";
/// Extracts `Option<Session>`; answers its `amr`, joined by spaces, or `nobody`.
pub const OPTIONAL_SESSION: &str = "/host/session/optional";
/// Extracts `Scope`; answers `{user.display_name()} admin={admin}`.
pub const SCOPE: &str = "/host/scope";
/// Extracts `Option<Scope>`; answers as [`SCOPE`], or `nobody`.
pub const OPTIONAL_SCOPE: &str = "/host/scope/optional";
/// Extracts `AccessToken`; answers its `client_id()`.
pub const TOKEN: &str = "/host/token";
/// Extracts `Option<AccessToken>`; answers its `client_id()`, or `no token`.
pub const OPTIONAL_TOKEN: &str = "/host/token/optional";
/// Extracts `Caller`; answers `in person` for a session, else its `subject()`.
pub const CALLER: &str = "/host/caller";
/// Extracts `Option<Caller>`; answers as [`CALLER`], or `nobody`.
pub const OPTIONAL_CALLER: &str = "/host/caller/optional";
/// Extracts `ClientAddress`; answers it, or `unknown`.
pub const ADDRESS: &str = "/host/address";
/// Behind `signed_in`, for GET and POST; answers `page`.
pub const PAGE: &str = "/host/page";
/// As [`PAGE`], GET only, registered as `/page` in a router mounted at `/host/nested`.
pub const NESTED_PAGE: &str = "/host/nested/page";
/// Behind `signed_in`; answers `500` and `broken`: what a handler answers does not undo what the guard did.
pub const BROKEN_PAGE: &str = "/host/broken";
/// Behind `signed_in().or_401()`; answers `api`.
pub const API: &str = "/host/api";
/// Behind `recent_sign_in`; answers `recent`.
pub const RECENT: &str = "/host/recent";
/// Behind `recent_sign_in().or_401()`; answers `recent`.
pub const RECENT_API: &str = "/host/recent/api";
/// Behind `organization`; answers `organization`.
pub const ORGANIZATION: &str = "/host/organization";
/// Behind `role("owner")`; answers `owner`.
pub const OWNER: &str = "/host/owner";
/// Behind `role("owner").or_401()`; answers `owner`.
pub const OWNER_API: &str = "/host/owner/api";
/// Behind `role("buyer")`, which nobody has; answers `buyer`.
pub const BUYER: &str = "/host/buyer";
/// Behind `admin`, which nobody is; answers `administrator`.
pub const ADMINISTRATOR: &str = "/host/administrator";
/// Behind `scope("reports:read")`, and extracts `AccessToken`; answers its `client_id()`.
pub const REPORTS: &str = "/host/reports";
/// Behind `scope("admin")`, which no token has; answers `admin`.
pub const ADMIN: &str = "/host/admin";
/// Behind `token_within` 10 minutes; answers `recent`.
pub const RECENT_TOKEN: &str = "/host/token/recent";
/// Behind `token_acr(["gold", "silver"])`, at which nobody signed in; answers `strong`.
pub const STRONG_TOKEN: &str = "/host/token/strong";
/// Behind `caller`, for GET and POST; answers `called`.
pub const CALLS: &str = "/host/calls";
/// Behind `caller_with_scope("reports:read")`; answers `called`.
pub const CALLS_REPORTS: &str = "/host/calls/reports";
/// Behind `caller_with_scope("admin")`; answers `called`.
pub const CALLS_ADMIN: &str = "/host/calls/admin";
/// Behind `same_origin`, for POST alone; answers `form`.
pub const FORM: &str = "/host/form";

/// What the guards of these routes need is in the request; what is found stays in its extensions.
fn guard_of(path: &str) -> Option<Guard> {
    use Otherwise::{SignIn, Unauthorized};
    let scope = |scope: &str| ScopeRequirement::all_of([scope.to_owned()]);
    Some(match path {
        PAGE | NESTED_PAGE | BROKEN_PAGE => Guard::SignedIn(SignIn),
        API => Guard::SignedIn(Unauthorized),
        RECENT => Guard::RecentSignIn(None, SignIn),
        RECENT_API => Guard::RecentSignIn(None, Unauthorized),
        ORGANIZATION => Guard::Organization(SignIn),
        OWNER => Guard::Role("owner".to_owned(), SignIn),
        OWNER_API => Guard::Role("owner".to_owned(), Unauthorized),
        BUYER => Guard::Role("buyer".to_owned(), SignIn),
        ADMINISTRATOR => Guard::Admin(SignIn),
        REPORTS => Guard::Scopes(scope("reports:read")),
        ADMIN => Guard::Scopes(scope("admin")),
        RECENT_TOKEN => Guard::RecentToken(std::time::Duration::from_mins(10)),
        STRONG_TOKEN => Guard::TokenAcr(vec!["gold".to_owned(), "silver".to_owned()]),
        CALLS => Guard::Caller,
        CALLS_REPORTS => Guard::CallerWithScopes(scope("reports:read")),
        CALLS_ADMIN => Guard::CallerWithScopes(scope("admin")),
        FORM => Guard::SameOrigin,
        _ => return None,
    })
}

/// Answers these routes by the functions of the core that adapters forward to.
pub(super) async fn answer(auth: &Auth, mount: &str, request: Request<Bytes>) -> Response {
    let (mut parts, _) = request.into_parts();
    let Some(path) = parts.uri.path().strip_prefix(mount).map(str::to_owned) else {
        return empty(StatusCode::NOT_FOUND);
    };
    let there = match parts.method {
        Method::GET => path != FORM,
        Method::POST => matches!(&*path, PAGE | CALLS | FORM),
        _ => false,
    };
    if !there {
        return empty(StatusCode::NOT_FOUND);
    }
    let guard = guard_of(&path);
    if let Some(guard) = &guard
        && let Err(refusal) = auth.admit(&mut parts, guard).await
    {
        return *refusal;
    }
    let mut response = handle(auth, &path, &mut parts)
        .await
        .unwrap_or_else(|no| *no);
    if guard.is_some() {
        private_headers(response.headers_mut());
    }
    response
}

async fn handle(auth: &Auth, path: &str, parts: &mut Parts) -> Result<Response, Box<Response>> {
    let text = match path {
        PAGE => "page".to_owned(),
        NESTED_PAGE => "nested".to_owned(),
        API => "api".to_owned(),
        RECENT | RECENT_API | RECENT_TOKEN => "recent".to_owned(),
        ORGANIZATION => "organization".to_owned(),
        OWNER | OWNER_API => "owner".to_owned(),
        BUYER => "buyer".to_owned(),
        ADMINISTRATOR => "administrator".to_owned(),
        ADMIN => "admin".to_owned(),
        STRONG_TOKEN => "strong".to_owned(),
        CALLS | CALLS_REPORTS | CALLS_ADMIN => "called".to_owned(),
        FORM => "form".to_owned(),
        ADDRESS => {
            let address = auth.client_address(parts);
            address.map_or("unknown".to_owned(), |address| address.to_string())
        }
        BROKEN_PAGE => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Ok(plain(status, "broken".to_owned()));
        }
        TOKEN | REPORTS => auth.access_token(parts).await?.client_id().to_owned(),
        OPTIONAL_TOKEN => {
            let token = auth.optional_access_token(parts).await?;
            token.map_or("no token".to_owned(), |token| token.client_id().to_owned())
        }
        CALLER | OPTIONAL_CALLER => match auth.caller(parts).await? {
            Some(caller) => name_of(&caller),
            None if path == CALLER => return Err(Box::new(auth.no_caller(parts))),
            None => "nobody".to_owned(),
        },
        _ => match of_somebody(auth, path, parts).await? {
            Some(text) => text,
            None => return Ok(empty(StatusCode::NOT_FOUND)),
        },
    };
    Ok(plain(StatusCode::OK, text))
}

async fn of_somebody(
    auth: &Auth,
    path: &str,
    parts: &mut Parts,
) -> Result<Option<String>, Box<Response>> {
    let optional = match path {
        USER | SESSION | SCOPE => false,
        OPTIONAL_USER | OPTIONAL_SESSION | OPTIONAL_SCOPE => true,
        _ => return Ok(None),
    };
    let Some(found) = auth.signed_in(parts).await? else {
        if optional {
            return Ok(Some("nobody".to_owned()));
        }
        return Err(Box::new(auth.unauthenticated(parts)));
    };
    Ok(Some(match path {
        SESSION | OPTIONAL_SESSION => found.session.amr.join(" "),
        SCOPE | OPTIONAL_SCOPE => {
            let scope = auth.scope(parts, &found).await?;
            format!("{} admin={}", scope.user.display_name(), scope.admin)
        }
        _ => found.user.display_name().to_owned(),
    }))
}

/// What [`CALLER`] answers.
pub fn name_of(caller: &Caller) -> String {
    match caller {
        Caller::Session(_) => "in person".to_owned(),
        other => other.subject().to_owned(),
    }
}

fn plain(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
