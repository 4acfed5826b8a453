//! Content encryption (RFC 7518 section 5), with the lengths it prescribes.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;

use super::ContentEncryption;
use super::cbc_hmac::{self, CbcHmac};
use crate::ground::Random;

/// The last three parts of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

enum Kind {
    Gcm(&'static aead::Algorithm),
    Cbc(CbcHmac),
}

fn kind(encryption: ContentEncryption) -> Kind {
    let cbc = |cipher, mac| Kind::Cbc(CbcHmac { cipher, mac });
    match encryption {
        ContentEncryption::A128CbcHs256 => cbc(&cipher::AES_128, hmac::HMAC_SHA256),
        ContentEncryption::A192CbcHs384 => cbc(&cipher::AES_192, hmac::HMAC_SHA384),
        ContentEncryption::A256CbcHs512 => cbc(&cipher::AES_256, hmac::HMAC_SHA512),
        ContentEncryption::A128Gcm => Kind::Gcm(&aead::AES_128_GCM),
        ContentEncryption::A192Gcm => Kind::Gcm(&aead::AES_192_GCM),
        ContentEncryption::A256Gcm => Kind::Gcm(&aead::AES_256_GCM),
    }
}

/// Encrypts with a key that is used for nothing else, so that the initialization vector need not be remembered.
pub(super) fn seal(
    encryption: ContentEncryption,
    key: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    random: &dyn Random,
) -> Result<Sealed, Unspecified> {
    match kind(encryption) {
        Kind::Gcm(algorithm) => {
            let iv = random.bytes::<NONCE_LEN>();
            let mut ciphertext = plaintext.to_vec();
            let tag = LessSafeKey::new(UnboundKey::new(algorithm, key)?)
                .seal_in_place_separate_tag(
                    Nonce::assume_unique_for_key(iv),
                    Aad::from(aad),
                    &mut ciphertext,
                )?;
            Ok(Sealed {
                iv: iv.to_vec(),
                ciphertext,
                tag: tag.as_ref().to_vec(),
            })
        }
        Kind::Cbc(cbc) => {
            let iv = random.bytes::<{ cbc_hmac::IV_LEN }>();
            let (ciphertext, tag) = cbc.seal(key, iv, aad, plaintext)?;
            Ok(Sealed {
                iv: iv.to_vec(),
                ciphertext,
                tag,
            })
        }
    }
}

/// Decrypts; one error for whatever does not fit.
pub(super) fn open(
    encryption: ContentEncryption,
    key: &[u8],
    aad: &[u8],
    sealed: &Sealed,
) -> Result<Vec<u8>, Unspecified> {
    let Sealed {
        iv,
        ciphertext,
        tag,
    } = sealed;
    match kind(encryption) {
        Kind::Gcm(algorithm) => {
            // The library takes no tag but one of 128 bits: a shorter one can be guessed (RFC 7518 section 5.3).
            let nonce = Nonce::try_assume_unique_for_key(iv)?;
            let mut plaintext = vec![0; ciphertext.len()];
            LessSafeKey::new(UnboundKey::new(algorithm, key)?).open_separate_gather(
                nonce,
                Aad::from(aad),
                ciphertext,
                tag,
                &mut plaintext,
            )?;
            Ok(plaintext)
        }
        Kind::Cbc(cbc) => {
            let iv = iv.as_slice().try_into().map_err(|_| Unspecified)?;
            cbc.open(key, iv, aad, ciphertext, tag)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ContentEncryption, Random, Sealed, open, seal};

    /// RFC 7518 appendix B: one plaintext, one initialization vector, one key that each test takes the start of.
    struct Fixed;

    impl Random for Fixed {
        fn fill(&self, destination: &mut [u8]) {
            destination.copy_from_slice(&hex("1af38c2dc2b96ffdd86694092341bc04"));
        }
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<_> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        let octet = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap();
        digits.chunks(2).map(octet).collect()
    }

    fn appendix_b(encryption: ContentEncryption, ciphertext: &str, tag: &str) {
        let key: Vec<u8> = (0..64).collect();
        let key = &key[..encryption.key_len()];
        let plaintext =
            b"A cipher system must not be required to be secret, and it must be able to fall into \
            the hands of the enemy without inconvenience";
        let aad = b"The second principle of Auguste Kerckhoffs";
        let sealed = seal(encryption, key, aad, plaintext, &Fixed).unwrap();
        assert_eq!(sealed.ciphertext, hex(ciphertext));
        assert_eq!(sealed.tag, hex(tag));
        assert_eq!(open(encryption, key, aad, &sealed).unwrap(), plaintext);
    }

    #[test]
    fn rfc_7518_appendix_b_1() {
        appendix_b(
            ContentEncryption::A128CbcHs256,
            "c80edfa32ddf39d5ef00c0b468834279 a2e46a1b8049f792f76bfe54b903a9c9 a94ac9b47ad2655c5f10f9aef71427e2
             fc6f9b3f399a221489f16362c7032336 09d45ac69864e3321cf82935ac4096c8 6e133314c54019e8ca7980dfa4b9cf1b
             384c486f3a54c51078158ee5d79de59f bd34d848b3d69550a67646344427ade5 4b8851ffb598f7f80074b9473c82e2db",
            "652c3fa36b0a7c5b3219fab3a30bc1c4",
        );
    }

    #[test]
    fn rfc_7518_appendix_b_2() {
        appendix_b(
            ContentEncryption::A192CbcHs384,
            "ea65da6b59e61edb419be62d19712ae5 d303eeb50052d0dfd6697f77224c8edb 000d279bdc14c1072654bd30944230c6
             57bed4ca0c9f4a8466f22b226d174621 4bf8cfc2400add9f5126e479663fc90b 3bed787a2f0ffcbf3904be2a641d5c21
             05bfe591bae23b1d7449e532eef60a9a c8bb6c6b01d35d49787bcd57ef484927 f280adc91ac0c4e79c7b11efc60054e3",
            "8490ac0e58949bfe51875d733f93ac20 75168039ccc733d7",
        );
    }

    #[test]
    fn rfc_7518_appendix_b_3() {
        appendix_b(
            ContentEncryption::A256CbcHs512,
            "4affaaadb78c31c5da4b1b590d10ffbd 3dd8d5d302423526912da037ecbcc7bd 822c301dd67c373bccb584ad3e9279c2
             e6d12a1374b77f077553df829410446b 36ebd97066296ae6427ea75c2e0846a1 1a09ccf5370dc80bfecbad28c73f09b3
             a3b75e662a2594410ae496b2e2e6609e 31e6e02cc837f053d21f37ff4f51950b be2638d09dd7a4930930806d0703b1f6",
            "4dd3b4c088a7f45c216839645b2012bf 2e6269a8c56a816dbc1b267761955bc5",
        );
    }

    /// A tag cut short, in either of the two kinds, would be easier to guess.
    #[test]
    fn threat_21_lengths_are_exact() {
        for encryption in ContentEncryption::ALL {
            let key = vec![7; encryption.key_len()];
            let sealed = seal(
                encryption,
                &key,
                b"aad",
                b"text",
                &crate::ground::SystemRandom,
            );
            let sealed = sealed.unwrap();
            assert_eq!(open(encryption, &key, b"aad", &sealed).unwrap(), b"text");
            let cut = |part: &[u8]| part[..part.len() - 1].to_vec();
            let (iv, tag) = (cut(&sealed.iv), cut(&sealed.tag));
            let ciphertext = cut(&sealed.ciphertext);
            let empty = Vec::new;
            for wrong in [
                Sealed {
                    iv,
                    ..sealed.clone()
                },
                Sealed {
                    tag,
                    ..sealed.clone()
                },
                Sealed {
                    ciphertext,
                    ..sealed.clone()
                },
                Sealed {
                    iv: empty(),
                    ..sealed.clone()
                },
                Sealed {
                    tag: empty(),
                    ..sealed.clone()
                },
                Sealed {
                    ciphertext: empty(),
                    ..sealed.clone()
                },
            ] {
                assert!(open(encryption, &key, b"aad", &wrong).is_err(), "{wrong:?}");
            }
            assert!(open(encryption, &key, b"AAD", &sealed).is_err());
            assert!(open(encryption, &key[1..], b"aad", &sealed).is_err());
        }
    }
}
