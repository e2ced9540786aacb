//! Clients that ask for much and do not read it, but show signs of life so that no deadline passes.

use super::{Attack, P99};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        sockets::held,
        wire::{HOSTILE, Wire, ask, hostile},
    },
};
use h2::{Ping, client::SendRequest};
use http::{Method, Request};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

pub(super) const ATTACK: Attack = Attack {
    name: "closed-windows",
    needs: Needs { settings: &[("SKEP_STALL_TIMEOUT", "3"), ("SKEP_IDLE_TIMEOUT", "5")], ..SMALL },
    growth: 100_000_000,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

/// A page of 100 products with long descriptions has almost a megabyte.
const LARGE: &str = "/api/v1/products?limit=100&sort=-created_at";
const DESCRIPTION: usize = 9_000;
/// The number of streams that an attacker tries to open on a connection.
const STREAMS: usize = 99;
/// The requests in a row on a connection of HTTP/1.
const PIPELINED: usize = 40;
/// The time between two signs of life.
const BEAT: Duration = Duration::from_millis(500);
/// The time for which an attacker holds out. The server should close the connection after 3 s without progress, and
/// another second for its farewell.
const HOLD: Duration = Duration::from_secs(10);

/// What an attacker does so that the connection looks alive.
#[derive(Debug, Clone, Copy)]
enum Life {
    Pings,
    Heads,
    /// One byte of window for each stream.
    Bytes,
}

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    fill(ground).await?;
    let (to, hold) = (ground.address(), ground.pick(HOLD, Duration::from_secs(8)));
    let connections = ground.pick(5, 3);
    let answered = Arc::new(AtomicUsize::new(0));
    let lives = [Life::Pings, Life::Heads, Life::Bytes];
    let mut attackers = JoinSet::new();
    for number in 0..connections {
        attackers.spawn(streams(HOSTILE, to, lives[number % lives.len()], Arc::clone(&answered)));
        attackers.spawn(pipeline(hostile(1), to, Arc::clone(&answered)));
    }
    sleep(hold).await;
    let open = held(to, HOSTILE)?;
    attackers.shutdown().await;
    let answered = answered.load(Ordering::Relaxed);
    if answered < connections * 2 {
        return Err(format!("only {answered} answers began").into());
    }
    let text = format!("{answered} answers had begun on {} connections", connections * 2);
    Ok(vec![
        Finding::at_most("connections that are still open after three times the deadline", open, 0)
            .explained(Some(&text)),
    ])
}

/// Creates products whose pages are large.
async fn fill(ground: &Ground) -> Result<(), Fault> {
    let description = "honey ".repeat(DESCRIPTION / 6);
    for number in 0..100 {
        let body = format!(
            r#"{{"sku":"LARGE-{number}","name":"Large {number}","description":"{}","price":{{"amount":100,"currency":"EUR"}}}}"#,
            description.trim()
        );
        let request = bytes("POST", "/api/v1/products", &ground.admin(), Some(&body));
        let reply = ask(Ipv4Addr::LOCALHOST, ground.address(), &request).await?;
        if reply.status != 201 {
            return Err(format!("a large product was answered {}", reply.status).into());
        }
    }
    Ok(())
}

/// Opens streams whose window is one byte, and keeps them.
async fn streams(from: Ipv4Addr, to: SocketAddr, life: Life, answered: Arc<AtomicUsize>) -> Result<(), Fault> {
    let socket = Wire::open(from, to).await?.into_stream();
    let mut client = h2::client::Builder::new();
    client.initial_window_size(1).initial_connection_window_size(1 << 20);
    let (mut sender, mut connection) = client.handshake::<_, bytes::Bytes>(socket).await?;
    let mut pings = connection.ping_pong().ok_or("pings were taken")?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    for _ in 0..STREAMS {
        // The server may allow fewer streams.
        let Ok(ready) = timeout(BEAT, sender.clone().ready()).await else { break };
        sender = ready?;
        let (answer, _) = sender.send_request(request(Method::GET)?, true)?;
        let answered = Arc::clone(&answered);
        tasks.spawn(async move {
            let Ok(mut body) = answer.await.map(http::Response::into_body) else { return };
            answered.fetch_add(1, Ordering::Relaxed);
            // One byte arrives. Its window is given back only as a sign of life.
            while let Some(Ok(bytes)) = body.data().await {
                sleep(BEAT).await;
                if matches!(life, Life::Bytes) && body.flow_control().release_capacity(bytes.len()).is_err() {
                    return;
                }
            }
        });
    }
    loop {
        sleep(BEAT).await;
        match life {
            Life::Pings => drop(pings.ping(Ping::opaque()).await?),
            Life::Heads => head(&sender).await?,
            Life::Bytes => {}
        }
    }
}

async fn head(sender: &SendRequest<bytes::Bytes>) -> Result<(), Fault> {
    if let Ok(ready) = timeout(BEAT, sender.clone().ready()).await {
        let (answer, _) = ready?.send_request(request(Method::HEAD)?, true)?;
        answer.await?;
    }
    Ok(())
}

fn request(method: Method) -> Result<Request<()>, Fault> {
    Ok(Request::builder().method(method).uri(format!("http://bench.test{LARGE}")).body(())?)
}

/// Sends many requests on a connection of HTTP/1, and reads the answers very slowly.
async fn pipeline(from: Ipv4Addr, to: SocketAddr, answered: Arc<AtomicUsize>) -> Result<(), Fault> {
    let mut wire = Wire::open_narrow(from, to, 4_096).await?;
    wire.send(&bytes("GET", LARGE, "", None).repeat(PIPELINED)).await?;
    let mut has_begun = false;
    loop {
        sleep(BEAT).await;
        if wire.sip(300)? > 0 && !has_begun {
            has_begun = true;
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}
