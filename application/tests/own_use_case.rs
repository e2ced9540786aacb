//! A use case of a program that embeds Skep: a customer reviews a product. The program has its own context, which uses
//! a repository of Skep and one of the program.

use serde::{Deserialize, Serialize};
use skep_application::{
    catalog::{MockProductRepository, ProductRepository},
    context,
    kernel::{
        Authorized, Begin as _, Call, Command, Constraint, Denied, Guarded, Invalid, KeyReused, NotFound, StoreError,
        TxMode, account, run,
    },
    refusal,
    testing::{
        Ending, MockUnit, Scripted, Seen, World, aborted, category_id, code, eur, fixed_runtime, obeys_the_frame,
        problem, product, product_id, use_case, user, user_id,
    },
    use_case_error,
};
use skep_domain::{
    access::Resource,
    catalog::Product,
    shared::{Action, Described, Event, Kind, ProductId, Text, UserId, Version},
};
use uuid::Uuid;

// The action. Each account may perform it.

const WRITE_REVIEW: Action = Action::account("reviews.review.write");

// The entity, and its event.

/// The opinion of a customer about a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    id: Uuid,
    product_id: ProductId,
    author: UserId,
    text: Text,
}

#[derive(Serialize)]
struct ReviewWritten {
    review_id: Uuid,
    product_id: ProductId,
}

impl Described for ReviewWritten {
    const KIND: Kind = Kind::Object(&[]);
}

impl Event for ReviewWritten {
    const NAME: &'static str = "reviews.review_written.v1";
    fn aggregate_id(&self) -> Uuid {
        self.review_id
    }
}

// The ports.

/// A customer has at most one review of a product.
const REVIEW_AUTHOR: Constraint = Constraint::new("reviews_author_key");

/// Writes reviews inside a unit of work.
#[cfg_attr(test, mockall::automock)]
#[async_trait::async_trait]
pub trait ReviewRepository: Send {
    /// Stores a new review. `Duplicate` of `REVIEW_AUTHOR`.
    async fn insert(&mut self, review: &Review) -> Result<(), StoreError>;
}

/// Reads reviews outside a unit of work.
#[async_trait::async_trait]
pub trait ReviewQueries: Send + Sync {}

context! {
    /// The repositories that a command of reviews can use.
    unit ReviewTx {
        /// The products of the catalog.
        products: ProductRepository by MockProductRepository,
        /// The reviews of all products.
        reviews: ReviewRepository by MockReviewRepository,
    }
    #[cfg(test)]
    mocks MockReviewTx of ReviewMocks
    /// The ports of a store that read reviews.
    store ReviewStore: ReviewQueries
}

// The use case.

/// A review, not yet checked.
#[derive(Serialize)]
pub struct WriteReviewCommand {
    product_id: ProductId,
    text: String,
}

refusal! {
    /// The customer has already reviewed the product.
    ReviewedBefore = Conflict, "reviewed_before";
}

use_case_error! {
    /// Why the review was not written.
    WriteReviewError {
        Denied(Denied),
        Invalid(Invalid),
        NotFound(NotFound),
        KeyReused(KeyReused),
        ReviewedBefore(ReviewedBefore),
    }
}

/// Writes a review of a product that is on sale.
struct WriteReview;

/// The target of the authorization: the review belongs to its author.
struct Reviewed {
    author: UserId,
    product: Product,
}

impl Guarded for Reviewed {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(self.author)
    }
}

impl Command for WriteReview {
    type Unit = dyn ReviewTx;
    type Input = WriteReviewCommand;
    type Plan = Review;
    type Target = Reviewed;
    type Answer = Review;
    type Error = WriteReviewError;

    const NAME: &'static str = "reviews.write_review";
    const ACTION: Action = WRITE_REVIEW;

    async fn plan(&self, call: &mut Call<'_>, input: WriteReviewCommand) -> Result<Review, WriteReviewError> {
        let author = account(call.actor, Self::ACTION)?;
        let mut invalid = Invalid::default();
        let text = invalid.check("/text", "invalid_text", Text::line(&input.text, 500));
        let Some(text) = text else { return Err(invalid.into()) };
        Ok(Review { id: call.new_id(), product_id: input.product_id, author, text })
    }

    async fn load(&self, review: &Review, unit: &mut Self::Unit) -> Result<Reviewed, WriteReviewError> {
        let product = unit.products().find(review.product_id).await?.ok_or(NotFound("product"))?;
        Ok(Reviewed { author: review.author, product })
    }

    async fn write(
        &self,
        review: &Review,
        unit: &mut Self::Unit,
        reviewed: Authorized<'_, Reviewed>,
    ) -> Result<Review, WriteReviewError> {
        if !reviewed.product.is_on_sale() {
            return Err(NotFound("product").into());
        }
        let inserted = unit.reviews().insert(review).await;
        inserted.map_err(REVIEW_AUTHOR.refused::<WriteReviewError>(ReviewedBefore))?;
        let event = ReviewWritten { review_id: review.id, product_id: review.product_id };
        reviewed.record(unit.outbox(), &event, Version::FIRST, reviewed.now()).await?;
        Ok(review.clone())
    }
}

// The tests.

/// The mock world of reviews.
#[derive(Default)]
struct Reviews {
    product: Option<Product>,
    seen: Seen,
}

impl World for Reviews {
    type Mocks = ReviewMocks;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn looking(&self) -> MockReviewTx {
        let mut unit: MockUnit<ReviewMocks> = self.seen.looking();
        let products = Vec::from_iter(self.product.clone());
        unit.products.expect_find().returning(self.seen.finds("products.find", products, |product| product.id));
        unit
    }

    fn open(&self) -> MockReviewTx {
        let mut unit = self.looking();
        unit.reviews.expect_insert().returning(self.seen.stores("reviews.insert"));
        self.seen.writes(&mut unit);
        unit
    }
}

fn reviews() -> Reviews {
    Reviews { product: Some(product(1, eur(500))), ..Reviews::default() }
}

fn command(text: &str) -> WriteReviewCommand {
    WriteReviewCommand { product_id: product_id(1), text: text.to_owned() }
}

#[tokio::test]
async fn a_review_is_stored_with_one_event() {
    let reviews = reviews();
    let write_review = use_case(WriteReview, &Scripted::of([reviews.open()]));
    let review = write_review.execute(&user(1), command("Sweet")).await.unwrap();
    assert_eq!(review, reviews.seen.one("reviews.insert"));
    assert_eq!((review.author, reviews.seen.event().name.as_str()), (user_id(1), "reviews.review_written.v1"));
    assert_eq!(reviews.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let refused = async |world: &Reviews, text| {
        let refusal = use_case(WriteReview, &Scripted::of([world.looking()])).execute(&user(1), command(text)).await;
        let (code, fields) = problem(&refusal);
        (code, fields.len())
    };
    assert_eq!(refused(&Reviews::default(), "Sweet").await, ("not_found", 0));
    assert_eq!(refused(&reviews(), " ").await, ("validation_failed", 1));
    let reviews = reviews();
    let mut second = reviews.looking();
    let taken = StoreError::Duplicate { constraint: REVIEW_AUTHOR };
    second.reviews.expect_insert().return_once(|_| Err(taken));
    let refusal = use_case(WriteReview, &Scripted::of([second])).execute(&user(1), command("Sweet")).await;
    assert_eq!((code(&refusal), reviews.seen.endings()), ("reviewed_before", vec![Ending::RolledBack]));
}

#[tokio::test]
async fn obeys_the_frame_of_commands() {
    obeys_the_frame(&reviews(), || WriteReview, &user(1), || command("Sweet")).await;
}

/// Code that is not a command calls `run` itself. It begins a unit, does its work, and ends the unit with the attempt.
#[tokio::test]
async fn an_aborted_attempt_is_repeated() {
    let reviews = reviews();
    let store = Scripted::<dyn ReviewTx>::of([reviews.failing(aborted()), reviews.open()]);
    let review = &Review {
        id: category_id(1).uuid(),
        product_id: product_id(1),
        author: user_id(1),
        text: Text::line("Sweet", 500).unwrap(),
    };
    let store = &*store;
    let stored: Result<(), WriteReviewError> = run(&fixed_runtime().0, user(1).deadline, |attempt| async move {
        let mut unit = store.begin(TxMode::Write, &[]).await?;
        let result = unit.reviews().insert(review).await.map_err(WriteReviewError::from);
        attempt.end(unit, result).await
    })
    .await;
    assert_eq!((code(&stored), reviews.seen.endings()), ("ok", vec![Ending::Committed; 2]));
}
