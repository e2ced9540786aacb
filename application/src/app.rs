//! All use cases of Skep over one set of ports: what a transport or an embedding program holds.

use crate::{
    catalog::{ArchiveProduct, ChangeProduct, CreateProduct, GetProduct, GetStock, ListProducts, SetStock},
    identity::{
        AccessTokens, Accounts, Authenticate, CreateUser, GetProfile, IssueSetupToken, LogIn, OneTimeSecrets,
        PasswordHasher, RegisterUser, SessionPolicy, SetUp,
    },
    kernel::{Fingerprints, Runtime},
    operations::{RateLimits, Store, SweepExpired},
    ordering::{CancelOrder, GetOrder, ListOrders, PlaceOrder},
};
use skep_domain::{identity::PasswordPolicy, shared::Money};
use std::sync::Arc;

/// What the use cases are built on.
#[derive(Clone)]
pub struct Ports {
    /// The store of identity, catalogue and ordering.
    pub store: Arc<dyn Store>,
    /// Time, identifiers, randomness.
    pub runtime: Runtime,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs access tokens.
    pub tokens: Arc<dyn AccessTokens>,
    /// Fingerprints commands.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// Makes one-time tokens.
    pub secrets: Arc<dyn OneTimeSecrets>,
    /// Counts attempts.
    pub limits: Arc<dyn RateLimits>,
}

/// The rules that a deployment may choose.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// What passwords must be like.
    pub passwords: PasswordPolicy,
    /// How long log-ins last.
    pub sessions: SessionPolicy,
    /// The smallest order, per currency.
    pub minimum_orders: Vec<Money>,
}

/// The use cases of identity.
pub struct Identity {
    /// Registration.
    pub register_user: RegisterUser,
    /// Logging in.
    pub log_in: LogIn,
    /// Recognizing users by their tokens.
    pub authenticate: Authenticate,
    /// One's own profile.
    pub get_profile: GetProfile,
    /// Making accounts for others.
    pub create_user: CreateUser,
    /// Making the first admin.
    pub set_up: SetUp,
    /// Issuing the token for it.
    pub issue_setup_token: IssueSetupToken,
}

/// The use cases of the catalogue.
pub struct Catalog {
    /// Creating a product.
    pub create_product: CreateProduct,
    /// Changing a product.
    pub change_product: ChangeProduct,
    /// Archiving a product.
    pub archive_product: ArchiveProduct,
    /// Setting stock.
    pub set_stock: SetStock,
    /// Showing a product.
    pub get_product: GetProduct,
    /// Listing products.
    pub list_products: ListProducts,
    /// Showing stock.
    pub get_stock: GetStock,
}

/// The use cases of ordering.
pub struct Ordering {
    /// Placing an order.
    pub place_order: PlaceOrder,
    /// Calling an order off.
    pub cancel_order: CancelOrder,
    /// Showing an order.
    pub get_order: GetOrder,
    /// Listing orders.
    pub list_orders: ListOrders,
}

/// Everything Skep does.
pub struct App {
    /// The use cases of identity.
    pub identity: Identity,
    /// The use cases of the catalogue.
    pub catalog: Catalog,
    /// The use cases of ordering.
    pub ordering: Ordering,
    /// Forgetting what has expired.
    pub sweep_expired: SweepExpired,
    /// What it is all built on.
    pub ports: Ports,
}

impl App {
    /// Builds every use case.
    #[must_use]
    pub fn new(ports: Ports, policies: Policies) -> Self {
        let Ports { store, runtime, hasher, tokens, fingerprints, secrets, limits } = ports.clone();
        let accounts = Accounts { hasher: hasher.clone(), passwords: policies.passwords, runtime: runtime.clone() };
        let log_in = LogIn {
            store: store.clone(),
            users: store.clone(),
            hasher,
            tokens: tokens.clone(),
            limits,
            fingerprints: fingerprints.clone(),
            policy: policies.sessions,
            runtime: runtime.clone(),
        };
        let identity = Identity {
            register_user: RegisterUser::new(store.clone(), accounts.clone()),
            log_in,
            authenticate: Authenticate::new(tokens, store.clone(), runtime.clone()),
            get_profile: GetProfile::new(store.clone()),
            create_user: CreateUser::new(store.clone(), accounts.clone()),
            set_up: SetUp::new(store.clone(), secrets.clone(), accounts),
            issue_setup_token: IssueSetupToken::new(store.clone(), secrets, runtime.clone()),
        };
        let catalog = Catalog {
            create_product: CreateProduct::new(store.clone(), fingerprints.clone(), runtime.clone()),
            change_product: ChangeProduct::new(store.clone(), fingerprints.clone(), runtime.clone()),
            archive_product: ArchiveProduct::new(store.clone(), fingerprints.clone(), runtime.clone()),
            set_stock: SetStock::new(store.clone(), fingerprints.clone(), runtime.clone()),
            get_product: GetProduct::new(store.clone()),
            list_products: ListProducts::new(store.clone()),
            get_stock: GetStock::new(store.clone()),
        };
        let place_order = PlaceOrder::new(store.clone(), fingerprints.clone(), runtime.clone());
        let ordering = Ordering {
            place_order: place_order.with_minimums(policies.minimum_orders),
            cancel_order: CancelOrder::new(store.clone(), fingerprints, runtime.clone()),
            get_order: GetOrder::new(store.clone()),
            list_orders: ListOrders::new(store.clone()),
        };
        Self { identity, catalog, ordering, sweep_expired: SweepExpired::new(store, runtime), ports }
    }
}
