//! Serves the shop on port 3000 until Ctrl-C: `cargo run -p embed-axum --example serve FOLDER`.

use embed_axum::{Shop, router};
use skep::config::Config;
use skep_sqlite::{SqliteDatabase, SqliteOptions};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Ends orders that were not paid in time, deletes what has expired, and reads the keys that other instances made.
#[expect(clippy::print_stderr, reason = "a person sees the error")]
async fn once_a_minute(shop: Arc<Shop>) {
    loop {
        if let Err(error) = shop.skep.app.sweep_expired.execute().await {
            eprintln!("could not end all that had expired: {error:?}");
        }
        if let Err(error) = shop.skep.keys.refresh().await {
            eprintln!("could not read the keys again: {error:?}");
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name a folder for the data")?);
    std::fs::create_dir_all(&folder)?;
    let database = SqliteDatabase::open(SqliteOptions::new(folder.join("shop.db")))?;
    let shop = Shop::start(Config { data_dir: folder, ..Config::default() }, &database).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    let background = tokio::spawn(once_a_minute(shop.clone()));
    let ended = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, router(shop.clone())).with_graceful_shutdown(ended).await?;
    background.abort();
    shop.skep.close().await;
    database.close().await;
    Ok(())
}
