//! A mailbox is neither flooded nor silenced by others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::StatusCode;

use super::email_kit::*;
use super::harness::*;
use crate::login::EmailProof;

fn house() -> House {
    House::with(unlimited(mail_settings()))
}

impl House {
    /// A browser in one of many networks.
    fn in_network(&self, network: u8) -> Browser<'_> {
        let mut browser = self.browser();
        browser.address = IpAddr::V4(Ipv4Addr::new(198, 51, 100, network));
        browser
    }

    /// How many of the mails ordered since the last look go to the address.
    async fn mails_to(&self, email: &str) -> usize {
        let mails = self.mails().await.into_iter();
        mails
            .filter(|mail| mail.to.as_deref() == Some(email))
            .count()
    }
}

#[tokio::test]
async fn a_stranger_who_asks_for_the_owners_mails_takes_none_from_the_owner() {
    let house = house();
    house.verified(ADA).await;
    for path in ["/auth/email", "/auth/forgot"] {
        let mut refused = 0;
        for _ in 0..8 {
            let answer = house.in_network(9).follow(path, &[("email", ADA)]).await;
            refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert_eq!((house.mails_to(ADA).await, refused), (3, 5), "{path}");
        let answer = house.browser().follow(path, &[("email", ADA)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(house.mails_to(ADA).await, 1, "{path}");
    }
}

#[tokio::test]
async fn a_stranger_with_many_ipv6_networks_of_one_site_is_one_stranger() {
    let house = house();
    house.verified(ADA).await;
    for network in 0..40 {
        let mut browser = house.browser();
        let address = Ipv6Addr::new(0x2001, 0xdb8, 7, network, 0, 0, 0, 1);
        browser.address = IpAddr::V6(address);
        browser.follow("/auth/email", &[("email", ADA)]).await;
    }
    assert_eq!(house.mails_to(ADA).await, 3);
    let answer = house
        .browser()
        .follow("/auth/email", &[("email", ADA)])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(house.mails_to(ADA).await, 1);
}

#[tokio::test]
async fn a_stranger_who_registers_an_address_takes_no_confirmation_from_its_owner() {
    let house = house();
    for _ in 0..8 {
        house.in_network(9).register(BOB, OTHER_PASSWORD).await;
    }
    assert_eq!(house.mails_to(BOB).await, 3);
    house.browser().register(BOB, PASSWORD).await;
    assert_eq!(house.mails_to(BOB).await, 1);
    // Nor does one who knows an address whose account waits for its confirmation.
    let ada = house.account(ADA).await;
    for _ in 0..8 {
        house.in_network(9).register(ADA, OTHER_PASSWORD).await;
    }
    house.mails().await;
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    assert!(answer.location().starts_with("/auth/confirm?f="));
    assert!(!answer.location().contains("unsent"));
    assert_eq!(house.mails_to(ADA).await, 1);
    let verified = house
        .wing
        .verify_email(&ada.id, ADA, EmailProof::SignedInUser)
        .await;
    assert!(verified.expect("store"));
}

#[tokio::test]
async fn a_mailbox_is_not_flooded_from_many_networks() {
    let house = house();
    house.verified(ADA).await;
    let mut refused = 0;
    for network in 0..40 {
        let answer = house
            .in_network(network)
            .follow("/auth/email", &[("email", ADA)])
            .await;
        refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!((house.mails_to(ADA).await, refused), (24, 16));
    // Nobody else's is, nor are mails of another kind.
    house.verified(BOB).await;
    for (path, email) in [("/auth/email", BOB), ("/auth/forgot", ADA)] {
        let answer = house.in_network(41).follow(path, &[("email", email)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(house.mails_to(email).await, 1, "{path}");
    }
    house.clock.advance(std::time::Duration::from_mins(15));
    let answer = house
        .browser()
        .follow("/auth/email", &[("email", ADA)])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}
