//! Queues of jobs outside of a store under the contract suite.

use crate::{Redis, clock, unique};
use async_trait::async_trait;
use skep_application::jobs::TicketQueue;
use skep_contract::{Failure, Harness, Instance, Need, Start};
use skep_memory::MemoryTickets;
use skep_redis::RedisTickets;
use std::sync::Arc;

/// A queue, and the same one as another instance uses it.
struct Queue {
    tickets: Arc<dyn TicketQueue>,
    second: Arc<dyn TicketQueue>,
}

#[async_trait]
impl Instance<dyn TicketQueue> for Queue {
    fn store(&self) -> Arc<dyn TicketQueue> {
        self.tickets.clone()
    }

    async fn second(&self) -> Result<Arc<dyn TicketQueue>, Failure> {
        Ok(self.second.clone())
    }
}

/// A queue in the process.
pub struct LocalTickets;

#[async_trait]
impl Harness<dyn TicketQueue> for LocalTickets {
    fn name(&self) -> &str {
        "memory"
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        Some("the queue is in the process")
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn TicketQueue>>, Failure> {
        let tickets: Arc<dyn TicketQueue> = Arc::new(MemoryTickets::new(clock()));
        Ok(Box::new(Queue { tickets: tickets.clone(), second: tickets }))
    }
}

#[async_trait]
impl Harness<dyn TicketQueue> for Redis {
    fn name(&self) -> &str {
        "redis"
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        None
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn TicketQueue>>, Failure> {
        // Tickets are not removed but expire.
        let prefix = format!("{}:{}:", unique("skep_suite"), uuid::Uuid::now_v7());
        let connect = || RedisTickets::connect(self.address(), prefix.clone());
        Ok(Box::new(Queue { tickets: Arc::new(connect()?), second: Arc::new(connect()?) }))
    }
}
