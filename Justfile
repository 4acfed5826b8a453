# Every task a contributor runs. The scripts do the work: without `just`, run the right-hand side.

# Lists the tasks.
default:
    @just --list

# Both halves of identity on http://localhost:3000: `just demo`, `just demo actix`, `just demo poem`.
demo framework="axum":
    cargo run -p example-{{ framework }}

# People sign in, and no other app signs in through it: http://localhost:3000.
login-only:
    cargo run -p example-login-only

# Other apps sign in through a host with accounts and a form of its own: http://localhost:3000.
provider-only:
    cargo run -p example-provider-only

# An API on http://localhost:5000 that accepts tokens of the demo.
api:
    cargo run -p example-resource-server

# An app of its own on http://localhost:4000 that signs in through the demo.
client:
    cargo run -p example-third-party-client

# New signing keys for the demo, now: published at once, signing in ten minutes.
rotate-keys:
    cargo run -p example-axum -- rotate-keys

# Every check there is, or some: `just test rust`, `just test e2e`, `just test lint`.
test *stages:
    scripts/test {{ stages }}

# Installs what the checks need.
setup:
    scripts/setup

# Formats.
fmt:
    cargo fmt --all

# Clippy, warnings as errors.
lint:
    scripts/test lint

# Feature combinations that must compile.
features:
    scripts/test features

# Unit and integration tests, all features.
unit:
    scripts/test unit

# Clients nobody here wrote, and a real browser.
e2e:
    scripts/test e2e

# Speed as ratios to a floor measured in the same run, and idle memory.
bench:
    cargo bench -p auth-core --bench ratios --features login,provider,resource,testkit
    cargo bench -p auth-core --bench sign_in --features login,testkit
    cargo bench -p auth-core --bench federation --bench hosted --features workos,testkit
    cargo bench -p adapter-axum --bench socket --features login,provider
    cargo bench -p adapter-actix --bench socket --features login,provider
    cargo bench -p adapter-poem --bench socket --features login,provider
    cargo bench -p auth-store-redis --bench ratios
    cargo bench -p auth-store-seaorm --bench ratios --features sqlite,postgres,mysql
    scripts/idle-memory

# A compact filter of breached passwords from a list (a password or its SHA-1 digest a line), for `BreachedFilter::open`.
breached-filter list filter:
    cargo run --release -p auth-core --example breached-filter --features login -- {{ list }} {{ filter }}

# The API documentation, opened.
doc:
    cargo doc --workspace --all-features --no-deps --open

# Licences, sources, bans, advisories.
deny:
    scripts/test deny

# Crates of which the tree has two versions.
duplicates:
    cargo tree --workspace --all-features --duplicates --depth 0

# What each example costs: crates in its tree, and the size of its release binary, if built.
tree:
    scripts/tree

# The dependency tree.
dependencies *arguments:
    cargo tree --workspace --all-features {{ arguments }}
