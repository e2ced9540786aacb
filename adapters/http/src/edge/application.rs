//! The application behind the edge.

use super::{
    access_sample::{Free, Sample},
    request_id::RequestId,
    service::RequestContext,
};
use crate::problem::{self, Problem, code};
use futures_util::FutureExt as _;
use http::StatusCode;
use metrics::Counter;
use poem::{Request, Response, endpoint::DynEndpoint};
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};
use tokio::time::timeout_at;

/// The application, with what counts and logs its failures.
pub(super) struct Application {
    pub(super) endpoint: Box<dyn DynEndpoint<Output = Response>>,
    pub(super) panics: Counter,
    pub(super) sample: Arc<Sample>,
}

impl Application {
    /// Calls the application. Its errors and panics become problems.
    pub(super) async fn call(self: Arc<Self>, request: Request) -> Response {
        let request_id = request.extensions().get::<RequestContext>().map(|context| context.request_id.clone());
        let request_id = request_id.as_ref().map(RequestId::as_str);
        let deadline = request.extensions().get::<RequestContext>().map(|context| context.deadline);
        let deadline = deadline.filter(|_| request.method().is_safe());
        let call = AssertUnwindSafe(self.endpoint.call(request)).catch_unwind();
        let answered = match deadline {
            Some(deadline) => timeout_at(deadline.into(), call).await,
            None => Ok(call.await),
        };
        let Ok(answered) = answered else {
            let late = Problem::of(code::UNAVAILABLE).with_detail("the request could not be answered in time");
            return late.with_retry_after(1).render(request_id);
        };
        let mut response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => problem::respond(error, request_id),
            Err(panic) => {
                self.panics.increment(1);
                let cause = panic_text(panic.as_ref()).to_owned();
                problem::respond(Problem::internal(format!("handler panicked: {cause}")).into(), request_id)
            }
        };
        self.log_failure(&mut response, request_id);
        response
    }

    /// Logs the failure behind this answer. Of failures that are not a defect, a sample is logged,
    /// because every request of a client may cause one while the server is busy.
    fn log_failure(&self, response: &mut Response, request_id: Option<&str>) {
        let Some(problem) = problem::take_failure(response) else { return };
        let is_defect = problem.status() == StatusCode::INTERNAL_SERVER_ERROR;
        let left_out = if is_defect { Some(0) } else { self.sample.admit(Free::Failure) };
        if let Some(left_out) = left_out {
            problem::log_failure(&problem, request_id, left_out);
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
