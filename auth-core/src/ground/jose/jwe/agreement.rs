//! ECDH-ES (RFC 7518 section 4.6, RFC 8037 section 3.2): a key that only the two ends can compute.

use aws_lc_rs::agreement::{
    Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, ParsedPublicKey, PrivateKey, UnparsedPublicKey,
    X25519, agree,
};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::key_wrap::{AesBlockCipher, AesKek, KeyWrap as _};
use zeroize::Zeroizing;

use super::algorithm::Steps;
use super::concat_kdf::{self, Party};
use super::{ContentEncryption, KeyManagement};
use crate::ground::jose::algorithm::Curve;
use crate::ground::jose::jwk::Material;
use crate::ground::jose::{JoseError, Jwk};

/// What RFC 3394 adds to the key it wraps, in octets.
const WRAPPED_EXTRA: usize = 8;

/// The library's name of the key's curve; `None` for a key of another kind.
pub(super) fn curve_of(material: &Material) -> Option<&'static Algorithm> {
    match material {
        Material::Ec { curve, .. } => Some(match curve {
            Curve::P256 => &ECDH_P256,
            Curve::P384 => &ECDH_P384,
            Curve::P521 => &ECDH_P521,
        }),
        Material::X25519 { .. } => Some(&X25519),
        Material::Rsa { .. } | Material::Ed25519 { .. } => None,
    }
}

/// The other end's key. The library refuses a point that is not on the curve, which would give our key away piece by
/// piece (RFC 8725 section 3.4, CVE-2017-16007).
pub(super) fn peer(material: &Material) -> Result<ParsedPublicKey, JoseError> {
    let curve = curve_of(material).ok_or(JoseError::KeyUnsuitable)?;
    let point = material.encoded_point().ok_or(JoseError::KeyUnsuitable)?;
    ParsedPublicKey::try_from(UnparsedPublicKey::new(curve, point))
        .map_err(|_| JoseError::InvalidKey("not a point of its curve"))
}

/// The public half of `own` as a bare JWK; `like` is a key of the same curve.
pub(super) fn public_jwk(own: &PrivateKey, like: &Material) -> Result<Jwk, JoseError> {
    const REJECTED: JoseError = JoseError::InvalidKey("its public half cannot be computed");
    let public = own.compute_public_key().map_err(|_| REJECTED)?;
    let material = match like {
        Material::Ec { curve, .. } => {
            // The uncompressed point: 4, x, y (SEC 1 section 2.3.3).
            let point = public.as_ref().strip_prefix(&[4]).ok_or(REJECTED)?;
            let (x, y) = point
                .split_at_checked(curve.coordinate_len())
                .ok_or(REJECTED)?;
            Material::ec(*curve, x.to_vec(), y.to_vec())?
        }
        Material::X25519 { .. } => Material::x25519(public.as_ref().to_vec())?,
        Material::Rsa { .. } | Material::Ed25519 { .. } => return Err(REJECTED),
    };
    Ok(Jwk::bare(material))
}

/// The key that both ends derive: the content's, or the one that wraps it.
pub(super) fn agreed_key(
    own: &PrivateKey,
    peer: ParsedPublicKey,
    algorithm: KeyManagement,
    encryption: ContentEncryption,
    party: Party<'_>,
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let (name, len) = match algorithm.steps() {
        Steps::Agree => (encryption.name(), encryption.key_len()),
        Steps::AgreeAndWrap(_, len) => (algorithm.name(), len),
        Steps::Rsa(_) => return Err(Unspecified),
    };
    agree(own, peer, Unspecified, |secret| {
        concat_kdf::derive(secret, name, party, len)
    })
}

/// RFC 3394.
pub(super) fn wrap(
    cipher: &'static AesBlockCipher,
    key: &[u8],
    content_key: &[u8],
) -> Result<Vec<u8>, Unspecified> {
    let mut wrapped = vec![0; content_key.len() + WRAPPED_EXTRA];
    let len = AesKek::new(cipher, key)?
        .wrap(content_key, &mut wrapped)?
        .len();
    wrapped.truncate(len);
    Ok(wrapped)
}

/// The inverse of [`wrap`].
pub(super) fn unwrap(
    cipher: &'static AesBlockCipher,
    key: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let mut content_key = Zeroizing::new(vec![0; wrapped.len()]);
    let len = AesKek::new(cipher, key)?
        .unwrap(wrapped, &mut content_key)?
        .len();
    content_key.truncate(len);
    Ok(content_key)
}
