//! Requests of events, subscribers, and events that are held back.

use super::{World, with};
use serde_json::json;
use skep_application::{
    events::EventsTx,
    kernel::{Begin, TxMode},
};
use skep_domain::events::{HeldEvent, HeldEventId, HeldState, SubscriberName};

pub(super) async fn ask(World { server, admin, costs, .. }: &mut World) {
    let (ports, events) = (&server.app().ports, &server.app().events);
    let name = SubscriberName::parse("shop.mails").unwrap();
    events.subscriptions.open(&name).await.unwrap();
    while events.place_events.execute().await.unwrap() > 0 {}
    let (store, ids) = (&ports.store, &ports.runtime.ids);
    let placed = store.list_placed(skep_domain::events::EventPosition::START, 2).await.unwrap();
    let subscription = store.list_subscriptions(1).await.unwrap().remove(0);
    let mut held = vec![];
    for placed in &placed {
        let event = (placed.event.id, placed.position);
        let (id, now) = (HeldEventId::new(ids.next()), ports.runtime.clock.now());
        let entry = HeldEvent::waiting(id, subscription.id, event, placed.event.aggregate_id, now);
        held.push(HeldEvent { state: HeldState::Parked, ..entry });
    }
    let mut unit = Begin::<dyn EventsTx>::begin(&**store, TxMode::Write, &[]).await.unwrap();
    unit.deliveries().hold(&held).await.unwrap();
    unit.commit().await.unwrap();

    let admin = with(admin, &[]);
    let get = async |path: &str| server.send("GET", path, &admin, None).await;
    let post = async |path: &str| server.send("POST", path, &admin, None).await;
    let replay = async |after: i64| {
        let body = json!({ "subscriber": "shop.mails", "after": after, "dry_run": after > 0 });
        server.send("POST", "/api/v1/events/replay", &admin, Some(&body)).await
    };
    costs.add("GET /api/v1/events", &get("/api/v1/events?limit=1").await);
    costs.same("GET /api/v1/events", "20 rows", &get("/api/v1/events").await);
    costs.add("GET /api/v1/events/{id}", &get(&format!("/api/v1/events/{}", placed[0].event.id)).await);
    costs.add("GET /api/v1/events/subscribers", &get("/api/v1/events/subscribers").await);
    costs.add("POST /api/v1/events/replay", &replay(0).await);
    costs.add("POST /api/v1/events/replay, with a dry run", &replay(1).await);
    let path = format!("/api/v1/events/subscribers/{}", subscription.id);
    costs.add("GET /api/v1/events/subscribers/{id}", &get(&path).await);
    costs.add("POST /api/v1/events/subscribers/{id}/resume", &post(&format!("{path}/resume")).await);
    let replay = store.list_subscriptions(9).await.unwrap().pop().unwrap();
    let path = format!("/api/v1/events/subscribers/{}", replay.id);
    costs.add("DELETE /api/v1/events/subscribers/{id}", &server.send("DELETE", &path, &admin, None).await);
    costs.add("GET /api/v1/events/parked", &get("/api/v1/events/parked?limit=1").await);
    costs.same("GET /api/v1/events/parked", "2 rows", &get("/api/v1/events/parked").await);
    let path = format!("/api/v1/events/parked/{}", held[0].id);
    costs.add("GET /api/v1/events/parked/{id}", &get(&path).await);
    costs.add("POST /api/v1/events/parked/{id}/retry", &post(&format!("{path}/retry")).await);
    costs.add("POST /api/v1/events/parked/{id}/skip", &post(&format!("{path}/skip")).await);
}
