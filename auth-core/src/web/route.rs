//! The route table: data that adapters register natively.

use http::Method;

/// Who an endpoint's errors are for (the choice is made per route, never guessed from a failure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// People: errors are pages (or JSON on request), missing sign-in is a redirect.
    Page,
    /// Programs: errors are JSON.
    Api,
    /// Programs in browsers too: as `Api`, with CORS for any origin, without credentials.
    OpenApi,
}

/// One path of the product and the methods it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The static path, base path included.
    pub path: String,
    /// Methods; `HEAD` goes with `GET`, `OPTIONS` with [`Side::OpenApi`].
    pub methods: Vec<Method>,
    /// Who its errors are for.
    pub side: Side,
}

impl Route {
    /// A route answering `methods` and what follows from them.
    pub fn new(path: String, side: Side, methods: &[Method]) -> Self {
        let mut methods = methods.to_vec();
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        if side == Side::OpenApi {
            methods.push(Method::OPTIONS);
        }
        Self {
            path,
            methods,
            side,
        }
    }

    /// The path as seen by a router mounted at `mount`; `None` when it does not lie under it.
    pub fn path_under(&self, mount: &str) -> Option<&str> {
        let rest = self.path.strip_prefix(mount.trim_end_matches('/'))?;
        rest.starts_with('/').then_some(rest)
    }

    /// The methods as an `Allow` header lists them.
    pub fn allow(&self) -> String {
        let methods: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        methods.join(", ")
    }
}
