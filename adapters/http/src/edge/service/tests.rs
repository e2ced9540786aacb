use super::{
    super::{Asset, RequestId, connection::Activity, room::Level, server_state::ServerState},
    *,
};
use http_body_util::Empty;
use poem::{EndpointExt as _, Route, endpoint::make};

const LENGTH: usize = 1 << 20;

/// The room that an answer of this application holds until it is sent.
async fn held_by(app: BoxEndpoint<'static, Response>) -> usize {
    let edge = Edge::new(app, EdgeConfig::new(Arc::new(|| RequestId::from_u128(7))));
    let activity = Arc::new(Activity::new(Arc::new(ServerState::new(Level::new(1 << 30), 1 << 30))));
    let info = ConnectionInfo {
        activity: Some(Arc::clone(&activity)),
        ..ConnectionInfo::without_connection(([192, 0, 2, 1], 1).into())
    };
    let answer = OpenAnswer::begin(&activity, false);
    let request = http::Request::get("/page").header("host", "a").body(Empty::<Bytes>::new()).unwrap();
    let response = edge.respond(request, &info, edge.exchange(), Some(&answer)).await;
    assert_eq!(response.status(), StatusCode::OK);
    activity.room(None).process.held()
}

#[tokio::test]
async fn an_answer_holds_its_bytes_unless_they_are_shared() {
    let own = Route::new().at("/page", make(|_| async { "x".repeat(LENGTH) }));
    assert_eq!(held_by(own.map_to_response().boxed()).await, LENGTH + room::BESIDE);
    let asset = Arc::new(Asset::new("x".repeat(LENGTH)));
    let shared = Route::new().at(
        "/page",
        make(move |request| {
            let asset = Arc::clone(&asset);
            async move { asset.answer(&request, "text/html").await }
        }),
    );
    let held = held_by(shared.map_to_response().boxed()).await;
    assert!(held < LENGTH / 10, "{held}");
}
