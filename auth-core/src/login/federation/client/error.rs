//! What the other side says and does, in words of ours: nothing it wrote comes through.

use openidconnect::core::CoreErrorResponseType;
use openidconnect::{
    ClaimsVerificationError, RequestTokenError, SignatureVerificationError, StandardErrorResponse,
};

use super::ClientError;
use super::transport::TransportError;
use crate::ground::jose::JoseError;
use crate::services::outbound::OutboundError;

/// What a token endpoint answers in place of tokens.
pub(super) type TokenError = StandardErrorResponse<CoreErrorResponseType>;

/// The `error` of an authorization response (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
pub(super) fn of_authorization(error: &str) -> ClientError {
    match error {
        // Two say it in words of their own.
        "access_denied" | "user_cancelled_authorize" | "user_cancelled_login" => {
            ClientError::Denied
        }
        "login_required"
        | "interaction_required"
        | "consent_required"
        | "account_selection_required" => ClientError::InteractionRequired,
        "server_error" | "temporarily_unavailable" => {
            ClientError::Down("authorization endpoint", None)
        }
        "unauthorized_client" => ClientError::Refused("unauthorized_client"),
        "invalid_scope" => ClientError::Refused("invalid_scope"),
        "invalid_request" => ClientError::Refused("invalid_request"),
        "unsupported_response_type" => ClientError::Refused("unsupported_response_type"),
        _ => ClientError::Refused("authorization_error"),
    }
}

/// What became of a token request.
pub(super) fn of_token(error: RequestTokenError<TransportError, TokenError>) -> ClientError {
    const PLACE: &str = "token endpoint";
    match error {
        RequestTokenError::Request(error) => ClientError::Down(PLACE, Some(error.into())),
        RequestTokenError::ServerResponse(error) => of_code(error.error()),
        RequestTokenError::Parse(_, body) => match serde_json::from_slice::<TokenError>(&body) {
            // Some say what is wrong with status 200.
            Ok(error) => of_code(error.error()),
            Err(error) if error.is_data() => ClientError::Refused("token_answer"),
            Err(_) => ClientError::Down(PLACE, None),
        },
        RequestTokenError::Other(_) => ClientError::Down(PLACE, None),
    }
}

fn of_code(code: &CoreErrorResponseType) -> ClientError {
    ClientError::Refused(match code {
        CoreErrorResponseType::InvalidGrant => "invalid_grant",
        CoreErrorResponseType::InvalidClient => "invalid_client",
        CoreErrorResponseType::InvalidRequest => "invalid_request",
        CoreErrorResponseType::InvalidScope => "invalid_scope",
        CoreErrorResponseType::UnauthorizedClient => "unauthorized_client",
        CoreErrorResponseType::UnsupportedGrantType => "unsupported_grant_type",
        CoreErrorResponseType::Extension(code) => match code.as_str() {
            // GitHub's.
            "bad_verification_code" | "bad_refresh_token" => "invalid_grant",
            "incorrect_client_credentials" => "invalid_client",
            "server_error" | "temporarily_unavailable" => {
                return ClientError::Down("token endpoint", None);
            }
            _ => "token_error",
        },
    })
}

/// Why the crate's verifier did not accept an ID token.
pub(super) fn of_id_token(error: &ClaimsVerificationError) -> ClientError {
    ClientError::Refused(match error {
        ClaimsVerificationError::Expired(_) => "id_token_time",
        ClaimsVerificationError::InvalidAudience(_) => "id_token_audience",
        ClaimsVerificationError::InvalidIssuer(_) => "id_token_issuer",
        ClaimsVerificationError::InvalidNonce(_) => "id_token_nonce",
        ClaimsVerificationError::InvalidSubject(_) => "id_token_subject",
        ClaimsVerificationError::InvalidAuthContext(_) => "id_token_acr",
        ClaimsVerificationError::InvalidAuthTime(_) => "id_token_auth_time",
        ClaimsVerificationError::SignatureVerification(error) => match error {
            SignatureVerificationError::AmbiguousKeyId(_) => "id_token_key_ambiguous",
            SignatureVerificationError::NoMatchingKey => "id_token_key",
            SignatureVerificationError::DisallowedAlg(_)
            | SignatureVerificationError::NoSignature
            | SignatureVerificationError::UnsupportedAlg(_) => "id_token_algorithm",
            _ => "id_token_signature",
        },
        // A `typ` of another kind of token, or `crit`.
        ClaimsVerificationError::Unsupported(_) => "id_token_type",
        _ => "id_token",
    })
}

/// As [`of_id_token`], for what ours did not accept.
pub(super) fn of_id_token_jose(error: JoseError) -> ClientError {
    ClientError::Refused(match error {
        JoseError::UnsupportedAlgorithm | JoseError::AlgorithmNotAllowed => "id_token_algorithm",
        JoseError::CriticalHeader | JoseError::UnencodedPayload => "id_token_type",
        JoseError::IssuerMismatch | JoseError::MissingClaim("iss") => "id_token_issuer",
        JoseError::AudienceMismatch | JoseError::MissingClaim("aud") => "id_token_audience",
        JoseError::Expired
        | JoseError::NotYetValid
        | JoseError::IssuedInFuture
        | JoseError::TooOld
        | JoseError::MissingClaim("exp" | "iat")
        | JoseError::WrongClaimType("exp" | "iat" | "nbf")
        | JoseError::ClaimOutOfRange(_) => "id_token_time",
        _ => "id_token",
    })
}

/// A document could not be had.
pub(super) fn of_outbound(place: &'static str, error: OutboundError) -> ClientError {
    ClientError::Down(place, Some(error.into()))
}
