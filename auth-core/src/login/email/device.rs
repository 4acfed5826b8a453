//! A device a person signs in with for the first time: the owner is told.
//!
//! A browser is known by its cookie. A client without cookies sends `device`, a random name that it keeps for itself; one
//! that does not is known by what it calls itself and the network it comes from.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use crate::ground::jose::parse_unique_object;
use crate::ground::{Digest32, Timestamp};
use crate::login::bearer::Carrier;
use crate::login::{LoginWing, SignInRequest};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{DeviceSeen, Session, User};
use crate::web::{CookieJar, Exchange, network_of};

const REMEMBERED: Duration = Duration::from_hours(24 * 365);

/// The first that a `User-Agent` names, the more particular before those it imitates.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// A `User-Agent` in a few words. Of our own words alone: what a stranger sends does not get into a mail (threat 18).
fn in_words(user_agent: Option<&str>) -> Option<String> {
    let user_agent = user_agent?;
    let find = |names: &[(&str, &'static str)]| {
        let named = names.iter().find(|(mark, _)| user_agent.contains(mark));
        named.map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser}, {system}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// The device as a client without cookies names it, in a JSON body. Long enough that nobody guesses it.
fn named_device(exchange: &Exchange<'_>) -> Option<String> {
    if !exchange.has_json_body() {
        return None;
    }
    let body = parse_unique_object(exchange.body).ok()?;
    let device = body.get("device")?.as_str()?;
    let fits = (16..=128).contains(&device.len());
    fits.then(|| format!("named {device}"))
}

/// A client without cookies that does not name its device.
fn device_of(session: &Session, address: Option<IpAddr>) -> String {
    let client = session.user_agent.as_deref().unwrap_or_default();
    format!("client {} {client}", network_of(address))
}

impl LoginWing {
    /// Notes the device of a sign-in; the owner is told of one not seen before, save the very first. A sign-in does
    /// not fail by it.
    pub(in crate::login) async fn note_browser(
        &self,
        exchange: &mut Exchange<'_>,
        user: &User,
        session: &Session,
        carrier: Carrier,
    ) {
        let browser = match (exchange.known_browser(), carrier) {
            (Some(browser), _) => browser.to_owned(),
            (None, Carrier::Cookie) => exchange.browser(&*self.core.random),
            (None, Carrier::Bearer) => {
                named_device(exchange).unwrap_or_else(|| device_of(session, exchange.address))
            }
        };
        let locale = self.core.locale(exchange);
        let at = (exchange.now, exchange.address);
        self.note_device(&browser, locale, user, session, at).await;
    }

    /// As [`note_browser`](Self::note_browser), of a sign-in of the host's own. Returns the name of the browser if it had
    /// none and is to be given it.
    pub(in crate::login) async fn note_browser_of_host(
        &self,
        request: SignInRequest<'_>,
        user: &User,
        session: &Session,
        (carrier, now): (Carrier, Timestamp),
    ) -> Option<String> {
        let jar = CookieJar::new(self.core.base.is_loopback_http());
        let known = jar.known_browser(request.headers);
        let is_drawn = known.is_none() && carrier == Carrier::Cookie;
        let browser = match known {
            Some(known) => known.to_owned(),
            None if is_drawn => self.core.random.secret(),
            None => device_of(session, request.address),
        };
        let locale = self.core.locale_of(None, request.headers);
        let at = (now, request.address);
        self.note_device(&browser, locale, user, session, at).await;
        is_drawn.then_some(browser)
    }

    async fn note_device(
        &self,
        browser: &str,
        locale: &str,
        user: &User,
        session: &Session,
        (now, address): (Timestamp, Option<IpAddr>),
    ) {
        let browser = Digest32::of(browser);
        let devices = &self.core.stores.devices;
        let seen = devices
            .note_device(&user.id, &browser, now, now + REMEMBERED)
            .await;
        match seen {
            Ok(DeviceSeen::New) => {}
            Ok(DeviceSeen::First | DeviceSeen::Known) => return,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "a browser could not be noted");
                return;
            }
        }
        let event = Event::NewDevice {
            user: user.id.clone(),
            session: session.id.clone(),
        };
        self.core.emit(now, address, event).await;
        let facts = json!({
            "device": in_words(session.user_agent.as_deref()),
            "address": session.address,
            "at": now.rfc3339(),
            "url": self.mail_url("/account"),
        });
        self.tell_owner_in(locale, now, user, (MailKind::NewDevice, facts))
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn a_few_words_of_our_own() {
        for (user_agent, words) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                Some("Firefox, Linux"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
                Some("Edge, Windows"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Version/19.1 Safari/604.1",
                Some("Safari, iPhone"),
            ),
            ("curl/8.0", None),
            ("<b>Firefox/</b>", Some("Firefox")),
        ] {
            assert_eq!(in_words(Some(user_agent)).as_deref(), words, "{user_agent}");
        }
        assert_eq!(in_words(None), None);
    }
}
