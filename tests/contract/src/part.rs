//! Subjects that are parts of the store of a context.

use async_trait::async_trait;
use skep_application::kernel::{StoreError, Transaction};

/// Makes a part of a greater store or unit of work. For example, `Whole<Arc<dyn CatalogStore>>` implements
/// [`crate::catalog::Products`].
pub(crate) struct Whole<P>(pub(crate) P);

#[async_trait]
impl<T: Transaction + ?Sized> Transaction for Whole<Box<T>> {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.0.rollback().await
    }
}

/// Declares a part of a store. This makes its trait, which an adapter implements with two methods; the trait of its
/// unit of work, which all units with these repositories implement; and the implementation for the store of the
/// context.
macro_rules! part {
    (
        $(#[$doc:meta])*
        $part:ident of $whole:ident: $unit:ident of $tx:ident { $($name:ident: $repository:ident),+ } $(, $queries:ident)?
    ) => {
        $(#[$doc])*
        #[async_trait::async_trait]
        pub trait $part: Send + Sync {
            /// Opens a unit of work, with the rules and errors of
            /// [`Begin::begin`](skep_application::kernel::Begin::begin).
            async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn $unit>, StoreError>;
            $(#[doc = concat!("Returns the store as `", stringify!($queries), "`, often `self`.")]
            fn queries(&self) -> &dyn $queries;)?
        }
        #[doc = concat!("The unit of work of [`", stringify!($part), "`]: any `Transaction` with these repositories.")]
        pub trait $unit: Transaction {
            $(#[doc = concat!("Returns the unit as `", stringify!($repository), "`.")]
            fn $name(&mut self) -> &mut dyn $repository;)+
        }
        impl<U: Transaction $(+ $repository)+> $unit for U {
            $(fn $name(&mut self) -> &mut dyn $repository { self })+
        }
        impl $unit for Whole<Box<dyn $tx>> {
            $(fn $name(&mut self) -> &mut dyn $repository { self.0.$name() })+
        }
        #[async_trait::async_trait]
        impl $part for Whole<Arc<dyn $whole>> {
            async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn $unit>, StoreError> {
                Ok(Box::new(Whole(Begin::<dyn $tx>::begin(&*self.0, mode, contended).await?)))
            }
            $(fn queries(&self) -> &dyn $queries { &*self.0 })?
        }
        #[async_trait::async_trait]
        impl $crate::units::Opens for dyn $part + '_ {
            type Unit = dyn $unit;
            async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn $unit>, StoreError> {
                self.begin(mode, contended).await
            }
        }
    };
}
pub(crate) use part;
