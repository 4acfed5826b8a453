//! `AES_CBC_HMAC_SHA2` (RFC 7518 section 5.2): encrypt, then authenticate.

use aws_lc_rs::cipher::{
    Algorithm as Cipher, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

/// The length of an initialization vector, in octets.
pub(super) const IV_LEN: usize = 16;

/// One of the three of its kind.
pub(super) struct CbcHmac {
    pub(super) cipher: &'static Cipher,
    pub(super) mac: hmac::Algorithm,
}

impl CbcHmac {
    /// The ciphertext and the tag. The key is the one of the MAC, then the one of the cipher, of the same length.
    pub(super) fn seal(
        &self,
        key: &[u8],
        iv: [u8; IV_LEN],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), Unspecified> {
        let (mac_key, cipher_key) = key.split_at(key.len() / 2);
        let cipher_key = UnboundCipherKey::new(self.cipher, cipher_key)?;
        let mut ciphertext = plaintext.to_vec();
        PaddedBlockEncryptingKey::cbc_pkcs7(cipher_key)?.less_safe_encrypt(
            &mut ciphertext,
            EncryptionContext::Iv128(FixedLength::from(&iv)),
        )?;
        let tag = self.tag(mac_key, iv, aad, &ciphertext)?;
        Ok((ciphertext, tag))
    }

    /// The plaintext. The tag is checked first: a padding is looked at only where it is the sender's own, so it is no
    /// oracle (RFC 7518 section 5.2.2.2).
    pub(super) fn open(
        &self,
        key: &[u8],
        iv: [u8; IV_LEN],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        let (mac_key, cipher_key) = key.split_at(key.len() / 2);
        verify_slices_are_equal(&self.tag(mac_key, iv, aad, ciphertext)?, tag)?;
        let cipher_key = UnboundCipherKey::new(self.cipher, cipher_key)?;
        let mut padded = Zeroizing::new(ciphertext.to_vec());
        let plaintext = PaddedBlockDecryptingKey::cbc_pkcs7(cipher_key)?.decrypt(
            &mut padded,
            DecryptionContext::Iv128(FixedLength::from(&iv)),
        )?;
        Ok(plaintext.to_vec())
    }

    /// The left half of the MAC.
    fn tag(
        &self,
        mac_key: &[u8],
        iv: [u8; IV_LEN],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        let aad_bits = u64::try_from(aad.len()).map_err(|_| Unspecified)? * 8;
        let mut mac = hmac::Context::with_key(&hmac::Key::new(self.mac, mac_key));
        for part in [aad, &iv, ciphertext, &aad_bits.to_be_bytes()] {
            mac.update(part);
        }
        let mut tag = mac.sign().as_ref().to_vec();
        tag.truncate(mac_key.len());
        Ok(tag)
    }
}
