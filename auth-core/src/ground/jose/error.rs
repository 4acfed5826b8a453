//! What can go wrong with a key or a token.

/// Why a key, a key set or a token was refused, or could not be made.
///
/// No variant carries a secret or any text of the token: these are safe to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    /// The token is longer than the bound.
    #[error("the token is longer than {limit} bytes")]
    TokenTooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// Not three parts separated by dots (RFC 7515 section 7.1).
    #[error("the token is not a compact JWS of three parts")]
    NotCompact,
    /// Not five parts separated by dots (RFC 7516 section 7.1).
    #[error("the token is not a compact JWE of five parts")]
    NotCompactJwe,
    /// A part is not base64url without padding (RFC 7515 section 2).
    #[error("the {part} is not base64url without padding")]
    InvalidBase64 {
        /// `header`, `payload`, `signature`, or a part of a JWE.
        part: &'static str,
    },
    /// The header is not a JSON object of the shape of RFC 7515 section 4.
    #[error("the header is not a valid JOSE header")]
    InvalidHeader,
    /// The payload is not a JSON object (RFC 7519 section 7.2).
    #[error("the payload is not a JSON object of the expected shape")]
    InvalidPayload,
    /// A member name occurs twice (RFC 7515 section 4, RFC 7519 section 4).
    #[error("the {part} has a member twice")]
    DuplicateMember {
        /// `header` or `payload`.
        part: &'static str,
    },
    /// `alg` is absent, `none`, a symmetric one, or one we do not know.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `enc` is absent, or one we do not know.
    #[error("the content encryption algorithm is not supported")]
    UnsupportedEncryption,
    /// The header has `zip`: nothing is decompressed here.
    #[error("the content is compressed")]
    CompressedContent,
    /// The header has `crit`: an extension that must be understood, and none is (RFC 7515 section 4.1.11).
    #[error("the header has critical extensions")]
    CriticalHeader,
    /// The header has `b64`: RFC 7797 is not spoken here.
    #[error("the header asks for an unencoded payload")]
    UnencodedPayload,
    /// `typ` is absent or another one than expected (RFC 8725 section 3.11).
    #[error("the token is of another type")]
    UnexpectedType,
    /// The algorithm is known but not one the caller allows.
    #[error("the algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// No key matches. A set that may have been rotated is worth fetching once more.
    #[error("no key matches the token")]
    UnknownKey,
    /// A key has this `kid`, but it is not one for this algorithm.
    #[error("the key is not one for this algorithm")]
    KeyUnsuitable,
    /// Too many keys fit the token.
    #[error("more keys fit the token than will be tried")]
    AmbiguousKey,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    InvalidSignature,
    /// The token does not decrypt. Why is not told: that would be an oracle (RFC 7516 section 11.5).
    #[error("the token does not decrypt")]
    Decryption,

    /// The claim is absent.
    #[error("the claim {0} is missing")]
    MissingClaim(&'static str),
    /// The claim is of another JSON type than RFC 7519 section 4.1 gives it.
    #[error("the claim {0} has the wrong type")]
    WrongClaimType(&'static str),
    /// The claim is a number, but not a time between 1970 and 9999.
    #[error("the claim {0} is out of range")]
    ClaimOutOfRange(&'static str),
    /// `iss` is another issuer.
    #[error("the claim iss names another issuer")]
    IssuerMismatch,
    /// `aud` names none of the expected audiences.
    #[error("the claim aud names none of the expected audiences")]
    AudienceMismatch,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `exp` is further away than the check allows.
    #[error("the claim exp is too far in the future")]
    LifetimeTooLong,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` is in the future.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// `iat` is longer ago than the check allows.
    #[error("the token was issued too long ago")]
    TooOld,

    /// The key is malformed, too weak, too large, or not on its curve.
    #[error("the key is invalid: {0}")]
    InvalidKey(&'static str),
    /// A key type, curve or use that is none of those we have a use for.
    #[error("the key is of a type or use that is not supported")]
    UnsupportedKey,
    /// A private or symmetric member where only a public key may be.
    #[error("a public key carries private members")]
    PrivateMember,
    /// The set is longer than the bound.
    #[error("the key set is longer than {limit} bytes")]
    KeySetTooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The set has more keys than the bound.
    #[error("the key set has more than {limit} keys")]
    TooManyKeys {
        /// The bound.
        limit: usize,
    },
    /// The set is not a JSON object with an array `keys` (RFC 7517 section 5).
    #[error("the key set is not valid")]
    InvalidKeySet,
    /// The library could not make a key.
    #[error("the key could not be generated")]
    KeyGeneration,
    /// The library could not sign.
    #[error("the token could not be signed")]
    Signing,
    /// The library could not encrypt.
    #[error("the token could not be encrypted")]
    Encryption,
    /// The claims to sign do not serialize to a JSON object.
    #[error("the claims are not a JSON object")]
    ClaimsNotAnObject,
}
