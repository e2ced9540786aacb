//! Queues of jobs.

use crate::{
    connection::{self, InvalidAddress, PATIENCE, bounded},
    inspect::{self, TICKETS},
};
use async_trait::async_trait;
use redis::{Script, ScriptInvocation, aio::ConnectionManager};
use skep_application::{
    jobs::{LostTicket, ReadyJob, TicketCounts, TicketQueue},
    kernel::StoreError,
    operations::Defect,
};
use skep_domain::{
    jobs::{JobId, Priority, QueueName},
    shared::{LeaseToken, Timestamp, Version},
};
use std::{fmt, str::FromStr, time::Duration};

/// How long the tickets of a queue are kept that no worker serves, in milliseconds: a day, which is longer than any term.
const LIFE: u64 = 24 * 3_600 * 1_000;
/// Places are doubles, which hold whole numbers below 2⁵³ exactly. The priority is before these bits of the time.
const TIME_BITS: u32 = 44;

/// Gives tickets from Redis (5 or later).
///
/// Each call is one script, so instances never see a half-finished change. A queue has three keys: its waiting tickets, its
/// held ones, and the version and the holder of each.
#[derive(Clone)]
pub struct RedisTickets {
    connection: ConnectionManager,
    offer: Script,
    take: Script,
    give_back: Script,
    list_lost: Script,
    prefix: String,
}

impl RedisTickets {
    /// Tickets on the server at this address. Each key is stored with `prefix` in front. Connects as
    /// [`RedisLimits::connect`](crate::RedisLimits::connect) does.
    ///
    /// # Errors
    /// [`InvalidAddress`] if the address is not a Redis address.
    pub fn connect(url: &str, prefix: impl Into<String>) -> Result<Self, InvalidAddress> {
        Ok(Self {
            connection: connection::open(url, PATIENCE)?.0,
            offer: Script::new(include_str!("tickets/offer.lua")),
            take: Script::new(include_str!("tickets/take.lua")),
            give_back: Script::new(include_str!("tickets/give_back.lua")),
            list_lost: Script::new(include_str!("tickets/list_lost.lua")),
            prefix: prefix.into(),
        })
    }

    /// Looks for reasons why a server that answers cannot give tickets. Tries the scripts on a queue of its own, and leaves
    /// nothing there.
    ///
    /// # Errors
    /// `Unavailable` if Redis does not answer.
    pub async fn inspect(&self) -> Result<Vec<Defect>, StoreError> {
        match self.try_scripts().await {
            Ok(()) => Ok(vec![]),
            Err(error) => inspect::refused(error, &self.prefix, &TICKETS).map(|defect| vec![defect]),
        }
    }

    async fn try_scripts(&self) -> Result<(), StoreError> {
        let queue = QueueName::stored("skep check".to_owned());
        let token = LeaseToken::new(uuid::Uuid::nil());
        let job = ReadyJob {
            id: JobId::new(uuid::Uuid::nil()),
            version: Version::FIRST,
            priority: Priority::default(),
            ready_at: Timestamp::MIN,
        };
        self.offer(&queue, &[job], 1).await?;
        self.take(&queue, 1, token, Duration::ZERO).await?;
        self.list_lost(&queue, 1).await?;
        self.give_back(&queue, token, &[]).await?;
        self.count(&queue).await.map(drop)
    }

    /// The keys of a queue. The braces keep them together in a cluster.
    fn keys(&self, queue: &QueueName) -> [String; 3] {
        ["waiting", "held", "tickets"].map(|part| format!("{}{{{queue}}}:{part}", self.prefix))
    }

    fn call<'a>(&self, script: &'a Script, queue: &QueueName) -> ScriptInvocation<'a> {
        let [waiting, held, tickets] = self.keys(queue);
        let mut call = script.key(waiting);
        call.key(held).key(tickets);
        call
    }
}

/// The place of a job in the order of its queue.
fn place(job: &ReadyJob) -> i64 {
    let time = job.ready_at.as_millis().clamp(0, (1 << TIME_BITS) - 1);
    (i64::from(job.priority.get()) << TIME_BITS) + time
}

fn read<T: FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Unavailable(format!("{text:?} in a ticket of Redis cannot be read").into()))
}

fn version(text: &str) -> Result<Version, StoreError> {
    let number = read(text)?;
    Version::new(number).ok_or_else(|| StoreError::Unavailable(format!("a ticket has the version {number}").into()))
}

#[async_trait]
impl TicketQueue for RedisTickets {
    async fn offer(&self, queue: &QueueName, jobs: &[ReadyJob], most: u32) -> Result<TicketCounts, StoreError> {
        let mut call = self.call(&self.offer, queue);
        call.arg(most).arg(LIFE);
        for job in jobs {
            call.arg(job.id.to_string()).arg(job.version.get()).arg(place(job));
        }
        let mut connection = self.connection.clone();
        let (waiting, held) = bounded(call.invoke_async(&mut connection)).await?;
        Ok(TicketCounts { waiting, held })
    }

    async fn take(
        &self,
        queue: &QueueName,
        limit: u32,
        token: LeaseToken,
        term: Duration,
    ) -> Result<Vec<(JobId, Version)>, StoreError> {
        let mut call = self.call(&self.take, queue);
        let term = u64::try_from(term.as_millis()).unwrap_or(LIFE).min(LIFE);
        call.arg(limit).arg(token.to_string()).arg(term).arg(LIFE);
        let mut connection = self.connection.clone();
        let taken: Vec<(String, String)> = bounded(call.invoke_async(&mut connection)).await?;
        taken.iter().map(|(id, number)| Ok((read(id)?, version(number)?))).collect()
    }

    async fn give_back(&self, queue: &QueueName, token: LeaseToken, jobs: &[JobId]) -> Result<(), StoreError> {
        let mut call = self.call(&self.give_back, queue);
        call.arg(token.to_string());
        for job in jobs {
            call.arg(job.to_string());
        }
        let mut connection = self.connection.clone();
        bounded(call.invoke_async(&mut connection)).await
    }

    async fn list_lost(&self, queue: &QueueName, limit: u32) -> Result<Vec<LostTicket>, StoreError> {
        let mut call = self.call(&self.list_lost, queue);
        call.arg(limit);
        let mut connection = self.connection.clone();
        let lost: Vec<(String, String, String)> = bounded(call.invoke_async(&mut connection)).await?;
        let ticket = |(id, number, holder): &(String, String, String)| {
            Ok(LostTicket { id: read(id)?, version: version(number)?, token: read(holder)? })
        };
        lost.iter().map(ticket).collect()
    }

    async fn count(&self, queue: &QueueName) -> Result<TicketCounts, StoreError> {
        let [waiting, held, _] = self.keys(queue);
        let mut connection = self.connection.clone();
        let mut pipe = redis::pipe();
        pipe.zcard(waiting).zcard(held);
        let (waiting, held) = bounded(async move { pipe.query_async(&mut connection).await }).await?;
        Ok(TicketCounts { waiting, held })
    }
}

impl fmt::Debug for RedisTickets {
    /// Without the address, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTickets").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
