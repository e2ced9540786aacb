use super::*;
use crate::limits::tests::address;
use uuid::Uuid;

const TERM: Duration = Duration::from_secs(3_600);

/// Tickets on the test server, under a separate prefix.
fn server() -> Option<RedisTickets> {
    let prefix = format!("skep-test:{:016x}:", rand::random::<u64>());
    Some(RedisTickets::connect(&address()?, prefix).unwrap())
}

fn job(number: u128) -> ReadyJob {
    let (id, version, priority) = (JobId::new(Uuid::from_u128(number)), Version::FIRST, Priority::default());
    ReadyJob { id, version, priority, ready_at: Timestamp::MIN }
}

fn token(number: u128) -> LeaseToken {
    LeaseToken::new(Uuid::from_u128(number))
}

async fn ask<T: redis::FromRedisValue>(tickets: &RedisTickets, command: &str, arguments: &[&str]) -> T {
    let mut connection = tickets.connection.clone();
    redis::cmd(command).arg(arguments).query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn every_key_expires_and_none_is_left_without_tickets() {
    let Some(tickets) = server() else { return };
    let queue = QueueName::default();
    assert_eq!(tickets.inspect().await.unwrap(), vec![]);
    tickets.offer(&queue, &[job(1), job(2)], 9).await.unwrap();
    tickets.take(&queue, 1, token(1), TERM).await.unwrap();
    let mut keys: Vec<String> = ask(&tickets, "KEYS", &[&format!("{}*", tickets.prefix)]).await;
    keys.sort();
    let mut expected = tickets.keys(&queue);
    expected.sort();
    assert_eq!(keys, expected, "inspecting leaves nothing");
    for key in &keys {
        let left: u64 = ask(&tickets, "PTTL", &[key]).await;
        assert!(left > 0 && left <= LIFE, "{key}: {left}");
    }
    let second = tickets.take(&queue, 9, token(1), TERM).await.unwrap();
    assert_eq!(second, [(job(2).id, Version::FIRST)]);
    tickets.give_back(&queue, token(1), &[]).await.unwrap();
    let left: Vec<String> = ask(&tickets, "KEYS", &[&format!("{}*", tickets.prefix)]).await;
    assert_eq!(left, Vec::<String>::new());
}

/// A server with a policy that evicts deletes whole keys.
#[tokio::test]
async fn a_queue_that_has_lost_a_key_is_filled_again() {
    for lost in 0..3 {
        let Some(tickets) = server() else { return };
        let queue = QueueName::default();
        tickets.offer(&queue, &[job(1), job(2)], 9).await.unwrap();
        let held = tickets.take(&queue, 1, token(1), Duration::ZERO).await.unwrap();
        assert_eq!(held, [(job(1).id, Version::FIRST)]);
        let _: u64 = ask(&tickets, "DEL", &[&tickets.keys(&queue)[lost]]).await;
        tickets.list_lost(&queue, 9).await.unwrap();
        tickets.offer(&queue, &[job(1), job(2)], 9).await.unwrap();
        let taken = tickets.take(&queue, 9, token(2), TERM).await.unwrap();
        let lost = tickets.list_lost(&queue, 9).await.unwrap();
        let known: Vec<_> = lost.iter().map(|lost| lost.id).chain(taken.iter().map(|(id, _)| *id)).collect();
        assert_eq!(known, [job(1).id, job(2).id], "{taken:?}, {lost:?}");
    }
}

#[test]
fn a_place_is_the_order_of_the_jobs() {
    let at = |priority, millis| {
        place(&ReadyJob {
            priority: Priority::new(priority).unwrap(),
            ready_at: Timestamp::from_millis(millis).unwrap(),
            ..job(1)
        })
    };
    let order = [at(1, 5), at(1, 1_900_000_000_000), at(2, -5), at(2, 1), at(2, 2), at(4, 1_900_000_000_000)];
    assert!(order.is_sorted_by(|one, next| one < next), "{order:?}");
    assert!(at(4, Timestamp::MAX.as_millis()) < 1 << 53);
}
