//! What `docs/rp-plan.md` says of the OpenID Foundation's tests of relying parties: every name in it is that of a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The modules of the certified plans for the code flow.
const CERTIFIED: [&str; 31] = [
    "",
    "-client-secret-basic",
    "-discovery-issuer-mismatch",
    "-discovery-jwks-uri-keys",
    "-discovery-openid-config",
    "-idtoken-sig-none",
    "-idtoken-sig-rs256",
    "-invalid-aud",
    "-invalid-iss",
    "-invalid-sig-rs256",
    "-kid-absent-multiple-jwks",
    "-kid-absent-single-jwks",
    "-missing-iat",
    "-missing-sub",
    "-nonce-invalid",
    "-rp-backchannel-rpinitlogout",
    "-rp-backchannel-rpinitlogout-alg-none",
    "-rp-backchannel-rpinitlogout-no-event",
    "-rp-backchannel-rpinitlogout-with-nonce",
    "-rp-backchannel-rpinitlogout-wrong-alg",
    "-rp-backchannel-rpinitlogout-wrong-aud",
    "-rp-backchannel-rpinitlogout-wrong-event",
    "-rp-backchannel-rpinitlogout-wrong-iss",
    "-rp-frontchannel-rpinitlogout",
    "-rp-init-logout",
    "-rp-init-logout-no-state",
    "-rp-init-logout-other-state",
    "-scope-userinfo-claims",
    "-signing-key-rotation",
    "-signing-key-rotation-just-before-signing",
    "-userinfo-invalid-sub",
];

/// The names of all tests below a folder.
fn tests(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, names);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ") {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                if is_test {
                    names.insert(name.to_owned());
                }
                is_test = false;
            }
        }
    }
}

fn in_ticks(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_module_names_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plan = fs::read_to_string(root.join("../docs/rp-plan.md")).unwrap();
    let mut known = BTreeSet::new();
    tests(&root.join("src/login"), &mut known);
    let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in plan.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').collect();
        let (module, named) = (in_ticks(cells[1]), in_ticks(cells[3]));
        assert!(module.len() == 1 && !named.is_empty(), "{row}");
        for name in &named {
            assert!(known.contains(*name), "{name} is no test: {row}");
        }
        modules.entry(module[0]).or_default().extend(named);
    }
    for end in CERTIFIED {
        let module = format!("oidcc-client-test{end}");
        assert!(modules.contains_key(module.as_str()), "{module}");
    }
}
