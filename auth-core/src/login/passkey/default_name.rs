//! What a passkey is called until its owner says otherwise: who keeps it, as far as the authenticator says so, else the
//! system it was made on. Both are claims, good enough for a name.

use webauthn_rs_core::proto::{CredentialID, RegisterPublicKeyCredential};

/// Authenticators people know by name, by AAGUID (WebAuthn §6.5.1).
const KEEPERS: &[(u128, &str)] = &[
    (0xfbfc_3007_154e_4ecc_8c0b_6e02_0557_d7bd, "iCloud Keychain"),
    (
        0xea9b_8d66_4d01_1d21_3ce4_b6b4_8cb5_75d4,
        "Google Password Manager",
    ),
    (0x0898_7058_cadc_4b81_b6e1_30de_50dc_be96, "Windows Hello"),
    (0x9ddd_1817_af5a_4672_a2b9_3e3d_d950_00a9, "Windows Hello"),
    (0x6028_b017_b1d4_4c02_b4b3_afcd_afc9_6bb2, "Windows Hello"),
    (0xadce_0002_35bc_c60a_648b_0b25_f1f0_5503, "Chrome on Mac"),
    (0x5341_4d53_554e_4700_0000_0000_0000_0000, "Samsung Pass"),
    (0xbada_5566_a7aa_401f_bd96_4561_9a55_120d, "1Password"),
    (0xd548_826e_79b4_db40_a3d8_1111_6f7e_8349, "Bitwarden"),
    (0x5311_26d6_e717_415c_9320_3d9a_a698_1239, "Dashlane"),
    (0xfdb1_41b2_5d84_443e_8a35_4698_c205_a502, "KeePassXC"),
    (0x5072_6f74_6f6e_5061_7373_5072_6f74_6f6e, "Proton Pass"),
];

/// Words of a `User-Agent`, the more telling first.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "Passkey on iPhone"),
    ("iPad", "Passkey on iPad"),
    ("Android", "Passkey on Android"),
    ("Windows", "Passkey on Windows"),
    ("CrOS", "Passkey on ChromeOS"),
    ("Macintosh", "Passkey on Mac"),
    ("Linux", "Passkey on Linux"),
];

pub(super) fn default_name(
    answer: &RegisterPublicKeyCredential,
    credential: &CredentialID,
    user_agent: Option<&str>,
) -> &'static str {
    let kept = aaguid(&answer.response.attestation_object, credential).and_then(|aaguid| {
        let mut keepers = KEEPERS.iter();
        keepers.find(|(known, _)| *known == aaguid)
    });
    if let Some((_, name)) = kept {
        return name;
    }
    let agent = user_agent.unwrap_or_default();
    let system = SYSTEMS.iter().find(|(word, _)| agent.contains(word));
    system.map_or("Passkey", |(_, name)| name)
}

/// The 16 bytes before the credential id and its length (WebAuthn §6.5.1). The object was parsed and checked before.
fn aaguid(attestation_object: &[u8], credential: &CredentialID) -> Option<u128> {
    let length = u16::try_from(credential.len()).ok()?;
    let marker = [&length.to_be_bytes()[..], credential.as_slice()].concat();
    let at = attestation_object
        .windows(marker.len())
        .position(|window| window == marker)?;
    let bytes = attestation_object.get(at.checked_sub(16)?..at)?;
    Some(u128::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_by_keeper_then_by_system() {
        let credential = CredentialID::from(vec![9, 9, 9, 9]);
        let name = |aaguid: u128, agent: Option<&str>| {
            let mut object = vec![1, 2, 3];
            object.extend(aaguid.to_be_bytes());
            object.extend([0, 4, 9, 9, 9, 9, 7]);
            let answer = json!({
                "id": "", "rawId": "", "type": "public-key",
                "response": { "attestationObject": crate::ground::base64url(&object), "clientDataJSON": "" },
            });
            let answer = serde_json::from_value(answer).expect("answer");
            default_name(&answer, &credential, agent)
        };
        let bitwarden = 0xd548_826e_79b4_db40_a3d8_1111_6f7e_8349;
        assert_eq!(name(bitwarden, Some("Windows NT")), "Bitwarden");
        assert_eq!(
            name(0, Some("Mozilla/5.0 (Windows NT 10.0)")),
            "Passkey on Windows"
        );
        assert_eq!(
            name(0, Some("Mozilla/5.0 (Linux; Android 16)")),
            "Passkey on Android"
        );
        assert_eq!(name(0, Some("Parrot/1.0")), "Passkey");
        assert_eq!(name(0, None), "Passkey");
    }
}
