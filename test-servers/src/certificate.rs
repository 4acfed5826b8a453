//! A certificate for 127.0.0.1, and the authority that signed it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::keeper::Keeper;
use crate::program::Program;

const OPENSSL: Program = Program {
    name: "openssl",
    package: "openssl",
    variable: "",
};

const CONFIGURATION: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
";

/// Puts `ca.pem`, `server.pem` and `server.key` into the keeper's folder.
pub(crate) fn make(keeper: &Keeper) {
    let folder = keeper.folder();
    fs::write(folder.join("openssl.cnf"), CONFIGURATION).expect("room");
    let new = "req -new -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc";
    openssl(
        keeper,
        &format!(
            "{new} -x509 -days 2 -subj /CN=authority -extensions authority -keyout ca.key -out ca.pem"
        ),
    );
    openssl(
        keeper,
        &format!("{new} -subj /CN=server -keyout server.key -out server.csr"),
    );
    let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
    openssl(
        keeper,
        &format!("{sign} -extfile openssl.cnf -extensions server -out server.pem"),
    );
}

fn openssl(keeper: &Keeper, arguments: &str) {
    let within = |argument: &str| -> OsString {
        match Path::new(argument).extension() {
            Some(_) => keeper.folder().join(argument).into(),
            None => argument.into(),
        }
    };
    let mut command = vec![OPENSSL.path().into()];
    command.extend(arguments.split(' ').map(within));
    keeper.run(&command);
}
