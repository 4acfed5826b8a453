//! The examples printed in the RFCs; those of content encryption alone are beside it.

use aws_lc_rs::agreement::{PrivateKey, X25519, agree};
use serde_json::json;

use super::super::agreement;
use super::super::concat_kdf::Party;
use super::super::content::{self, Sealed};
use super::super::test_keys::{p256, p384, rsa};
use super::{ContentEncryption, KeyManagement, decrypt, public_jwk};
use crate::ground::jose::{Jwk, encoding};

/// RFC 7520 figure 72.
const FRODO: &str = "You can trust us to stick with you through thick and thin\u{2013}to the bitter end. And you can \
    trust us to keep any secret of yours\u{2013}closer than you keep it yourself. But you cannot trust us to let you \
    face trouble alone, and go off without a word. We are your friends, Frodo.";

fn octets(text: &str) -> Vec<u8> {
    encoding::decode(text).unwrap()
}

#[test]
fn rfc_7516_appendix_a_1() {
    let token = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.\
        OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe\
        ipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDb\
        Sv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaV\
        mqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je8\
        1860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi\
        6UklfCpIMfIjf7iGdXKHzg.\
        48V1_ALb6US04U3b.\
        5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji\
        SdiwkIr3ajwQzaBtQD_A.\
        XFBoMYUZodetZdvTiFvSkQ";
    let text = b"The true sign of intelligence is not knowledge but imagination.";
    assert_eq!(decrypt(token, &rsa()).unwrap().plaintext(), text);
}

/// A.3 wraps with a key of its own, which we do not offer; the wrapping and the content are those of
/// `ECDH-ES+A128KW` with `A128CBC-HS256`.
#[test]
fn rfc_7516_appendix_a_3() {
    let header = "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0";
    let key = agreement::unwrap(
        &aws_lc_rs::key_wrap::AES_128,
        &octets("GawgguFyGrWKav7AX4VKUg"),
        &octets("6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ"),
    )
    .unwrap();
    let sealed = Sealed {
        iv: octets("AxY8DCtDaGlsbGljb3RoZQ"),
        ciphertext: octets("KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY"),
        tag: octets("U0m_YmjN04DJvceFICbCVQ"),
    };
    let enc = ContentEncryption::A128CbcHs256;
    let text = content::open(enc, &key, header.as_bytes(), &sealed).unwrap();
    assert_eq!(text, b"Live long and prosper.");
}

#[test]
fn rfc_7518_appendix_c() {
    let alice = PrivateKey::from_private_key(
        &aws_lc_rs::agreement::ECDH_P256,
        &octets("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"),
    )
    .unwrap();
    let key = agreement::agreed_key(
        &alice,
        agreement::peer(&public_jwk(&p256()).material).unwrap(),
        KeyManagement::EcdhEs,
        ContentEncryption::A128Gcm,
        Party {
            producer: b"Alice",
            recipient: b"Bob",
        },
    );
    assert_eq!(encoding::encode(&key.unwrap()), "VqqN6vgjbSBcIijNcacQGg");
}

#[test]
fn rfc_7520_section_5_4() {
    let token = "eyJhbGciOiJFQ0RILUVTK0ExMjhLVyIsImtpZCI6InBlcmVncmluLnRvb2tAdHVja2Jvcm91Z2guZXhhbXBsZSIsImVwayI6eyJr\
        dHkiOiJFQyIsImNydiI6IlAtMzg0IiwieCI6InVCbzRrSFB3Nmtiang1bDB4b3dyZF9vWXpCbWF6LUdLRlp1NHhBRkZrYllpV2d1dEVLNml1\
        RURzUTZ3TmROZzMiLCJ5Ijoic3AzcDVTR2haVkMyZmFYdW1JLWU5SlUyTW84S3BvWXJGRHI1eVBOVnRXNFBnRXdaT3lRVEEtSmRhWTh0YjdF\
        MCJ9LCJlbmMiOiJBMTI4R0NNIn0.0DJjBXri_kBcC46IkU5_Jk9BqaQeHdv2.mH-G2zVqgztUtnW_.\
        tkZuOO9h95OgHJmkkrfLBisku8rGf6nzVxhRM3sVOhXgz5NJ76oID7lpnAi_cPWJRCjSpAaUZ5dOR3Spy7QuEkmKx8-3RCMhSYMzsXaEwDdX\
        ta9Mn5B7cCBoJKB0IgEnj_qfo1hIi-uEkUpOZ8aLTZGHfpl05jMwbKkTe2yK3mjF6SBAsgicQDVCkcY9BLluzx1RmC3ORXaM0JaHPB93YcdS\
        DGgpgBWMVrNU1ErkjcMqMoT_wtCex3w03XdLkjXIuEr2hWgeP-nkUZTPU9EoGSPj6fAS-bSz87RCPrxZdj_iVyC6QWcqAu07WNhjzJEPc4jV\
        ntRJ6K53NgPQ5p99l3Z408OUqj4ioYezbS6vTPlQ.WuGzxmcreYjpHGJoa17EBg";
    assert_eq!(
        decrypt(token, &p384()).unwrap().plaintext(),
        FRODO.as_bytes()
    );
}

#[test]
fn rfc_7520_section_5_5() {
    let token = "eyJhbGciOiJFQ0RILUVTIiwia2lkIjoibWVyaWFkb2MuYnJhbmR5YnVja0BidWNrbGFuZC5leGFtcGxlIiwiZXBrIjp7Imt0eSI6\
        IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoibVBVS1RfYkFXR0hJaGcwVHBqanFWc1AxclhXUXVfdndWT0hIdE5rZFlvQSIsInkiOiI4QlFBc0lt\
        R2VBUzQ2ZnlXdzVNaFlmR1RUMElqQnBGdzJTUzM0RHY0SXJzIn0sImVuYyI6IkExMjhDQkMtSFMyNTYifQ..yc9N8v5sYyv3iGQT926IUg.\
        BoDlwPnTypYq-ivjmQvAYJLb5Q6l-F3LIgQomlz87yW4OPKbWE1zSTEFjDfhU9IPIOSA9Bml4m7iDFwA-1ZXvHteLDtw4R1XRGMEsDIqAYts\
        kTTmzmzNa-_q4F_evAPUmwlO-ZG45Mnq4uhM1fm_D9rBtWolqZSF3xGNNkpOMQKF1Cl8i8wjzRli7-IXgyirlKQsbhhqRzkv8IcY6aHl24j0\
        3C-AR2le1r7URUhArM79BY8soZU0lzwI-sD5PZ3l4NDCCei9XkoIAfsXJWmySPoeRb2Ni5UZL4mYpvKDiwmyzGd65KqVw7MsFfI_K767G9C9\
        Azp73gKZD0DyUn1mn0WW5LmyX_yJ-3AROq8p1WZBfG-ZyJ6195_JGG2m9Csg.WCCkNa-x4BeB9hIDIfFuhg";
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": "meriadoc.brandybuck@buckland.example", "use": "enc",
        "x": "Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0",
        "y": "HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw",
        "d": "r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8",
    });
    assert_eq!(decrypt(token, &jwk).unwrap().plaintext(), FRODO.as_bytes());
}

#[test]
fn rfc_8037_appendix_a_6() {
    let bob = json!({
        "kty": "OKP", "crv": "X25519", "kid": "Bob",
        "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
    });
    let bob = Jwk::from_value(bob).unwrap();
    let ephemeral = octets("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo");
    let ephemeral = PrivateKey::from_private_key(&X25519, &ephemeral).unwrap();
    let epk = agreement::public_jwk(&ephemeral, &bob.material).unwrap();
    let printed = json!({
        "kty": "OKP", "crv": "X25519", "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo",
    });
    assert_eq!(json!(epk), printed);
    let peer = agreement::peer(&bob.material).unwrap();
    let secret = agree(&ephemeral, peer, (), |secret| Ok(encoding::encode(secret)));
    assert_eq!(
        secret.unwrap(),
        "Sl2dW6TOLeFyjjv0gDUPJeB-IclH0Z4zdvCbPB4WF0I"
    );
}
