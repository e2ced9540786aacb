//! Serves the shop on port 3000 until Ctrl-C: `cargo run -p embed-axum --example serve FOLDER`.

use embed_axum::{Shop, router};
use skep::config::Config;
use skep_sqlite::{SqliteDatabase, SqliteOptions};
use std::path::PathBuf;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name a folder for the data")?);
    std::fs::create_dir_all(&folder)?;
    let database = SqliteDatabase::open(SqliteOptions::new(folder.join("shop.db")))?;
    let shop = Shop::start(Config { data_dir: folder, ..Config::default() }, &database).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    let ended = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, router(shop.clone())).with_graceful_shutdown(ended).await?;
    shop.skep.close().await;
    database.close().await;
    Ok(())
}
