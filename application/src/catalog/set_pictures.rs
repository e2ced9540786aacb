//! Setting the pictures of a product.

use super::{CatalogTx, on_sale, stored_products};
use crate::{
    files::is_shown,
    kernel::{
        Actor, Authorized, Call, Command, Denied, FieldError, Invalid, KeyReused, NotFound, Precondition, Unmet,
        use_case_error,
    },
};
use skep_domain::{
    catalog::{MOST_PICTURES, Picture, PicturesRefusal, Product, UnfitFile, actions},
    files::FileId,
    shared::{Action, ProductId},
};

/// A picture, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PictureInput {
    /// A file that every visitor can see, with the purpose `image`.
    pub file_id: FileId,
    /// The alternative text; may be empty.
    pub alt: String,
}

/// The pictures that a product is to have, in their order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SetPicturesCommand {
    /// The product to change.
    pub product_id: ProductId,
    /// The version of the product that the change is based on.
    pub precondition: Precondition,
    /// All pictures. Those that are not among them are no pictures of the product any more; their files stay.
    pub pictures: Vec<PictureInput>,
}

use_case_error! {
    /// Why the pictures were not set.
    SetPicturesError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
    }
}

/// Replaces the pictures of products. The same pictures in the same order keep the version, and their files are not
/// judged again. An archived product counts as not found.
pub struct SetPictures;

/// The pictures, and their faults if they have any.
pub struct SetPicturesPlan {
    product_id: ProductId,
    precondition: Precondition,
    /// `write` reports invalid values only after it has compared the version of the product.
    pictures: Result<Vec<Picture>, Invalid>,
}

impl Command for SetPictures {
    type Unit = dyn CatalogTx;
    type Input = SetPicturesCommand;
    type Plan = SetPicturesPlan;
    type Target = Product;
    type Answer = Product;
    type Error = SetPicturesError;

    const NAME: &'static str = "catalog.set_pictures";
    const ACTION: Action = actions::MANAGE_PRODUCT;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let SetPicturesCommand { product_id, precondition, pictures } = input;
        call.contend([product_id.uuid()]);
        Ok(SetPicturesPlan { product_id, precondition, pictures: checked(pictures) })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Product, Self::Error> {
        Ok(stored_products::find(unit, plan.product_id).await?.ok_or(NotFound("product"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut product: Authorized<'_, Product>,
    ) -> Result<Product, Self::Error> {
        on_sale(&product)?;
        plan.precondition.require(product.version)?;
        let (now, before) = (product.now(), Product::clone(&product));
        if product.set_pictures(plan.pictures.clone()?, now).map_err(invalid)? {
            check_files(unit, product.actor(), &product.pictures).await?;
            stored_products::save_change(unit, &before, &mut product).await?;
        }
        Ok(product.into_target())
    }
}

fn checked(inputs: Vec<PictureInput>) -> Result<Vec<Picture>, Invalid> {
    if inputs.len() > MOST_PICTURES {
        return Err(invalid(PicturesRefusal::TooMany));
    }
    let mut invalid = Invalid::default();
    let mut pictures = Vec::with_capacity(inputs.len());
    for (place, PictureInput { file_id, alt }) in inputs.into_iter().enumerate() {
        let alt = invalid.check(&format!("/pictures/{place}/alt"), "invalid_text", Picture::alt(&alt));
        pictures.extend(alt.map(|alt| Picture { file_id, alt }));
    }
    invalid.finish(pictures)
}

fn invalid(refusal: PicturesRefusal) -> Invalid {
    match refusal {
        PicturesRefusal::TooMany => Invalid::one("/pictures", "too_many", refusal),
        PicturesRefusal::Repeated { place } => Invalid::one(file_at(place), "repeated_file", refusal),
    }
}

/// Refuses files that visitors do not see as pictures. A file that the actor does not see counts as missing.
async fn check_files(unit: &mut dyn CatalogTx, actor: &Actor, pictures: &[Picture]) -> Result<(), SetPicturesError> {
    if pictures.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = pictures.iter().map(|picture| picture.file_id).collect();
    let files = unit.files().find_many(&ids).await?;
    let fault = |id: &FileId| {
        let file = files.iter().find(|file| file.id == *id);
        let seen = file.filter(|file| is_shown(actor, file));
        seen.map_or(Err(UnfitFile::NotReady), Picture::check_file).err()
    };
    let faults = ids.iter().enumerate().filter_map(|(place, id)| Some((place, fault(id)?)));
    let errors = faults.map(|(place, fault)| FieldError::new(file_at(place), fault_code(fault), fault)).collect();
    Ok(Invalid { errors }.finish(())?)
}

const fn fault_code(fault: UnfitFile) -> &'static str {
    match fault {
        UnfitFile::NotReady => "unknown_file",
        UnfitFile::Quarantined => "file_quarantined",
        UnfitFile::NotPublic => "file_not_public",
        UnfitFile::NotAnImage => "file_not_image",
    }
}

fn file_at(place: usize) -> String {
    format!("/pictures/{place}/file_id")
}

#[cfg(test)]
mod tests;
