//! What a store holds, byte by byte, read past Skep.

use futures_util::TryStreamExt as _;
use mongodb::bson::{RawDocumentBuf, doc};
use rusqlite::types::ValueRef;
use sqlx::{Connection as _, PgConnection, Row as _};
use std::{collections::BTreeMap, path::Path};

pub(crate) fn in_sqlite(file: &Path) -> rusqlite::Result<BTreeMap<String, Vec<u8>>> {
    let connection = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?;
    let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut contents = BTreeMap::new();
    for table in tables {
        let mut bytes = vec![];
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null => {}
                    ValueRef::Integer(number) => bytes.extend(number.to_string().as_bytes()),
                    ValueRef::Real(number) => bytes.extend(number.to_string().as_bytes()),
                    ValueRef::Text(value) | ValueRef::Blob(value) => bytes.extend(value),
                }
                bytes.push(b'\n');
            }
        }
        contents.insert(table, bytes);
    }
    Ok(contents)
}

pub(crate) async fn in_postgres(address: &str) -> sqlx::Result<BTreeMap<String, Vec<u8>>> {
    let mut connection = PgConnection::connect(address).await?;
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let mut contents = BTreeMap::new();
    for row in sqlx::query(tables).fetch_all(&mut connection).await? {
        let table: String = row.try_get(0)?;
        let copy = format!("COPY \"{table}\" TO STDOUT (FORMAT binary)");
        let pieces = connection.copy_out_raw(&copy).await?.try_collect::<Vec<_>>().await?;
        contents.insert(table, pieces.concat());
    }
    connection.close().await?;
    Ok(contents)
}

pub(crate) async fn in_mongodb(server: &str, database: &str) -> mongodb::error::Result<BTreeMap<String, Vec<u8>>> {
    let database = mongodb::Client::with_uri_str(server).await?.database(database);
    let mut contents = BTreeMap::new();
    for name in database.list_collection_names().await? {
        let documents = database.collection::<RawDocumentBuf>(&name).find(doc! {}).await?;
        let documents: Vec<_> = documents.try_collect().await?;
        contents.insert(name, documents.iter().flat_map(|document| document.as_bytes().to_owned()).collect());
    }
    Ok(contents)
}
