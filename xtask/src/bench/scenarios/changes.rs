//! Changes during a load. Each is read afterwards and must be visible.

use crate::bench::{
    Fault,
    client::{Talk, bearer, bytes},
};
use rand::RngExt as _;
use serde_json::json;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Changes of products at an even pace, made by a separate thread.
#[derive(Debug)]
pub(crate) struct Changes {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Changed, String>>,
}

/// The results of the changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changed {
    pub(crate) per_second: f64,
    /// The number of changes that were visible on every instance.
    pub(crate) seen: u64,
}

struct Changer {
    head: String,
    products: Vec<String>,
    /// Connections to the instances. The first one makes the changes.
    instances: Vec<Talk>,
    made: u64,
}

impl Changes {
    /// Starts to make `per_second` changes per second, and to read each on all of these instances.
    ///
    /// # Errors
    /// If an instance cannot be reached.
    pub(crate) fn start(
        instances: &[SocketAddr],
        admin: &str,
        products: &[String],
        per_second: f64,
    ) -> Result<Self, Fault> {
        let instances = instances.iter().map(|address| Talk::open(*address)).collect::<Result<_, _>>()?;
        let mut changer = Changer { head: bearer(admin), products: products.to_vec(), instances, made: 0 };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let start = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                changer.change().map_err(|error| error.to_string())?;
                let due = start + Duration::from_secs_f64(changer.made as f64 / per_second);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            Ok(Changed { per_second: changer.made as f64 / start.elapsed().as_secs_f64(), seen: changer.made })
        });
        Ok(Self { stop, thread })
    }

    /// Stops making changes.
    ///
    /// # Errors
    /// If a change was refused, or was not visible on an instance.
    pub(crate) fn stop(self) -> Result<Changed, Fault> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "the changes panicked")??)
    }
}

impl Changer {
    fn change(&mut self) -> Result<(), Fault> {
        let id = &self.products[rand::rng().random_range(0..self.products.len())];
        let target = format!("/api/v1/products/{id}");
        let read = bytes("GET", &target, "", None);
        let [first, ..] = &mut self.instances[..] else { return Err("there is no instance".into()) };
        let before = first.ask(&read)?.expect(200)?;
        let etag = before.header("etag").ok_or("a product without an entity tag")?;
        let product = before.json()?;
        let name = format!("Linden honey, change {}", self.made);
        let head = format!("{}If-Match: {etag}\r\n", self.head);
        // Changes alternate between a whole product and a part of one.
        let (method, body) = if self.made.is_multiple_of(2) {
            let [sku, description, price] = ["sku", "description", "price"].map(|member| product[member].clone());
            ("PUT", json!({ "sku": sku, "name": name, "description": description, "price": price }))
        } else {
            ("PATCH", json!({ "name": name }))
        };
        first.ask(&bytes(method, &target, &head, Some(&body.to_string())))?.expect(200)?;
        self.made += 1;
        for (number, instance) in self.instances.iter_mut().enumerate() {
            let seen = instance.ask(&read)?.expect(200)?.json()?;
            if seen["name"] != name.as_str() {
                return Err(format!("instance {number} answered {} after it was {name:?}", seen["name"]).into());
            }
        }
        Ok(())
    }
}
