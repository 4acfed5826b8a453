//! Builds a filter of breached passwords from a list: `breached-filter LIST FILTER`.

#![expect(clippy::print_stdout, reason = "says what it did")]

use std::error::Error;
use std::fs::{self, File};
use std::io::BufReader;

use auth_core::login::BreachedFilter;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [list, filter] = arguments.as_slice() else {
        return Err("usage: breached-filter LIST FILTER".into());
    };
    let built = BreachedFilter::build(BufReader::new(File::open(list)?))?;
    let bytes = built.to_bytes();
    fs::write(filter, &bytes)?;
    println!("{filter}: {} bytes", bytes.len());
    Ok(())
}
