//! Mails about orders. A subscriber stores a job for each event of an order, and the job sends the mail.

use super::{MailOutcome, MailPolicy, SendMail, SendMailCommand, mail_jobs};
use crate::{
    events::{EventHandler, EventsTx, HandlerError, Handling, PlacedEvent},
    identity::{UserQueries, UserView},
    jobs::{JobError, JobHandler, JobPolicy, JobRun, Outcome, enqueue_internal, job_for},
    kernel::{Actor, Denied, Runtime, Scope, StoreError, permit},
    ordering::{OrderQueries, OrderView},
};
use serde_json::{Value, json};
use skep_domain::{
    events::OnFailure,
    jobs::{JobId, NewJob, Priority, QueueName},
    notifications::{Locale, MailAddress, MailKind, MessageKey, actions},
    ordering::events::{OrderCancelled, OrderExpired, OrderPlaced},
    shared::{Event as _, EventId, OrderId, Timestamp, UserId},
};
use std::sync::Arc;

/// The mail that follows an event of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderMail {
    /// Decides the template.
    pub kind: MailKind,
    /// The event. Its mail has the same `Message-ID` however often it is sent.
    pub event_id: EventId,
    /// The order. The mail shows it as it is when the mail is made.
    pub order_id: OrderId,
}

/// Stores a job for the mail of each order that is placed, cancelled or ends unpaid.
///
/// A customer that causes many mails does not delay those of others: the mails that the rate of one recipient does not
/// allow at once come after all others. As many of them wait as the policy of jobs allows; an event beyond these makes no
/// mail, and the order is not affected.
pub struct OrderMails {
    /// How many mails to one recipient are allowed at once.
    at_once: u32,
    /// How many mails may wait for one customer.
    most: u32,
}

/// The part of each event of an order that decides who gets its mail.
#[derive(serde::Deserialize)]
struct OfCustomer {
    customer_id: UserId,
}

impl OrderMails {
    /// Stores jobs up to the limits of these policies.
    #[must_use]
    pub const fn new(mail: &MailPolicy, jobs: &JobPolicy) -> Self {
        Self { at_once: mail.per_recipient.burst, most: jobs.waiting_per_user }
    }

    /// The priority of a further mail to a customer for which so many mails wait. `None` if no further one is sent.
    fn priority(&self, waiting: u64) -> Option<Priority> {
        match waiting {
            waiting if waiting >= u64::from(self.most) => None,
            waiting if waiting >= u64::from(self.at_once) => Some(Priority::LAST),
            _ => Some(Priority::default()),
        }
    }

    fn kind(event: &str) -> Option<MailKind> {
        match event {
            OrderPlaced::NAME => Some(MailKind::OrderPlaced),
            OrderCancelled::NAME => Some(MailKind::OrderCancelled),
            OrderExpired::NAME => Some(MailKind::OrderExpired),
            _ => None,
        }
    }
}

impl EventHandler for OrderMails {
    const NAME: &'static str = "notifications.order_mails";
    const EVENTS: &'static [&'static str] = &[OrderPlaced::NAME, OrderCancelled::NAME, OrderExpired::NAME];
    const ON_FAILURE: OnFailure = OnFailure::BlockAggregate;
    type Unit = dyn EventsTx;

    async fn handle(
        &self,
        unit: &mut Self::Unit,
        placed: &PlacedEvent,
        call: &Handling<'_>,
    ) -> Result<(), HandlerError> {
        let event = &placed.event;
        let Some(kind) = Self::kind(&event.name) else { return Ok(()) };
        let mail = OrderMail { kind, event_id: event.id, order_id: OrderId::new(event.aggregate_id) };
        let job = job_for::<OrderMailHandler>(&mail).map_err(HandlerError::failed)?;
        let OfCustomer { customer_id } = serde_json::from_str(&event.payload).map_err(HandlerError::failed)?;
        let waiting = unit.jobs().count_waiting(customer_id, &job.kind, self.most).await?;
        let Some(priority) = self.priority(waiting) else { return Ok(()) };
        let job = NewJob { queue: QueueName::mails(), priority, owner_id: Some(customer_id), ..job };
        enqueue_internal(unit.jobs(), JobId::new(call.runtime.ids.next()), job, &call.actor, call.now).await?;
        Ok(())
    }
}

/// Sends the mail that follows an event of an order.
pub struct SendOrderMail {
    orders: Arc<dyn OrderQueries>,
    users: Arc<dyn UserQueries>,
    mails: Arc<SendMail>,
    locale: Locale,
}

impl SendOrderMail {
    /// Reads orders and their customers from these ports. Mails are in the language of the policy, because accounts have
    /// none.
    #[must_use]
    pub fn new(
        orders: Arc<dyn OrderQueries>,
        users: Arc<dyn UserQueries>,
        mails: Arc<SendMail>,
        policy: &MailPolicy,
    ) -> Self {
        Self { orders, users, mails, locale: policy.locale.clone() }
    }

    /// Makes the mail of the order as it is now, and sends it to its customer. `None` if the account of the customer was
    /// erased.
    ///
    /// # Errors
    /// [`Denied`] if the actor may not send mails. Whatever else is wrong is an outcome.
    pub async fn execute(&self, actor: &Actor, mail: OrderMail) -> Result<Option<MailOutcome>, Denied> {
        permit(actor, actions::SEND_MAIL)?;
        match self.command(mail).await {
            Ok(Ok(Some(command))) => self.mails.execute(actor, command).await.map(Some),
            Ok(Ok(None)) => Ok(None),
            Ok(Err(reason)) => Ok(Some(MailOutcome::failed(reason))),
            Err(error) => Ok(Some(MailOutcome::later(error, None))),
        }
    }

    /// The mail to send, if it has a recipient, or the reason for which it can never be sent.
    async fn command(&self, mail: OrderMail) -> Result<Result<Option<SendMailCommand>, &'static str>, StoreError> {
        let Some(order) = self.orders.find_order(Scope::All, mail.order_id).await? else {
            return Ok(Err("the order is gone"));
        };
        let Some(customer) = self.users.find_user(Scope::All, order.customer_id).await? else {
            return Ok(Ok(None));
        };
        let Ok(to) = MailAddress::parse(customer.email.as_str()) else {
            return Ok(Err("the address of the customer cannot get mails"));
        };
        let Ok(key) = MessageKey::parse(&format!("{}.{}", mail.kind.name(), mail.event_id)) else {
            return Ok(Err("the event has no key"));
        };
        let data = data(mail.kind, &order, &customer);
        Ok(Ok(Some(SendMailCommand { key, kind: mail.kind, locale: self.locale.clone(), to, data })))
    }
}

/// The variables of a mail about an order; see [`sample_data`](super::sample_data).
pub(super) fn data(kind: MailKind, order: &OrderView, customer: &UserView) -> Value {
    let lines = order
        .lines
        .iter()
        .map(|line| json!({ "name": line.name.as_str(), "quantity": line.quantity, "total": line.total.to_string() }));
    let lines: Vec<_> = lines.collect();
    let mut data = json!({ "number": order.number.as_str(), "total": order.total.to_string(), "lines": lines });
    if kind == MailKind::OrderPlaced {
        data["pay_until"] = json!(order.expires_at.map(minute).unwrap_or_default());
    }
    json!({ "customer": { "name": customer.display_name.as_str() }, "order": data })
}

/// A time as mails show it: `2026-01-31 18:00 UTC`.
pub(super) fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} {} UTC", &text[..10], &text[11..16])
}

/// Runs the jobs of [`OrderMails`].
pub struct OrderMailHandler {
    send: Arc<SendOrderMail>,
    runtime: Runtime,
}

impl OrderMailHandler {
    /// A handler that sends with this use case.
    #[must_use]
    pub fn new(send: Arc<SendOrderMail>, runtime: Runtime) -> Self {
        Self { send, runtime }
    }
}

impl JobHandler for OrderMailHandler {
    const KIND: &'static str = "notifications.order_mail";
    /// With the usual pauses, a mail server may be down for a day.
    const ATTEMPTS: u32 = 20;
    type Args = OrderMail;

    async fn run(&self, job: &JobRun, mail: OrderMail) -> Result<Outcome, JobError> {
        let mut actor = Actor::system(job.job().origin.request_id.clone());
        actor.traceparent.clone_from(&job.job().origin.traceparent);
        let outcome = self.send.execute(&actor, mail).await.map_err(JobError::never)?;
        mail_jobs::settle(&self.runtime, job, outcome)
    }
}
