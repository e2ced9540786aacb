//! Categories: names for groups of products, in a tree.

use crate::shared::{Text, Timestamp, Version, string_type, typed_id};

typed_id! {
    /// Identifies a category.
    CategoryId
}

string_type! {
    /// The name of a category in URLs: 1 to 100 lowercase ASCII letters and digits, and single hyphens between them.
    /// Slugs are compared byte by byte. Each is unique among all categories.
    Slug
}

/// The text is not a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 100 lowercase letters and digits, with single hyphens between them")]
pub struct InvalidSlug;

impl Slug {
    /// The greatest length in characters.
    pub const MAX: usize = 100;
    /// The form of a slug as a regular expression, for interfaces. The length is limited besides.
    pub const PATTERN: &str = "^[a-z0-9]+(-[a-z0-9]+)*$";

    /// Reads a slug.
    ///
    /// # Errors
    /// [`InvalidSlug`].
    pub fn parse(text: &str) -> Result<Self, InvalidSlug> {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if text.len() <= Self::MAX && text.split('-').all(word) { Ok(Self(text.to_owned())) } else { Err(InvalidSlug) }
    }
}

/// A category. It is at the top, or under another category.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Category {
    /// The identifier.
    pub id: CategoryId,
    /// One line of 1 to [`super::NAME_MAX`] characters.
    pub name: Text,
    /// The name in URLs; unique.
    pub slug: Slug,
    /// The category that it is under; `None` at the top.
    pub parent_id: Option<CategoryId>,
    /// When the category was created.
    pub created_at: Timestamp,
    /// When the category was last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl Category {
    /// The greatest number of levels that creating and moving give to the tree, so that a path from the top to a category
    /// is short enough to be read and locked at once. A tree that an earlier program made deeper stays as it is.
    pub const MAX_DEPTH: usize = 16;

    /// Whether a category with its subtree, `height` levels in all, fits under a category on level `depth`. The top is
    /// level 1, and a depth of 0 stands for no parent.
    #[must_use]
    pub const fn fits_under(depth: usize, height: usize) -> bool {
        depth.saturating_add(height) <= Self::MAX_DEPTH
    }

    /// A new category.
    #[must_use]
    pub const fn create(id: CategoryId, name: Text, slug: Slug, parent_id: Option<CategoryId>, now: Timestamp) -> Self {
        Self { id, name, slug, parent_id, created_at: now, updated_at: now, version: Version::FIRST }
    }

    /// Changes the name or the slug; `None` keeps the old one. Returns `false` if nothing changed; then `updated_at`
    /// stays the same.
    pub fn rename(&mut self, name: Option<Text>, slug: Option<Slug>, now: Timestamp) -> bool {
        let before = self.clone();
        self.name = name.unwrap_or_else(|| before.name.clone());
        self.slug = slug.unwrap_or_else(|| before.slug.clone());
        let changed = *self != before;
        if changed {
            self.updated_at = now.not_before(self.updated_at);
        }
        changed
    }

    /// Puts it under another category, or at the top. Returns `false` if it is there already. The caller has made sure
    /// that it will not be under itself.
    pub fn move_under(&mut self, parent_id: Option<CategoryId>, now: Timestamp) -> bool {
        let changed = self.parent_id != parent_id;
        if changed {
            self.parent_id = parent_id;
            self.updated_at = now.not_before(self.updated_at);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_lowercase_words_between_single_hyphens_are_slugs() {
        for text in ["a", "0", "bees-and-honey", "2026-01", &"a".repeat(100)] {
            assert!(Slug::parse(text).is_ok(), "{text}");
        }
        for text in ["", "-", "-a", "a-", "a--b", "A", "ä", "a b", "a_b", "a\0", "a\n", &"a".repeat(101)] {
            assert_eq!(Slug::parse(text), Err(InvalidSlug), "{text:?}");
        }
    }

    #[test]
    fn a_tree_has_at_most_sixteen_levels() {
        for (depth, height, fits) in [(0, 1, true), (0, 16, true), (0, 17, false), (15, 1, true), (16, 1, false)] {
            assert_eq!(Category::fits_under(depth, height), fits, "{height} levels under level {depth}");
        }
        assert!(!Category::fits_under(usize::MAX, usize::MAX));
    }

    #[test]
    fn only_a_real_change_moves_the_time() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let (name, slug) = (|text| Text::line(text, 9).unwrap(), |text| Slug::parse(text).unwrap());
        let honey = Category::create(CategoryId::new(Uuid::nil()), name("Honey"), slug("honey"), None, at(10));
        let mut category = honey.clone();
        assert!(!category.rename(None, None, at(20)) && !category.rename(Some(name("Honey")), None, at(20)));
        assert_eq!(category, honey);
        assert!(category.rename(None, Some(slug("wax")), at(20)) && category.rename(Some(name("Wax")), None, at(5)));
        assert_eq!(category, Category { name: name("Wax"), slug: slug("wax"), updated_at: at(20), ..honey.clone() });
        let under = Some(CategoryId::new(Uuid::from_u128(1)));
        assert!(category.move_under(under, at(30)) && !category.move_under(under, at(40)));
        assert_eq!((category.parent_id, category.updated_at), (under, at(30)));
    }
}
