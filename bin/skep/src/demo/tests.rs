use super::*;
use crate::{Skep, config::Config};
use skep_application::ordering::OrderView;

const SIZE: Size = Size { products: 30, users: 8, orders: 60 };

async fn open(folder: &tempfile::TempDir) -> Skep {
    let config = Config { data_dir: folder.path().to_owned(), sqlite_full_sync: false, ..Config::default() };
    Skep::builder().config(config).start().await.unwrap()
}

async fn make(skep: &Skep, size: Size, seed: u64) -> Result<Made, DemoError> {
    let password = "bees build hexagons".to_owned();
    fill(&skep.app.ports, Policies::default(), size, seed, password).await
}

async fn orders(skep: &Skep) -> Vec<OrderView> {
    let page = PageRequest { limit: PageLimit::new(100).unwrap(), after: None, count_up_to: None };
    let system = Actor::system("test");
    skep.app.ordering.list_orders.execute(&system, Direction::Ascending, &page).await.unwrap().items
}

#[tokio::test]
async fn the_shop_is_as_big_as_it_was_asked_for_and_the_same_for_the_same_seed() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (open(&first).await, open(&second).await);
    let made = make(&first, SIZE, 7).await.unwrap();
    make(&second, SIZE, 7).await.unwrap();
    let all = orders(&first).await;
    assert_eq!(all.len(), 60);
    assert_eq!(all, orders(&second).await);
    let cancelled = all.iter().filter(|order| order.status == "cancelled").count();
    assert_eq!(u32::try_from(cancelled).unwrap(), made.cancelled);
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn the_log_ins_work() {
    let folder = tempfile::tempdir().unwrap();
    let skep = open(&folder).await;
    let made = make(&skep, Size { products: 1, users: 2, orders: 1 }, 1).await.unwrap();
    assert_eq!(made.log_ins.iter().map(|log_in| log_in.role).collect::<Vec<_>>(), ["admin", "user", "user"]);
    for log_in in made.log_ins {
        let command = skep_application::identity::LogInCommand {
            email: log_in.email,
            password: made.password.clone(),
            device: None,
            device_token: None,
        };
        skep.app.identity.log_in.execute(&Actor::anonymous("test"), command).await.unwrap();
    }
    skep.close().await;
}

#[tokio::test]
async fn a_store_in_use_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let skep = open(&folder).await;
    make(&skep, Size { products: 0, users: 1, orders: 0 }, 1).await.unwrap();
    assert!(matches!(make(&skep, SIZE, 1).await, Err(DemoError::InUse)));
    assert!(orders(&skep).await.is_empty());
    skep.close().await;
}

#[tokio::test]
async fn orders_need_a_user_and_a_product() {
    let folder = tempfile::tempdir().unwrap();
    let skep = open(&folder).await;
    for size in [Size { products: 0, users: 1, orders: 1 }, Size { products: 1, users: 0, orders: 1 }] {
        assert!(matches!(make(&skep, size, 1).await, Err(DemoError::NobodyToOrder)));
    }
    skep.close().await;
}
