//! Request objects: parameters as a JWT, by value or by reference (OpenID Connect Core §6, RFC 9101).
//!
//! What is in the object wins over what is beside it. An unsigned object says no more than the query it came in. A
//! client that registered `request_object_signing_alg` is held to it.

use serde_json::Value;

use super::super::ProviderWing;
use super::super::client::ClientMetadata as _;
use super::super::error::OAuthError;
use super::super::response_type::ResponseType;
use crate::ground::Timestamp;
use crate::ground::jose::{Algorithm, Claims, ClaimsCheck, Jws, dangerous_unsigned_claims};
use crate::store::Client;
use crate::web::Params;

/// How far a client's clock may be from ours, in seconds.
const LEEWAY: i64 = 30;

/// Claims of the JWT itself, which are no parameters.
const NOT_PARAMETERS: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

impl ProviderWing {
    /// The parameters of a request with those of its request object; `None` when it has none.
    ///
    /// # Errors
    /// `invalid_request_object`, `invalid_request_uri`, `invalid_request`.
    pub(super) async fn open_request_object(
        &self,
        client: &Client,
        params: &Params,
        now: Timestamp,
    ) -> Result<Option<Params>, OAuthError> {
        if params.is_repeated("request") || params.is_repeated("request_uri") {
            return Err(OAuthError::invalid_request(
                "request or request_uri is repeated",
            ));
        }
        let object = match (params.get("request"), params.get("request_uri")) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(OAuthError::invalid_request(
                    "request and request_uri cannot be used together",
                ));
            }
            (Some(object), None) => object.to_owned(),
            (None, Some(uri)) => self.fetch_request_object(client, uri).await?,
        };
        let claims = self.read_request_object(client, &object, now).await?;
        merge(client, params, claims).map(Some)
    }

    /// Fetches an object from an address that the client registered: nobody else has us call anywhere (threat 44).
    async fn fetch_request_object(&self, client: &Client, uri: &str) -> Result<String, OAuthError> {
        if !self.client_keys.can_fetch() {
            return Err(OAuthError::request_uri_not_supported(
                "request_uri is not supported",
            ));
        }
        let refused = OAuthError::invalid_request_uri;
        if !client.texts("request_uris").any(|own| own == uri) {
            return Err(refused("request_uri is not registered for the client"));
        }
        // The fragment only says when a copy is stale (OpenID Connect Core §6.2), and none is kept.
        let (address, _) = uri.split_once('#').unwrap_or((uri, ""));
        let body = self
            .client_keys
            .fetch_request_object(address)
            .await
            .map_err(|error| {
                let error = &*error as &dyn std::error::Error;
                tracing::warn!(error, "a request_uri could not be fetched");
                refused("request_uri cannot be fetched")
            })?;
        String::from_utf8(body.into())
            .map(|text| text.trim().to_owned())
            .map_err(|_| refused("what is there is no request object"))
    }

    async fn read_request_object(
        &self,
        client: &Client,
        object: &str,
        now: Timestamp,
    ) -> Result<Claims, OAuthError> {
        let invalid = |_| OAuthError::invalid_request_object("the request object cannot be read");
        let registered = client.text("request_object_signing_alg");
        if let Some(claims) = dangerous_unsigned_claims(object).map_err(invalid)? {
            return match registered {
                None | Some("none") => self.check_request_object(client, claims, now),
                Some(_) => Err(OAuthError::invalid_request_object(
                    "the request object must be signed",
                )),
            };
        }
        let jws = Jws::parse(object).map_err(invalid)?;
        let allowed = match registered {
            Some(name) => Algorithm::parse(name).into_iter().collect(),
            None => Algorithm::ALL.to_vec(),
        };
        let keys = self
            .keys_of_client(client, jws.kid(), now)
            .await
            .map_err(OAuthError::invalid_request_object)?;
        let verified = jws.verify(&keys, &allowed).map_err(|_| {
            OAuthError::invalid_request_object("the request object's signature does not verify")
        })?;
        let claims = verified.claims_object().map_err(invalid)?;
        self.check_request_object(client, claims, now)
    }

    /// OpenID Connect Core §6.1: `iss` and `aud` are there in signed objects; where they are, they count, and so do the
    /// times.
    fn check_request_object(
        &self,
        client: &Client,
        claims: Claims,
        now: Timestamp,
    ) -> Result<Claims, OAuthError> {
        let audiences = [self.core.base.issuer(), &self.url("/authorize")];
        let has = |name| claims.get(name).is_some();
        let check = ClaimsCheck {
            issuer: has("iss").then_some(client.client_id.as_str()),
            audience: has("aud").then_some(&audiences),
            leeway_seconds: LEEWAY,
            require_exp: false,
            ..ClaimsCheck::at(now.seconds())
        };
        match check.check(&claims) {
            Ok(()) => Ok(claims),
            Err(_) => Err(OAuthError::invalid_request_object(
                "the request object is from or for somebody else, or not for now",
            )),
        }
    }
}

fn merge(client: &Client, params: &Params, claims: Claims) -> Result<Params, OAuthError> {
    let invalid = OAuthError::invalid_request_object;
    let mut inside = Vec::new();
    for (name, value) in claims.into_object() {
        if NOT_PARAMETERS.contains(&name.as_str()) {
            continue;
        }
        if name == "request" || name == "request_uri" {
            return Err(invalid("a request object has no request or request_uri"));
        }
        for value in texts(&name, value)? {
            inside.push((name.clone(), value));
        }
    }
    let find = |wanted: &str| inside.iter().find(|(name, _)| name == wanted);
    if find("client_id").is_some_and(|(_, id)| *id != client.client_id.as_str()) {
        return Err(invalid("the request object is of another client"));
    }
    // What is inside is what is answered; a difference is a sign of somebody in between (OpenID Connect Core §6.1).
    if let (Some((_, inside)), Some(beside)) = (find("response_type"), params.get("response_type"))
        && ResponseType::parse(inside) != ResponseType::parse(beside)
    {
        return Err(invalid(
            "response_type differs between the request and its object",
        ));
    }
    let beside = params
        .pairs()
        .iter()
        .filter(|(name, _)| name != "request" && name != "request_uri" && find(name).is_none());
    let beside: Vec<_> = beside.cloned().collect();
    inside.extend(beside);
    Ok(Params::from_pairs(inside))
}

/// A member as the parameter it stands for: `claims` is an object, `max_age` a number, `resource` may be an array.
fn texts(name: &str, value: Value) -> Result<Vec<String>, OAuthError> {
    Ok(match value {
        Value::String(text) => vec![text],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Object(_) if name == "claims" => vec![value.to_string()],
        Value::Array(items) if name == "resource" => items
            .into_iter()
            .map(|item| texts("", item))
            .collect::<Result<Vec<_>, _>>()?
            .concat(),
        _ => {
            return Err(OAuthError::invalid_request_object(
                "a parameter in the request object has the wrong JSON type",
            ));
        }
    })
}
