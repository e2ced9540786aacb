//! What happens after a commit: the handlers of jobs, the subscribers of events, and the workers that run both.

use crate::{
    scanning::ScanHandler,
    start_error::StartError,
    stores::OpenStore,
    sweeping::{Sweeper, ask_for_sweeps},
    waiting::past_held_rows,
};
use skep_application::{
    App,
    events::Subscribers,
    identity::ExportAccountHandler,
    jobs::Handlers,
    kernel::StoreError,
    notifications::{AccountNotices, OrderMails},
};
use skep_domain::jobs::QueueName;
use skep_workers::{WorkerOptions, Workers};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Adds to the handlers of Skep those of an embedding program.
pub(crate) type AddHandlers = Box<dyn FnOnce(&Arc<App>, Handlers) -> Handlers + Send>;
/// Adds to the subscribers of Skep those of an embedding program.
pub(crate) type AddSubscribers = Box<dyn FnOnce(&Arc<App>, Subscribers) -> Subscribers + Send>;

/// The handlers and the subscribers of an instance.
pub(crate) struct Later {
    handlers: Handlers,
    subscribers: Subscribers,
}

impl Later {
    /// Makes the subscribers known to the store before the first request, so that they get every event, also if no worker
    /// runs yet.
    ///
    /// # Errors
    /// [`StartError::Subscribers`].
    pub(crate) async fn open(
        app: &Arc<App>,
        opened: &OpenStore,
        handlers: Option<AddHandlers>,
        subscribers: Option<AddSubscribers>,
    ) -> Result<Self, StartError> {
        let runtime = &app.ports.runtime;
        let mails = app.notifications.order_mail_handler(runtime.clone());
        let account_mails = app.notifications.account_mail_handler(runtime.clone());
        let exports = ExportAccountHandler::new(app.export_account.clone());
        let ours = Handlers::default().with(Sweeper(app.clone())).with(mails).with(account_mails).with(exports);
        let ours = ours.with(ScanHandler(app.clone()));
        let handlers = match handlers {
            Some(add) => add(app, ours),
            None => ours,
        };
        app.jobs.kinds.know(&handlers);
        let store = app.ports.store.clone();
        let order_mails = OrderMails::new(&app.policies.mail, &app.policies.jobs);
        let ours = Subscribers::default()
            .with(order_mails, store.clone(), runtime.clone(), |unit| unit.deliveries())
            .with(AccountNotices, store, runtime.clone(), |unit| unit.deliveries());
        let subscribers = match subscribers {
            Some(add) => add(app, ours),
            None => ours,
        };
        let open = past_held_rows(opened, "the subscribers of events", || Box::pin(open_all(app, &subscribers)));
        open.await.map_err(StartError::Subscribers)?;
        Ok(Self { handlers, subscribers })
    }

    /// Runs workers until `stop`, and asks for sweeps. Mails and scans have workers beside those of the other queues,
    /// half as many, and exports have one, unless the options name these queues.
    pub(crate) async fn work(&self, app: &Arc<App>, mut options: WorkerOptions, stop: CancellationToken) {
        let slots = options.queues.iter().map(|(_, slots)| *slots).max().unwrap_or(1);
        let half = slots.div_ceil(2);
        let scans = app.ports.scanner.as_ref().map(|_| (QueueName::scans(), half));
        for (own, slots) in [(QueueName::mails(), half), (QueueName::exports(), 1)].into_iter().chain(scans) {
            if options.queues.iter().all(|(queue, _)| *queue != own) {
                options.queues.push((own, slots));
            }
        }
        let workers = Workers::new(app.clone(), self.handlers.clone(), options);
        let workers = workers.with_subscribers(self.subscribers.clone()).run(stop.clone());
        tokio::join!(workers, ask_for_sweeps(app, &stop));
    }
}

async fn open_all(app: &App, subscribers: &Subscribers) -> Result<(), StoreError> {
    for subscriber in subscribers.all() {
        app.events.subscriptions.open(&subscriber.name()).await?;
    }
    Ok(())
}
