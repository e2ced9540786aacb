//! Whether a request gets room for its answer: before its work, and again when the answer is there.

use super::{connection_info::ConnectionInfo, pieces::OpenAnswer, request_id::RequestId, room, service::Edge};
use crate::problem::Problem;
use bytes::Bytes;
use http::Method;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use poem::{Body, Response};
use std::{io, net::IpAddr};

impl Edge {
    /// Waits for room for an answer to this client. Returns whether there is room.
    pub(super) async fn make_room(
        &self,
        answer: Option<&OpenAnswer>,
        method: &Method,
        connection: &ConnectionInfo,
        client: IpAddr,
    ) -> bool {
        let Some(answer) = answer else { return true };
        let bytes = if method.is_safe() { room::READ } else { room::CHANGE };
        answer.make_room(connection.network_of(client), bytes, self.config.clients.room_wait).await
    }

    /// Waits for the rest of the room that this answer needs. Returns whether there is room. There always is for the
    /// answer of a change: it may be committed, and the client must learn of it.
    pub(super) async fn has_room_for(
        &self,
        answer: Option<&OpenAnswer>,
        method: &Method,
        response: &mut Response,
    ) -> bool {
        let Some(answer) = answer else { return true };
        let body: BoxBody<Bytes, io::Error> = response.take_body().into();
        let length = body.size_hint().exact();
        response.set_body(Body::from(body));
        answer.settle(length, !method.is_safe(), self.config.clients.room_wait).await
    }

    /// The answer to a request that gets no room.
    pub(super) fn without_room(&self, request_id: &RequestId) -> Response {
        self.metrics.unsent_refusals.increment(1);
        let problem = Problem::unavailable(1).with_detail("too many answers wait for clients to read them");
        problem.render(Some(request_id.as_str()))
    }
}
