//! The routes of the host itself: what a run's app registers beside the product, in its framework's own idiom.
//!
//! Every answer is `200 text/plain; charset=utf-8` with the text said here, unless a guard or an extractor stopped the
//! request. Every route answers GET; [`PAGE`] answers POST too.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};

use crate::auth::{Auth, Guard, Otherwise};
use crate::resource::ScopeRequirement;
use crate::web::{Response, empty, private_headers};

/// Extracts `User`; answers its `display_name()`.
pub const USER: &str = "/host/user";
/// Extracts `Option<User>`; answers its `display_name()`, or `nobody`.
pub const OPTIONAL_USER: &str = "/host/user/optional";
/// Extracts `Session`; answers its `amr`, joined by spaces.
pub const SESSION: &str = "/host/session";
/// Extracts `Scope`; answers `{user.display_name()} admin={admin}`.
pub const SCOPE: &str = "/host/scope";
/// Extracts `AccessToken`; answers its `client_id()`.
pub const TOKEN: &str = "/host/token";
/// Extracts `Option<AccessToken>`; answers its `client_id()`, or `no token`.
pub const OPTIONAL_TOKEN: &str = "/host/token/optional";
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
/// Behind `scope("reports:read")`, and extracts `AccessToken`; answers its `client_id()`.
pub const REPORTS: &str = "/host/reports";
/// Behind `scope("admin")`, which no token has; answers `admin`.
pub const ADMIN: &str = "/host/admin";

/// What the guards of these routes need is in the request; what is found stays in its extensions.
fn guard_of(path: &str) -> Option<Guard> {
    use Otherwise::{SignIn, Unauthorized};
    Some(match path {
        PAGE | NESTED_PAGE | BROKEN_PAGE => Guard::SignedIn(SignIn),
        API => Guard::SignedIn(Unauthorized),
        RECENT => Guard::RecentSignIn(None, SignIn),
        RECENT_API => Guard::RecentSignIn(None, Unauthorized),
        REPORTS => Guard::Scopes(ScopeRequirement::all_of(["reports:read"])),
        ADMIN => Guard::Scopes(ScopeRequirement::all_of(["admin"])),
        _ => return None,
    })
}

/// Answers these routes by the functions of the core that adapters forward to.
pub(super) async fn answer(auth: &Auth, request: Request<Bytes>) -> Response {
    let (mut parts, _) = request.into_parts();
    let path = parts.uri.path();
    if parts.method != Method::GET && !(parts.method == Method::POST && path == PAGE) {
        return empty(StatusCode::NOT_FOUND);
    }
    let guard = guard_of(path);
    if let Some(guard) = &guard
        && let Err(refusal) = auth.admit(&mut parts, guard).await
    {
        return *refusal;
    }
    let mut response = handle(auth, &mut parts).await.unwrap_or_else(|no| *no);
    if guard.is_some() {
        private_headers(response.headers_mut());
    }
    response
}

async fn handle(auth: &Auth, parts: &mut Parts) -> Result<Response, Box<Response>> {
    let text = match parts.uri.path() {
        PAGE => "page".to_owned(),
        NESTED_PAGE => "nested".to_owned(),
        API => "api".to_owned(),
        RECENT | RECENT_API => "recent".to_owned(),
        ADMIN => "admin".to_owned(),
        BROKEN_PAGE => {
            return Ok(plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "broken".to_owned(),
            ));
        }
        OPTIONAL_USER => {
            let found = auth.signed_in(parts).await?;
            found.map_or("nobody".to_owned(), |found| {
                found.user.display_name().to_owned()
            })
        }
        TOKEN | REPORTS => auth.access_token(parts).await?.client_id().to_owned(),
        OPTIONAL_TOKEN => {
            let token = auth.optional_access_token(parts).await?;
            token.map_or("no token".to_owned(), |token| token.client_id().to_owned())
        }
        USER | SESSION | SCOPE => of_somebody(auth, parts).await?,
        _ => return Ok(empty(StatusCode::NOT_FOUND)),
    };
    Ok(plain(StatusCode::OK, text))
}

async fn of_somebody(auth: &Auth, parts: &mut Parts) -> Result<String, Box<Response>> {
    let Some(found) = auth.signed_in(parts).await? else {
        return Err(Box::new(auth.unauthenticated(parts)));
    };
    Ok(match parts.uri.path() {
        SESSION => found.session.amr.join(" "),
        SCOPE => {
            let scope = auth.scope(parts, &found).await?;
            format!("{} admin={}", scope.user.display_name(), scope.admin)
        }
        _ => found.user.display_name().to_owned(),
    })
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
