//! `POST /auth/account/export`: all that is kept about a person, as JSON (GDPR Article 20).

use http::header::{CONTENT_DISPOSITION, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::ground::Timestamp;
use crate::login::{LoginWing, SignedIn, UserError};
use crate::services::Event;
use crate::store::{AuditQuery, AuditRecord, StoreResult, User, UserId};
use crate::web::{Exchange, Problem, Response, json as json_response};

/// Records of the audit in an export: the newest.
const MOST_RECORDS: u32 = 1_000;

pub(super) fn form(signed_in: &SignedIn) -> String {
    format!("export:{}", signed_in.session.id)
}

impl LoginWing {
    /// `POST`: the file. The sign-in must be recent.
    pub(super) async fn export_account(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.confirmed_person(exchange, "/account/delete").await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let data = self.export_of(&signed_in.user, exchange.now).await?;
        let event = Event::DataExported {
            user: signed_in.user.id.clone(),
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        let mut response = json_response(StatusCode::OK, &data);
        name_file(response.headers_mut());
        Ok(response)
    }

    /// All that is kept about a person, as JSON: what `POST /auth/account/export` gives.
    ///
    /// # Errors
    /// [`UserError::Unknown`], a hook's, or the store's error.
    pub async fn export_data(&self, user: &UserId) -> Result<Value, UserError> {
        let found = self.core.stores.users.user(user).await?;
        let found = found.ok_or(UserError::Unknown)?;
        let now = self.core.clock.now();
        let data = self.export_of(&found, now).await;
        data.map_err(UserError::Problem)
    }

    async fn export_of(&self, user: &User, now: Timestamp) -> Result<Value, Problem> {
        let hosts = self.settings.lifecycle.hooks.export(user).await?;
        let mut data = json!({
            "exported_at": now.rfc3339(),
            "user": user_facts(user),
            "sessions": self.sessions_in_export(&user.id).await?,
            "second_factors": self.factors_in_export(&user.id).await?,
            "passkeys": self.passkeys_in_export(&user.id).await?,
            "identities": self.identities_in_export(&user.id).await?,
            "devices": self.devices_in_export(&user.id).await?,
            "events": self.events_in_export(&user.id).await?,
            "application": hosts,
        });
        for (name, part) in self.account_observers.export(&user.id).await? {
            data[name] = part;
        }
        Ok(data)
    }

    async fn sessions_in_export(&self, user: &UserId) -> StoreResult<Vec<Value>> {
        let sessions = self.core.stores.sessions.sessions_of(user).await?;
        let facts = sessions.iter().map(|session| {
            json!({
                "id": session.id,
                "created_at": session.created_at.rfc3339(),
                "auth_time": session.auth_time.rfc3339(),
                "amr": session.amr,
                "last_seen_at": session.last_seen_at.rfc3339(),
                "expires_at": session.expires_at.rfc3339(),
                "user_agent": session.user_agent,
                "address": session.address,
            })
        });
        Ok(facts.collect())
    }

    async fn factors_in_export(&self, user: &UserId) -> StoreResult<Value> {
        let factors = &self.core.stores.factors;
        let totp = factors.totp(user).await?;
        let confirmed = totp.and_then(|totp| totp.confirmed_at);
        Ok(json!({
            "totp_enrolled_at": confirmed.map(Timestamp::rfc3339),
            "backup_codes_left": factors.backup_codes_left(user).await?,
        }))
    }

    async fn passkeys_in_export(&self, user: &UserId) -> StoreResult<Vec<Value>> {
        let passkeys = self.core.stores.passkeys.passkeys_of(user).await?;
        let facts = passkeys.iter().map(|passkey| {
            json!({
                "id": passkey.id,
                "name": passkey.name,
                "created_at": passkey.created_at.rfc3339(),
                "last_used_at": passkey.last_used_at.map(Timestamp::rfc3339),
            })
        });
        Ok(facts.collect())
    }

    /// Without the tokens: whoever holds the file is not to act at the other provider.
    async fn identities_in_export(&self, user: &UserId) -> StoreResult<Vec<Value>> {
        let identities = self.core.stores.identities.identities_of(user).await?;
        let facts = identities.iter().map(|identity| {
            json!({
                "id": identity.id,
                "provider": identity.upstream,
                "issuer": identity.issuer,
                "subject": identity.subject,
                "display": identity.display,
                "linked_at": identity.created_at.rfc3339(),
                "last_used_at": identity.last_used_at.map(Timestamp::rfc3339),
            })
        });
        Ok(facts.collect())
    }

    async fn devices_in_export(&self, user: &UserId) -> StoreResult<Vec<Value>> {
        let devices = self.core.stores.devices.trusted_devices_of(user).await?;
        let facts = devices.iter().map(|device| {
            json!({
                "id": device.id,
                "user_agent": device.user_agent,
                "trusted_at": device.created_at.rfc3339(),
                "trusted_until": device.expires_at.rfc3339(),
            })
        });
        Ok(facts.collect())
    }

    async fn events_in_export(&self, user: &UserId) -> StoreResult<Vec<Value>> {
        let query = AuditQuery {
            subject: Some(user.clone()),
            limit: MOST_RECORDS,
            ..AuditQuery::default()
        };
        let records = self.core.stores.audit.audit(&query).await?;
        Ok(records.iter().map(event_facts).collect())
    }
}

fn user_facts(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "email_verified_at": user.email_verified_at.map(Timestamp::rfc3339),
        "username": user.username,
        "claims": user.claims,
        "created_at": user.created_at.rfc3339(),
        "updated_at": user.updated_at.rfc3339(),
        "delete_at": user.delete_at.map(Timestamp::rfc3339),
    })
}

fn event_facts(record: &AuditRecord) -> Value {
    let data: Map<String, Value> = serde_json::from_str(&record.data).unwrap_or_default();
    json!({
        "at": record.at.rfc3339(),
        "event": record.event,
        "address": record.address,
        "data": data,
    })
}

fn name_file(headers: &mut HeaderMap) {
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"account.json\""),
    );
}
