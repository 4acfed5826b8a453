//! Trusted devices: browsers spared the second factor for a while. A spared sign-in has one factor and says so.

use std::net::IpAddr;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::account::Notice;
use super::{SecondFactors, asks_for_several};
use crate::ground::{Digest32, Timestamp};
use crate::login::reply::done;
use crate::login::session_life::user_agent;
use crate::login::{LoginWing, SignedIn};
use crate::services::Event;
use crate::store::{DeviceId, StoreResult, TotpFactor, TrustedDevice, User, UserId};
use crate::web::{CookieLife, CookieName, Exchange, Problem, Response};

pub(super) fn one_form(signed_in: &SignedIn, device: &DeviceId) -> String {
    format!("forget_device:{}:{device}", signed_in.session.id)
}

pub(super) fn all_form(signed_in: &SignedIn) -> String {
    format!("forget_devices:{}", signed_in.session.id)
}

impl LoginWing {
    /// The digest of a device's secret, bound to the password and the enrolment it was trusted under: once either is
    /// another, the device is as good as unknown, whether or not anybody came to remove it.
    async fn device_digest(
        &self,
        secret: &str,
        user: &UserId,
        totp: Option<&TotpFactor>,
    ) -> StoreResult<Digest32> {
        let password = self.core.stores.users.password_hash(user).await?;
        let password = password.as_ref().map_or("", |hash| hash.expose());
        let totp = totp.map_or("", |totp| totp.id.as_str());
        Ok(Digest32::of_parts(&[
            b"trusted device",
            secret.as_bytes(),
            user.as_str().as_bytes(),
            password.as_bytes(),
            totp.as_bytes(),
        ]))
    }

    /// Whether this browser is spared the user's second factor. Never where somebody is to prove again who they are, and
    /// never where several factors are asked for by name.
    pub(super) async fn spares(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        factors: &SecondFactors,
    ) -> Result<bool, Problem> {
        let cookie = exchange.cookie(CookieName::TrustedDevice);
        let Some((id, secret)) = cookie.and_then(|cookie| cookie.split_once('.')) else {
            return Ok(false);
        };
        if self.settings.factors.trusted_devices.is_none() || asks_for_several(exchange)? {
            return Ok(false);
        }
        let present = self.resolve(exchange.headers(), exchange.now).await?;
        if present.is_some_and(|present| present.user.id == user.id) {
            return Ok(false);
        }
        let devices = &self.core.stores.devices;
        let device = devices.trusted_device(&id.into()).await?;
        let is_theirs =
            |device: &TrustedDevice| device.user_id == user.id && exchange.now < device.expires_at;
        let Some(device) = device.filter(is_theirs) else {
            return Ok(false);
        };
        let digest = self
            .device_digest(secret, &user.id, factors.totp.as_ref())
            .await?;
        Ok(device.token_digest == digest)
    }

    /// Spares this browser the second factor from now on. Only ever after a full one.
    pub(super) async fn trust_device(
        &self,
        exchange: &mut Exchange<'_>,
        user: &UserId,
    ) -> Result<(), Problem> {
        let Some(life) = self.settings.factors.trusted_devices else {
            return Ok(());
        };
        let core = &self.core;
        let factors = self.second_factors(user).await?;
        let secret = Zeroizing::new(core.random.secret());
        let device = TrustedDevice {
            id: DeviceId::new(core.random.id()),
            user_id: user.clone(),
            token_digest: self
                .device_digest(&secret, user, factors.totp.as_ref())
                .await?,
            user_agent: user_agent(exchange.headers()),
            created_at: exchange.now,
            expires_at: exchange.now + life,
        };
        core.stores.devices.trust_device(&device).await?;
        let value = Zeroizing::new(format!("{}.{}", device.id, *secret));
        let name = CookieName::TrustedDevice;
        exchange.cookies.set(name, &value, CookieLife::MaxAge(life));
        let event = Event::DeviceTrusted {
            user: user.clone(),
            device: device.id.to_string(),
        };
        core.emit(exchange.now, exchange.address, event).await;
        Ok(())
    }

    /// Spares no device of the user any more.
    pub(in crate::login) async fn distrust_devices(
        &self,
        user: &UserId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let devices = self.core.stores.devices.distrust_devices(user).await?;
        if devices > 0 {
            let event = Event::DevicesDistrusted {
                user: user.clone(),
                devices,
            };
            self.core.emit(now, address, event).await;
        }
        Ok(())
    }

    /// The user's trusted devices, for the page.
    pub(super) async fn list_devices(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
    ) -> Result<Vec<Value>, Problem> {
        let devices = &self.core.stores.devices;
        let mut devices = devices.trusted_devices_of(&signed_in.user.id).await?;
        devices.retain(|device| exchange.now < device.expires_at);
        let present = exchange.cookie(CookieName::TrustedDevice);
        let present = present.and_then(|cookie| cookie.split('.').next());
        let mut listed = Vec::with_capacity(devices.len());
        for device in devices {
            let form = one_form(signed_in, &device.id);
            listed.push(json!({
                "id": device.id,
                "current": present == Some(device.id.as_str()),
                "user_agent": device.user_agent,
                "created_at": device.created_at.rfc3339(),
                "expires_at": device.expires_at.rfc3339(),
                "form_token": self.core.form_token(exchange, &form),
            }));
        }
        Ok(listed)
    }

    /// `POST`: `device_id`. The store forgets it only if it is the user's own.
    pub(super) async fn forget_device(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let device = DeviceId::new(body.get("device_id").unwrap_or_default());
        let form = one_form(&signed_in, &device);
        self.core.forms.check(exchange, &body, &form)?;
        let user = &signed_in.user.id;
        let devices = &self.core.stores.devices;
        if !devices.distrust_device(user, &device).await? {
            return Err(Problem::not_found());
        }
        let event = Event::DevicesDistrusted {
            user: user.clone(),
            devices: 1,
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        Ok(done(
            exchange,
            &self.two_factor_url(Notice::DeviceForgotten),
        ))
    }

    /// `POST`: forgets all of them.
    pub(super) async fn forget_devices(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let form = all_form(&signed_in);
        self.core.forms.check(exchange, &body, &form)?;
        let (now, address) = (exchange.now, exchange.address);
        self.distrust_devices(&signed_in.user.id, address, now)
            .await?;
        exchange.cookies.remove(CookieName::TrustedDevice);
        Ok(done(
            exchange,
            &self.two_factor_url(Notice::DevicesForgotten),
        ))
    }
}
