//! Building one: nothing here fails, what cannot work is remembered for `validate`.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{ApiCall, ClientAuth, IssuerRule, Protocol, ResponseMode, SecretBy, Upstream, pem};
use crate::ground::jose::jwe::DecryptionKey;
use crate::ground::jose::{Algorithm, SigningKey};
use crate::login::federation::preset::{self, PlaceKind, Preset};
use crate::login::federation::profile::ProfileMap;

const OPENID: &str = "openid";

impl Upstream {
    /// A provider that everybody knows, such as `github`, by the client id it gave the app. [`presets`](Self::presets)
    /// are all of them; `docs/sign-in-with.md` says what each wants.
    pub fn preset(name: &str, client_id: impl Into<String>) -> Self {
        let Some(preset) = preset::find(name) else {
            let mut upstream = Self::new(name, openid(String::new()), client_id.into());
            let known: Vec<_> = Self::presets().collect();
            upstream.note(format!("is no preset; there are {}", known.join(", ")));
            return upstream;
        };
        let nowhere = openid(String::new());
        let mut upstream = Self::new(preset.name, nowhere, client_id.into());
        preset.label.clone_into(&mut upstream.label);
        upstream.secret_by = preset.secret_by;
        upstream.scopes = owned(preset.scopes);
        for &(name, value) in preset.parameters {
            upstream = upstream.parameter(name, value);
        }
        upstream.response_mode = preset.response_mode;
        upstream.uses_pkce = preset.uses_pkce;
        upstream.profile = preset.profile.clone();
        upstream.preset = Some(preset);
        upstream.settle(preset, None);
        upstream
    }

    /// The names that [`preset`](Self::preset) knows.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        preset::all().map(|preset| preset.name)
    }

    /// Any OpenID provider, by its issuer identifier: its endpoints and keys are found by discovery. Its ID tokens may
    /// be signed by any algorithm of [`Algorithm`], and its `UserInfo` is asked for what they leave out.
    pub fn openid(
        name: impl Into<String>,
        issuer: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Self {
        let mut upstream = Self::new(&name.into(), openid(issuer.into()), client_id.into());
        upstream.secret_by = SecretBy::Basic;
        upstream.scopes = owned(&[OPENID, "profile", "email"]);
        upstream.profile = ProfileMap::OPENID;
        upstream
    }

    /// Anything that speaks OAuth 2. Say also who came, by [`user_info`](Self::user_info) and
    /// [`profile`](Self::profile). In the identities that people link, the authorization endpoint stands for it unless
    /// [`issuer`](Self::issuer) does: change neither later, or nobody is known any more.
    pub fn oauth2(
        name: impl Into<String>,
        authorization_endpoint: impl Into<String>,
        token_endpoint: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Self {
        let authorization_endpoint = authorization_endpoint.into();
        let protocol = Protocol::OAuth2 {
            issuer: authorization_endpoint.clone(),
            authorization_endpoint,
            token_endpoint: token_endpoint.into(),
            calls: Vec::new(),
        };
        Self::new(&name.into(), protocol, client_id.into())
    }

    fn new(name: &str, protocol: Protocol, client_id: String) -> Self {
        Self {
            name: name.to_owned(),
            label: name.to_owned(),
            protocol,
            client_id,
            client_auth: ClientAuth::None,
            decryption_keys: Arc::new([]),
            secret_by: SecretBy::Post,
            is_public: false,
            preset: None,
            lacks_place: false,
            problem: None,
            scopes: Vec::new(),
            parameters: Vec::new(),
            response_mode: ResponseMode::Query,
            uses_pkce: true,
            profile: ProfileMap::EMPTY,
            trusts_email: false,
            trusts_authentication: false,
            keeps_tokens: false,
            signs_out: false,
        }
    }

    /// Another name: part of its callback, `/auth/callback/<name>`. `a-z`, `0-9` and `-`, at most 32.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What people read: "Continue with" and this.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The client's secret, sent as this provider wants it: in the body for [`oauth2`](Self::oauth2)
    /// (`client_secret_post`), in the header for [`openid`](Self::openid) (`client_secret_basic`).
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        let secret = Zeroizing::new(secret.into());
        match self.secret_by {
            SecretBy::Basic => self.client_auth = ClientAuth::Basic(secret),
            SecretBy::Post => self.client_auth = ClientAuth::Post(secret),
            SecretBy::AppleJwt => {
                self.note("takes no secret; give apple_key(team_id, key_id, pem)".to_owned());
            }
        }
        self
    }

    /// The client's secret, sent in the `Authorization` header (`client_secret_basic`).
    pub fn secret_in_header(mut self, secret: impl Into<String>) -> Self {
        self.client_auth = ClientAuth::Basic(Zeroizing::new(secret.into()));
        self
    }

    /// The client's secret, sent in the body (`client_secret_post`).
    pub fn secret_in_body(mut self, secret: impl Into<String>) -> Self {
        self.client_auth = ClientAuth::Post(Zeroizing::new(secret.into()));
        self
    }

    /// The client proves itself by signing (`private_key_jwt`, RFC 7523); the provider has the public half.
    pub fn private_key_jwt(mut self, key: impl Into<Arc<SigningKey>>) -> Self {
        self.client_auth = ClientAuth::PrivateKeyJwt(key.into());
        self
    }

    /// Private keys that it encrypts ID tokens and `UserInfo` answers to, where it was told to at registration
    /// (`id_token_encrypted_response_alg` and its like): their public halves are what was registered. Whatever comes in
    /// the clear is accepted as before.
    pub fn decryption_keys(mut self, keys: impl IntoIterator<Item = DecryptionKey>) -> Self {
        self.decryption_keys = keys.into_iter().collect();
        self
    }

    /// What Apple takes for a secret: the team's id, the key's id, and the key itself as it was downloaded (`.p8`).
    pub fn apple_key(mut self, team_id: impl Into<String>, key_id: &str, pem: &str) -> Self {
        let key = pem::pkcs8(pem)
            .and_then(|der| SigningKey::from_pkcs8(Algorithm::Es256, Some(key_id), &der).ok());
        match key {
            Some(key) => {
                self.client_auth = ClientAuth::AppleJwt {
                    team_id: team_id.into(),
                    key: Arc::new(key),
                }
            }
            None => self.note(
                "apple_key: not a P-256 key in PKCS#8 PEM; give the whole .p8 file".to_owned(),
            ),
        }
        self
    }

    /// The client has no secret; PKCE alone binds the code to it (RFC 6749 §2.1).
    pub fn public_client(mut self) -> Self {
        self.client_auth = ClientAuth::None;
        self.is_public = true;
        self
    }

    /// Which people: for `microsoft`, `common` (the default), `organizations`, `consumers` or a tenant's id.
    pub fn tenant(self, tenant: impl AsRef<str>) -> Self {
        self.place(PlaceKind::Tenant, tenant.as_ref())
    }

    /// Which instance, for the presets of products that many operate: a host, such as `acme.okta.com`.
    pub fn domain(self, domain: impl AsRef<str>) -> Self {
        self.place(PlaceKind::Domain, domain.as_ref())
    }

    /// The issuer identifier: which instance, for presets with one each (`keycloak`); for [`oauth2`](Self::oauth2),
    /// what the provider calls itself in its answers (`iss`, RFC 9207), if it does.
    pub fn issuer(mut self, url: impl Into<String>) -> Self {
        let url = url.into();
        match &mut self.protocol {
            Protocol::OAuth2 { issuer, .. } if self.preset.is_none() => {
                *issuer = url;
                self
            }
            _ => self.place(PlaceKind::Issuer, &url),
        }
    }

    /// What is asked for, in place of the default. `openid` is added where it is an OpenID provider.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes.clear();
        if matches!(self.protocol, Protocol::OpenId { .. }) {
            self.scopes.push(OPENID.to_owned());
        }
        scopes.into_iter().fold(self, Self::add_scope)
    }

    /// Something more that is asked for.
    pub fn add_scope(mut self, scope: impl Into<String>) -> Self {
        let scope = scope.into();
        if !self.scopes.contains(&scope) {
            self.scopes.push(scope);
        }
        self
    }

    /// A further parameter of the authorization request, in place of one of the same name.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.parameters.retain(|(other, _)| *other != name);
        self.parameters.push((name, value.into()));
        self
    }

    /// Where it says who came: asked with the access token, by GET, for a JSON object. OAuth 2 only.
    pub fn user_info(self, url: impl Into<String>) -> Self {
        self.api_call("", url)
    }

    /// One more request to its API; the answer stands under `name` in the document that the profile is read from.
    pub fn api_call(mut self, name: &'static str, url: impl Into<String>) -> Self {
        let call = ApiCall {
            name,
            url: url.into(),
            method: http::Method::GET,
            headers: Vec::new(),
        };
        match &mut self.protocol {
            Protocol::OAuth2 { calls, .. } => {
                calls.retain(|other| other.name != name);
                calls.push(call);
            }
            Protocol::OpenId { .. } => {
                self.note("user_info: discovery knows where that of an OpenID provider is".into());
            }
        }
        self
    }

    /// Where in its documents it says what.
    pub fn profile(mut self, map: ProfileMap) -> Self {
        self.profile = map;
        self
    }

    /// Signatures that its ID tokens may have. OpenID only.
    pub fn algorithms(mut self, allowed: impl IntoIterator<Item = Algorithm>) -> Self {
        match &mut self.protocol {
            Protocol::OpenId { algorithms, .. } => *algorithms = allowed.into_iter().collect(),
            Protocol::OAuth2 { .. } => self.note("algorithms: OAuth 2 has no ID token".to_owned()),
        }
        self
    }

    /// Believes it when it says that an address is verified: who comes with one is the person whose account here has
    /// the same address, verified too. Off for every preset. Turn it on only for a provider that checks addresses
    /// itself, and whose operators may enter every account here that way.
    pub fn trust_email(mut self) -> Self {
        self.trusts_email = true;
        self
    }

    /// Believes it on when and how people signed in there (`auth_time`, `acr`, `amr`).
    pub fn trust_authentication(mut self) -> Self {
        self.trusts_authentication = true;
        self
    }

    /// Keeps its tokens, sealed, for the host; asks for a refresh token where a preset knows how.
    pub fn keep_tokens(mut self) -> Self {
        self.keeps_tokens = true;
        if let Some(preset) = self.preset {
            let offline = &preset.offline;
            for &scope in offline.scopes {
                self = self.add_scope(scope);
            }
            for &(name, value) in offline.parameters {
                self = self.parameter(name, value);
            }
        }
        self
    }

    /// Signing out here leads on to signing out there, where it has a place for it.
    pub fn sign_out_there(mut self) -> Self {
        self.signs_out = true;
        self
    }

    /// Remembers what cannot work, if it is the first such thing.
    pub(super) fn note(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    pub(in crate::login::federation) fn place(mut self, kind: PlaceKind, said: &str) -> Self {
        let preset = self.preset;
        match preset.filter(|preset| preset.place.as_ref().is_some_and(|it| it.kind == kind)) {
            Some(preset) => self.settle(preset, Some(said)),
            None => self.note(format!("takes no {}", kind.method())),
        }
        self
    }

    /// The row's protocol, with what the operator said in its place.
    fn settle(&mut self, preset: &Preset, said: Option<&str>) {
        match preset.protocol(said) {
            Ok(Some(mut protocol)) => {
                if let (
                    Protocol::OpenId { algorithms, .. },
                    Protocol::OpenId {
                        algorithms: old, ..
                    },
                ) = (&mut protocol, &self.protocol)
                {
                    algorithms.clone_from(old);
                }
                self.protocol = protocol;
                self.lacks_place = false;
            }
            Ok(None) => self.lacks_place = true,
            Err(problem) => self.note(problem),
        }
    }
}

fn openid(issuer: String) -> Protocol {
    Protocol::OpenId {
        issuer,
        issuers: IssuerRule::Exact,
        algorithms: Algorithm::ALL.to_vec(),
        user_info: true,
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
