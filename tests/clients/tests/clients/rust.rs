//! A program that uses the Rust client.

use skep_clients::{Client, Error, types};
use skep_journeys::{Deployment, Store};

pub(crate) fn the_client_places_an_order() {
    let deployment = Deployment::new(&Store::Sqlite);
    let server = deployment.start();
    let setup_token = server.setup_token().expect("a token for the setup is printed");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let order = runtime.block_on(buy(&format!("http://{}", server.address()), &setup_token));
    let order = order.expect("an order");
    assert_eq!(order.status, types::OrderStatus::Pending);
    assert_eq!((order.total.amount, order.total.currency), (3998, types::MoneyCurrency::Eur));
    assert_eq!(order.lines.len(), 1);
    server.stop();
}

async fn buy(url: &str, setup_token: &str) -> Result<types::Order, Box<dyn std::error::Error>> {
    let (email, password) = ("grace@example.com", "bees build hexagons");
    // Other crates of the workspace switch TLS on in the same library, without a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let visitor = Client::new(url);
    let account = types::SetUpRequest::builder();
    let account = account.token(setup_token).email(email).password(password).display_name("Grace");
    visitor.set_up().body(account).send().await?;
    let login = types::LogInRequest::builder().email(email).password(password);
    let types::NewSession::AccessToken(token) = visitor.log_in().body(login).send().await?.into_inner() else {
        return Err("a session with a cookie was not asked for".into());
    };

    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", token.access_token).parse()?);
    let client = Client::new_with_client(url, reqwest::Client::builder().default_headers(headers).build()?);

    let price = types::Money { amount: 1999, currency: "EUR".parse()? };
    let product = types::CreateProductRequest::builder().sku("HONEY-500").name("Linden honey").price(price).stock(10);
    let product = client.create_product().body(product).send().await?.into_inner();

    let line = types::OrderLineRequest { product_id: product.id, quantity: 2_u64.try_into()? };
    let basket = types::PlaceOrderRequest { lines: vec![line] };
    let order = client.place_order().idempotency_key("my-first-order").body(basket.clone()).send().await?;
    // The same key gives the same order.
    let again = client.place_order().idempotency_key("my-first-order").body(basket).send().await?;
    assert_eq!(again.id, order.id);
    let order = client.get_order().id(order.id).send().await?.into_inner();

    // A refusal is a problem document with a type.
    let all = types::OrderLineRequest { product_id: product.id, quantity: 100_u64.try_into()? };
    let refused = client.place_order().body(types::PlaceOrderRequest { lines: vec![all] }).send().await;
    match refused {
        Err(Error::ErrorResponse(problem)) => {
            assert_eq!((problem.status().as_u16(), problem.code.as_str()), (409, "insufficient_stock"));
            assert_eq!(problem.errors[0].pointer.as_deref(), Some("/lines/0/quantity"));
        }
        other => return Err(format!("expected a problem, got {other:?}").into()),
    }
    Ok(order)
}
