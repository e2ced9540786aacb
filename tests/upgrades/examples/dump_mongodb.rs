//! Writes a MongoDB database as a fixture: `cargo run -p skep-upgrades --example dump_mongodb -- ADDRESS > FILE`.

use std::io::Write as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("the address is missing")?;
    let dump = skep_upgrades::dump_mongodb(&address).await.map_err(|failure| failure.to_string())?;
    Ok(std::io::stdout().write_all(&dump)?)
}
