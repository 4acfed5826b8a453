//! Certificates for 127.0.0.1 and for its clients, and the authority that signed them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::keeper::Keeper;
use crate::program::Program;
use crate::user::User;

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
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
";

/// Puts `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key` into the keeper's folder.
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
    for who in ["server", "client"] {
        openssl(
            keeper,
            &format!("{new} -subj /CN={who} -keyout {who}.key -out {who}.csr"),
        );
        let sign = format!("x509 -req -in {who}.csr -CA ca.pem -CAkey ca.key -CAcreateserial");
        openssl(
            keeper,
            &format!("{sign} -days 2 -extfile openssl.cnf -extensions {who} -out {who}.pem"),
        );
    }
}

/// The same for a server that runs as `user`, who alone may read the key.
pub(crate) fn make_for(keeper: &Keeper, user: Option<&User>) {
    make(keeper);
    if let Some(user) = user {
        let key = keeper.folder().join("server.key");
        let command = ["chown".into(), format!("{}:", user.name).into(), key.into()];
        keeper.run(&command);
    }
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
