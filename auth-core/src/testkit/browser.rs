//! A browser without a network or a screen: cookies, forms, redirects.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HeaderValue, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};

use crate::auth::Auth;
use crate::web::{ClientAddr, Response};

/// Asks an [`Auth`] as a browser would: keeps cookies, sends Fetch-Metadata, fills in forms.
#[derive(Clone, Debug)]
pub struct Browser {
    auth: Auth,
    cookies: BTreeMap<String, String>,
    address: IpAddr,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Browser {
    /// A fresh profile at 192.0.2.1.
    pub fn new(auth: &Auth) -> Self {
        Self {
            auth: auth.clone(),
            cookies: BTreeMap::new(),
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        }
    }

    /// The same, at another address.
    #[must_use]
    pub fn at(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// The same profile, whose next requests another node answers.
    #[must_use]
    pub fn through(mut self, auth: &Auth) -> Self {
        self.auth = auth.clone();
        self
    }

    /// The cookie with this name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Plants or replaces a cookie.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// The cookies as the next request has them: `name=value; …`.
    pub fn cookies(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// Keeps or forgets cookies as an answer says, also one that came another way.
    pub fn keep_cookies(&mut self, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            let text = String::from_utf8_lossy(value.as_bytes());
            let mut parts = text.split(';');
            let pair = parts.next().unwrap_or_default().split_once('=');
            let Some((name, value)) = pair else { continue };
            if parts.any(|part| part.trim() == "Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("sec-fetch-site", "none")], "")
            .await
    }

    /// Opens a page and follows redirects within the site, ten at most.
    pub async fn visit(&mut self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        for _ in 0..10 {
            match answer.location() {
                Some(location) if location.starts_with('/') => {
                    answer = self.get(&location).await;
                }
                _ => break,
            }
        }
        answer
    }

    /// Submits the form of a page that was answered: its hidden fields, with `fields` over them, to its action.
    pub async fn submit(&mut self, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let form = page.form();
        let mut all = form.fields;
        for (name, value) in fields {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        let pairs: Vec<_> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.post(&form.action, &pairs).await
    }

    /// Posts a form from this site.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send(Method::POST, path, &headers, &body).await
    }

    /// Sends any request with this browser's cookies.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
        *request.method_mut() = method;
        if let Ok(uri) = path.parse() {
            *request.uri_mut() = uri;
        }
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                request.headers_mut().append(name, value);
            }
        }
        if let Ok(value) = HeaderValue::from_str(&self.cookies()) {
            request.headers_mut().insert(COOKIE, value);
        }
        request.extensions_mut().insert(ClientAddr(self.address));
        let response = self.auth.handle(request).await;
        self.keep_cookies(response.headers());
        Answer::from(response)
    }
}

struct Form {
    action: String,
    fields: BTreeMap<String, String>,
}

impl Answer {
    /// The `Location`.
    pub fn location(&self) -> Option<String> {
        let value = self.headers.get(LOCATION)?;
        value.to_str().ok().map(str::to_owned)
    }

    /// A parameter of the `Location`'s query.
    pub fn location_param(&self, name: &str) -> Option<String> {
        let location = self.location()?;
        let (address, fragment) = location.split_once('#').unwrap_or((location.as_str(), ""));
        let (_, query) = address.split_once('?').unwrap_or_default();
        let pairs = [query, fragment].map(|text| form_urlencoded::parse(text.as_bytes()));
        let mut pairs = pairs.into_iter().flatten();
        let found = pairs.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a hidden field of the first form.
    pub fn field(&self, name: &str) -> Option<String> {
        self.form().fields.get(name).cloned()
    }

    fn form(&self) -> Form {
        let form = self.text.split("<form").nth(1).unwrap_or_default();
        let form = form.split("</form>").next().unwrap_or_default();
        let action = attribute(form.split('>').next().unwrap_or_default(), "action");
        let hidden = form
            .split("<input")
            .skip(1)
            .filter_map(|input| input.split('>').next())
            .filter(|input| attribute(input, "type").as_deref() == Some("hidden"));
        let fields = hidden
            .filter_map(|input| {
                let value = attribute(input, "value").unwrap_or_default();
                Some((attribute(input, "name")?, value))
            })
            .collect();
        Form {
            action: action.unwrap_or_default(),
            fields,
        }
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let is_text = response.headers().contains_key(CONTENT_TYPE);
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            text: if is_text {
                String::from_utf8_lossy(&body).into_owned()
            } else {
                String::new()
            },
        }
    }
}

// Enough for pages of our own making, whose attributes are always quoted.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#x27;", "'")
            .replace("&amp;", "&"),
    )
}
