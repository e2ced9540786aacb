//! The clauses of an entity can fail: SQLite with one wrong statement does not pass them.
//!
//! A new entity gets a line for each mistake that its statements could have. Mistakes of a whole store (units of work,
//! races, keys) are planted in the double of `skep-contract`.

use skep_contract::{clauses, run};
use skep_suites::{MIGRATIONS, SqlFlaw, Sqlite};

const fn flaw(statement: &'static str, from: &'static str, to: &'static str) -> SqlFlaw {
    SqlFlaw { statement, from, to }
}

/// Every flaw, with the subject and the name of a clause that must catch it.
const CAUGHT: &[(SqlFlaw, &str, &str)] = &[
    (flaw("catalog.product.save", " AND version = $", " AND 0 < $"), "products", "a_stale_save_is_rejected"),
    (
        flaw("catalog.product.save", "archived_at = $", "archived_at = 0 * $"),
        "product_queries",
        "it_is_shown_as_stored",
    ),
    (flaw("catalog.product.save", "pictures = $", "pictures = 0 * $"), "products", STORES_EVERY_FIELD),
    (flaw("catalog.product.insert", "$4,", "substr($4, 1, 9999),"), "products", "values_survive"),
    (flaw("catalog.product.list_by_name_up_next", ", id) >", ", x'00') >"), "product_queries", EVERY_ROW),
    (flaw("catalog.product.list_by_sku_down_first", "sku DESC", "lower(sku) DESC"), "product_queries", EXTREMES),
    (flaw("catalog.product.list_ids", "WHERE ", "WHERE archived_at IS NULL AND "), "products", EVERY_ID),
    (flaw("search.posting.insert", "$4,", "$4 + 1,"), POSTINGS, "postings_are_read_as_written"),
    (flaw("search.posting.list", "space = $1", "$1 = $1"), POSTINGS, "postings_are_read_as_written"),
    (flaw("search.posting.list", "document_id DESC", "document_id"), POSTINGS, LISTED_POSTINGS),
    (flaw("search.posting.list", "LIMIT $4", "LIMIT $4 - 1"), POSTINGS, LISTED_POSTINGS),
    (
        flaw("search.posting.list", "BETWEEN $2 AND $3", "BETWEEN $2 || '0' AND $3"),
        POSTINGS,
        "terms_are_compared_byte_by_byte",
    ),
    (flaw("search.posting.count", "LIMIT $4", "LIMIT $4 - 1"), POSTINGS, LISTED_POSTINGS),
    (flaw("search.posting.list_of", "space || '' = $2", "$2 = $2"), POSTINGS, POSTINGS_OF),
    (flaw("search.posting.list_of", "document_id DESC, term DESC", "document_id DESC, term"), POSTINGS, POSTINGS_OF),
    (
        flaw("search.posting.list_of", "BETWEEN $3 AND $4", "BETWEEN $3 AND $3 || substr($4, 1, 0)"),
        POSTINGS,
        POSTINGS_OF,
    ),
    (flaw("search.posting.count_of", "space || '' = $2", "$2 = $2"), POSTINGS, COUNTED_TERMS),
    (flaw("search.posting.count_of", "count(*) DESC, term", "count(*) DESC, term DESC"), POSTINGS, COUNTED_TERMS),
    (
        flaw("search.posting.count_of", "BETWEEN $3 AND $4", "BETWEEN $3 AND $3 || substr($4, 1, 0)"),
        POSTINGS,
        COUNTED_TERMS,
    ),
    (flaw("search.word.list", "ORDER BY key, word", "ORDER BY key, word DESC"), "search_words", LISTED_WORDS),
    (flaw("search.word.list", "LIMIT $2", "LIMIT $2 + 1"), "search_words", LISTED_WORDS),
    (flaw("search.build.save", "after = $", "after = 0 * $"), "search_builds", SAVED_BUILD),
    (flaw("search.build.save", " AND version = $", " AND 0 < $"), "search_builds", SAVED_BUILD),
    (
        flaw(MIGRATIONS, "search_builds_kind_key UNIQUE (kind)", "search_builds_kind_key CHECK (1)"),
        "search_builds",
        "a_kind_and_an_id_belong_to_one_build",
    ),
    (flaw("catalog.product.count", "archived_at IS NULL", "1 = 1"), "product_queries", HAS_LEFT),
    (flaw("catalog.product.count", " LIMIT $1", " LIMIT $1 - 1"), "product_queries", UP_TO_A_BOUND),
    (flaw("catalog.category.count", " LIMIT $1", " LIMIT $1 - 1"), "category_queries", UP_TO_A_BOUND),
    (flaw("ordering.order.count", " LIMIT $1", " LIMIT $1 - 1"), "order_queries", UP_TO_A_BOUND),
    (flaw(MIGRATIONS, "FOREIGN KEY (parent_id) REFERENCES categories (id)", "CHECK (1)"), "categories", NEVER_BOTH),
    (flaw("catalog.category.insert", "$4,", "nullif($4, $4),"), "categories", "values_survive"),
    (flaw("catalog.category.delete", "version = $2", "0 < $2"), "categories", "a_stale_deletion_is_rejected"),
    (flaw("notifications.mail_template.save", "html = $", "html = 0 * $"), MAIL_TEMPLATES, STORES_EVERY_FIELD),
    (
        flaw("notifications.mail_template.delete", "version = $2", "0 < $2"),
        MAIL_TEMPLATES,
        "a_stale_deletion_is_rejected",
    ),
    (flaw("notifications.mail_template.list_translations", "kind = $1", "$1 = $1"), MAIL_TEMPLATES, TRANSLATIONS),
    (flaw("notifications.mail_template.list_translations", ", $5)", ")"), MAIL_TEMPLATES, TRANSLATIONS),
    (flaw(MIGRATIONS, "UNIQUE (kind, locale)", "CHECK (1)"), MAIL_TEMPLATES, EMAIL_KEYS),
    (flaw("files.file.save", "sha256 = $", "sha256 = NULL AND $"), "files", STORES_EVERY_FIELD),
    (flaw("files.file.delete", "version = $2", "0 < $2"), "files", "a_stale_deletion_is_rejected"),
    (flaw("files.file.count", "state = 'ready'", "1 = 1"), "files", READY_ONLY),
    (flaw("files.file.list_owned_up_first", "state = 'ready' AND ", ""), "files", READY_ONLY),
    (flaw("files.file.list_owned_up_first", " AND owner_id = $1", " AND $1 = $1"), "files", READY_ONLY),
    (flaw("files.file.list_removable", "created_at <= $1", "created_at < $1"), "files", REMOVABLE),
    (flaw("files.file.list_removable", "upload_expires_at <= $2", "upload_expires_at < $2"), "files", REMOVABLE),
    (flaw("files.file.list_removable", "upload_expires_at IS NULL AND ", ""), "files", REMOVABLE),
    (flaw("files.file.save", "upload_offset = $", "upload_offset = 0 * $"), "files", STORES_EVERY_FIELD),
    (flaw("files.file.save", "appender_until = $", "appender_until = 0 * $"), "files", STORES_EVERY_FIELD),
    (flaw("files.file.list_removable", "state = 'deleted' OR ", ""), "files", REMOVABLE),
    (flaw("files.file.list_removable", " AND id > $3", " AND $3 = $3"), "files", REMOVABLE),
    (flaw("files.file.list_removable", "ORDER BY id", "ORDER BY id DESC"), "files", REMOVABLE),
    (flaw("files.file.list_removable", "delete_at <= $2", "delete_at < $2"), "files", VERDICTS),
    (flaw("files.file.list_removable", "state = 'uploading' AND (", "("), "files", VERDICTS),
    (flaw("files.file.list_quarantined", " AND state = 'quarantined'", ""), "files", QUARANTINED),
    (flaw("files.file.list_quarantined", "id > $1", "$1 = $1"), "files", QUARANTINED),
    (flaw("files.file.list_quarantined", "ORDER BY id", "ORDER BY id DESC"), "files", QUARANTINED),
    (flaw("files.file.list_expired", "delete_at <= $1", "delete_at < $1"), "files", EXPIRED),
    (flaw("files.file.list_expired", "state = 'ready' AND ", ""), "files", EXPIRED),
    (flaw("files.file.list_expired", "ORDER BY delete_at, id", "ORDER BY id"), "files", EXPIRED),
    (flaw("files.file.save", "delete_at = $", "delete_at = 0 * $"), "files", STORES_EVERY_FIELD),
    (flaw("files.file.list_open_up_first", "upload_expires_at > $2", "upload_expires_at >= $2"), "files", OPEN_ONLY),
    (flaw("files.file.list_open_down_first", "state = 'uploading' AND ", ""), "files", OPEN_ONLY),
    (flaw("files.file.list_open_up_first", "owner_id = $1", "$1 = $1"), "files", OPEN_ONLY),
    (flaw("files.file.count_open", "upload_expires_at > $2", "$2 = $2"), "files", OPEN_ONLY),
    (flaw("files.file_image.insert", "$5,", "substr($5, 1, 9),"), FILE_IMAGES, "a_picture_is_read_as_written"),
    (flaw("files.file_image.find", " AND side = $2", " AND $2 = $2"), FILE_IMAGES, "a_picture_is_read_as_written"),
    (flaw("files.file_image.list_of", "file_id = $1", "$1 = $1"), FILE_IMAGES, IMAGES_OF),
    (flaw("files.file_image.list_of", "ORDER BY side", "ORDER BY side DESC"), FILE_IMAGES, IMAGES_OF),
    (flaw("files.file_image.delete_many", "WHERE id", "WHERE 1 OR id"), FILE_IMAGES, IMAGES_OF),
    (flaw("files.file.list_known", "UNION ALL", "EXCEPT"), FILE_IMAGES, "the_ids_of_pictures_are_known"),
    (flaw(MIGRATIONS, "UNIQUE (file_id, side)", "CHECK (1)"), FILE_IMAGES, "a_file_has_one_picture_with_each_side"),
    (
        flaw(MIGRATIONS, "FOREIGN KEY (file_id) REFERENCES files (id)", "CHECK (1)"),
        FILE_IMAGES,
        "the_file_of_a_picture_exists",
    ),
    (flaw("files.file_usage.save", " AND version = $", " AND 0 < $"), "file_usage", "a_stale_save_is_rejected"),
    (flaw("catalog.stock_level.find", "expires_at <= $2", "expires_at < $2"), "stock_queries", NOT_RESERVED),
    (flaw("catalog.stock_level.find", "state = 'active'", "1 = 1"), "stock_queries", NOT_RESERVED),
    (flaw("catalog.stock_level.find", " AND product_id = $1", ""), "stock_queries", NOT_RESERVED),
    (
        flaw("catalog.reservation.list_expired", "ORDER BY product_id, ", "ORDER BY "),
        "reservations",
        "a_limit_cuts_off_the_last_products",
    ),
    (
        flaw("catalog.reservation.keep", " AND state = 'active'", ""),
        "reservations",
        "only_active_reservations_are_kept",
    ),
    (flaw("catalog.reservation.keep", "expires_at = NULL", "quantity = 9"), "reservations", NO_EXPIRY),
    (flaw("ordering.order.list_overdue", "expires_at <= $1", "expires_at < $1"), "order_queries", OVERDUE),
    (flaw("ordering.order.list_overdue", "ORDER BY expires_at, id", "ORDER BY id"), "order_queries", OVERDUE),
    (
        flaw("ordering.order.list_overdue", "order_state NOT IN ('cancelled', 'expired')", "1 = 1"),
        "order_queries",
        OVERDUE,
    ),
    (flaw("ordering.order.list_overdue", "payment_state = 'none'", "1 = 1"), "order_queries", OVERDUE),
    (flaw("ordering.order.list_overdue_next", ", id) >", ", x'00') >"), "order_queries", GOES_ON),
    (flaw("ordering.order.list_overdue_next", "expires_at <= $1", "0 < $1"), "order_queries", GOES_ON),
    (flaw("ordering.order.count_open_lines", "expires_at > $2", "expires_at >= $2"), "orders", OPEN_LINES),
    (flaw("ordering.order.count_open_lines", "expires_at IS NULL OR ", ""), "orders", OPEN_LINES),
    (flaw("ordering.order.count_open_lines", "payment_state = 'none'", "1 = 1"), "orders", OPEN_LINES),
    (
        flaw("ordering.order.save", "expires_at = $", "expires_at = 0 * $"),
        "orders",
        "a_save_leaves_lines_and_totals_alone",
    ),
    (flaw("identity.session.keep_newest", "created_at DESC", "created_at"), "sessions", NEWEST),
    (flaw("identity.session.keep_newest", "revoked_at IS NOT NULL, ", ""), "sessions", REVOKED_FIRST),
    (flaw("identity.session.keep_newest", "user_id = $1", "$1 = $1"), "sessions", NEWEST),
    (flaw("identity.session.keep_newest", "LIMIT $3", "LIMIT $3 * 9"), "sessions", NEWEST),
    (flaw("identity.session.revoke_all", "user_id = $1", "$1 = $1"), "sessions", ALL_BUT_ONE),
    (flaw("identity.session.revoke_all", "id <> $2", "$2 = $2"), "sessions", ALL_BUT_ONE),
    (flaw("identity.session.revoke_all", "AND revoked_at IS NULL", ""), "sessions", ALL_BUT_ONE),
    (flaw("identity.session.revoke_all", "expires_at > $3", "expires_at >= $3"), "sessions", ALL_BUT_ONE),
    (flaw("identity.session.rotate", "AND refresh_hash = $2", ""), "sessions", ROTATED_ONCE),
    (flaw("identity.session.rotate", "id = $1", "$1 = $1"), "sessions", ROTATED_ONCE),
    (flaw("identity.session.rotate", "refresh_used_hash = $2", "refresh_used_hash = $3"), "sessions", ROTATED_ONCE),
    (flaw("identity.session.rotate", "expires_at = $5", "expires_at = $4 + 0 * $5"), "sessions", ROTATED_ONCE),
    (flaw("identity.session.rotate", "device = $6", "device = coalesce($6, device)"), "sessions", UNKNOWN_ORIGIN),
    (flaw("identity.session.rotate", " AND revoked_at IS NULL", ""), "sessions", REVOKED_KEEPS_TOKEN),
    (flaw("identity.session.renew", "id = $1", "$1 = $1"), "sessions", RENEWED),
    (flaw("identity.session.renew", "AND cookie_used_at < $2", ""), "sessions", RENEWED),
    (flaw("identity.session.renew", "expires_at = $3", "expires_at = $2 + 0 * $3"), "sessions", RENEWED),
    (flaw("identity.session.renew", "AND expires_at > $2", ""), "sessions", ENDED_STAYS),
    (flaw("identity.session.renew", " AND revoked_at IS NULL", ""), "sessions", ENDED_STAYS),
    (flaw("identity.session.find_view", "sessions.revoked_at", "NULL"), SESSION_QUERIES, REVOCATION_SHOWS),
    (flaw("identity.session.insert", "$6,", "$6 * 0,"), "sessions", "values_survive"),
    (flaw("identity.session.list", "sessions.user_id = $1", "$1 = $1"), SESSION_QUERIES, HOLDING),
    (flaw("identity.session.list", "sessions.revoked_at IS NULL", "1 = 1"), SESSION_QUERIES, HOLDING),
    (flaw("identity.session.list", "expires_at > $2", "expires_at >= $2"), SESSION_QUERIES, HOLDING),
    (flaw("identity.session.list", "sessions.created_at DESC, ", ""), SESSION_QUERIES, HOLDING),
    (flaw("identity.session.list", "LIMIT $3", "LIMIT $3 * 9"), SESSION_QUERIES, HOLDING),
    (flaw("identity.session.list", "= users.auth_epoch", "= sessions.auth_epoch"), SESSION_QUERIES, OF_THIS_EPOCH),
    (flaw("identity.user.save", "auth_epoch = $", "auth_epoch = 0 * $"), "users", STORES_EVERY_FIELD),
    (flaw("identity.user.save", "disabled_at = $", "disabled_at = 0 * $"), "users", STORES_EVERY_FIELD),
    (flaw("identity.user.find_credentials", "users.disabled_at", "NULL"), "users", CREDENTIALS),
    (flaw("identity.user.lock_with_another", "other.disabled_at IS NULL", "1 = 1"), "users", ANOTHER),
    (flaw("identity.user.lock_with_another", "other.erase_at IS NULL", "1 = 1"), "users", ANOTHER),
    (flaw("identity.user.save", "erase_at = $", "erase_at = 0 * $"), "users", STORES_EVERY_FIELD),
    (flaw("identity.user.find_credentials", "users.erase_at", "NULL"), "users", CREDENTIALS),
    (flaw("identity.user.count_filtered", "erase_at IS NOT NULL", "1 = 2"), "users", OF_A_FILTER),
    (flaw("identity.user.list_erasures", "<= $1", "< $1"), "users", "accounts_to_erase_are_listed"),
    (flaw("identity.user.list_erasures", "id > $2", "$2 = $2"), "users", "accounts_to_erase_are_listed"),
    (flaw("identity.session.erase", "user_id = $1", "user_id = $1 AND revoked_at IS NULL"), "erasure", ERASED),
    (flaw("identity.account_link.erase", "user_id = $1", "$1 = $1"), "erasure", ERASED),
    (flaw("identity.known_networks.erase", "user_id = $1", "$1 <> $1"), "erasure", ERASED),
    (flaw("identity.user.delete", "version = $2", "0 < $2"), "erasure", "a_stale_erasure_is_rejected"),
    (flaw("files.file.list_of", "state <> 'ready'", "state = 'deleted'"), "files", FILES_OF),
    (flaw("files.file.list_of", "owner_id = $1 AND state = ", "$1 = $1 AND state = "), "files", FILES_OF),
    (flaw("identity.user.lock_with_another", "other.invited_at IS NULL", "1 = 1"), "users", ANOTHER),
    (flaw("identity.user.save", "invited_at = $", "invited_at = 0 * $"), "users", STORES_EVERY_FIELD),
    (flaw("identity.user.find_credentials", "users.invited_at", "NULL"), "users", CREDENTIALS),
    (flaw("identity.user.count_filtered", "invited_at IS NOT NULL", "1 = 2"), "users", OF_A_FILTER),
    (flaw("identity.user.lock_with_another", "AND role = $1", "AND $1 = $1"), "users", ANOTHER),
    (flaw("identity.user.lock_with_another", "other.id <> $2", "$2 = $2"), "users", ANOTHER),
    (flaw("identity.user.list_roles", "user_roles.user_id = users.id", "1 = 1"), "users", OF_A_FILTER),
    (flaw("identity.user.list_by_created_at_filtered_up_first", "role = $1", "$1 = $1"), "users", OF_A_FILTER),
    (flaw("identity.user.list_by_created_at_filtered_up_first", "$2 = CASE", "$2 <> CASE"), "users", OF_A_FILTER),
    (flaw("identity.user.list_by_created_at_filtered_up_first", "email, 1, length($3)", "$3, 1"), "users", OF_A_FILTER),
    (flaw("identity.user.list_by_created_at_filtered_up_first", "created_at >= $5", "$5 = $5"), "users", OF_A_FILTER),
    (flaw("identity.user.list_by_created_at_filtered_up_first", "created_at <= $6", "$6 = $6"), "users", OF_A_FILTER),
    (flaw("identity.user.list_by_created_at_filtered_up_next", "role = $1", "$1 = $1"), "users", OF_A_FILTER),
    (flaw("identity.user.count_filtered", "role = $1", "$1 = $1"), "users", OF_A_FILTER),
    (flaw("identity.user.list_by_display_name_up_next", ", id) >", ", x'00') >"), "user_queries", EVERY_ROW),
    (flaw("identity.account_link.replace", "hash = excluded.hash", "hash = hash"), LINKS, LINK_REPLACES),
    (
        flaw("identity.account_link.replace", "expires_at = excluded", "expires_at = account_links"),
        LINKS,
        LINK_REPLACES,
    ),
    (flaw("identity.account_link.replace", "email = excluded", "email = account_links"), LINKS, LINK_REPLACES),
    (flaw("identity.account_link.find", "purpose = $2", "$2 = $2"), LINKS, LINK_REPLACES),
    (flaw("identity.account_link.consume", "hash = $1", "$1 = $1"), LINKS, LINK_ONCE),
    (flaw("identity.account_link.consume", "expires_at > $2", "expires_at >= $2"), LINKS, LINK_ONCE),
    (flaw("identity.account_link.sweep", "<= $1", "< $1"), LINKS, "expired_links_are_swept_and_no_others"),
    (
        flaw("identity.account_link.sweep", "(SELECT user_id, purpose", "(SELECT user_id, 'verify_email'"),
        LINKS,
        LINK_SWEEP,
    ),
    (flaw("identity.user.renew_hash", "password_hash = $2", "$2 = $2"), "users", RENEWS),
    (flaw("identity.user.renew_hash", "id = $1", "$1 = $1"), "users", RENEWS),
    (flaw("identity.user.renew_hash", "password_form = $4", "password_form = 'as_typed'"), "users", RENEWS),
    (flaw("identity.user.save", "email_verified_at = $", "email_verified_at = 0 * $"), "users", STORES_EVERY_FIELD),
    (flaw("identity.user.find_credentials", "users.email_verified_at", "NULL"), "users", CREDENTIALS),
    (flaw("identity.role.save", "permissions = $", "permissions = 0 || $"), "roles", STORES_EVERY_FIELD),
    (flaw("identity.role.save", " AND version = $", " AND 0 < $"), "roles", "a_stale_save_is_rejected"),
    (flaw("identity.role.delete", "version = $2", "0 < $2"), "roles", "a_stale_deletion_is_rejected"),
    (flaw("identity.role.hold", "name = $1", "name >= $1"), "roles", "held_roles_are_those_with_the_names"),
    (flaw("identity.role.list", "ORDER BY", "WHERE description <> 'Round 1' ORDER BY"), "roles", RAISED),
    (flaw("identity.role_policy.raise", "+ 1", "+ 0"), "roles", RAISED),
    (
        flaw("identity.session.find_view", "number FROM", "1 FROM"),
        "roles",
        "sessions_show_the_version_of_the_policy_on_every_instance",
    ),
    (flaw("identity.user.count_with_role", "role = $1", "$1 = $1"), "roles", "accounts_with_a_role_are_counted"),
    (flaw(MIGRATIONS, "CONSTRAINT roles_name_key UNIQUE (name)", "CHECK (1)"), "roles", EMAIL_KEYS),
    (flaw("identity.known_networks.replace", "networks = excluded.networks", "networks = networks"), KNOWN, REPLACES),
    (flaw("identity.known_networks.sweep", "<= $1", "< $1"), KNOWN, "old_lists_are_swept_and_no_others"),
    (flaw("identity.user.find_credentials", ".user_id = users.id", ".user_id <> users.id"), KNOWN, HAS_LIST),
    (flaw("identity.user.find_credentials", "users.email = $2", "0 = $2"), "users", OLD_KEY),
    (flaw("identity.user.find_by_email", "users.email = $2", "0 = $2"), "users", OLD_KEY),
    (flaw("identity.user.find_credentials", "users.email_key = $1", "0 = $1"), "users", EACH_KEY),
    (flaw("identity.user.find_by_email", "users.email_key = $1", "0 = $1"), "users", EACH_KEY),
    (flaw(MIGRATIONS, "UNIQUE INDEX users_email_key_key", "INDEX users_email_key_key"), "users", EMAIL_KEYS),
    (flaw("kernel.idempotency_key.fill", "answer = $4", "answer = substr($4, 1, 999)"), "idempotency", BY_BYTE),
    (flaw("kernel.idempotency_key.fill", "compressed = $5", "compressed = substr($5, 1, 999)"), "idempotency", BY_BYTE),
    (flaw("operations.instance_key.insert", "$6", "$6 - $6"), "instance_keys", "values_survive_oldest_first"),
    (flaw(MIGRATIONS, "WHERE state <> 'retired'", ""), "instance_keys", ONE_NEXT),
    (flaw("operations.instance_key.retire", "WHERE state = 'active'", "WHERE 1 = 1"), "instance_keys", REPLACES_KEY),
    (flaw("operations.instance_key.retire", "purpose IN", "'none' NOT IN"), "instance_keys", WITHOUT_ACTIVE),
    (flaw("operations.instance_key.reseal", "sealed = $2", "$2 = $2"), "instance_keys", STILL_AS_READ),
    (flaw("operations.instance_key.delete_expired", "<=", "<"), "instance_keys", "only_expired_keys_are_deleted"),
    (flaw("operations.field_key.insert", "$4", "$4 - $4"), "field_keys", "values_survive_by_number"),
    (flaw("operations.field_key.list", "BY number", "BY number DESC"), "field_keys", "values_survive_by_number"),
    (flaw("operations.field_key.rewrap", "wrapped = $2", "$2 = $2"), "field_keys", REWRAPPED),
    (
        flaw(MIGRATIONS, "field_keys_number_key UNIQUE (number)", "field_keys_number_key CHECK (1)"),
        "field_keys",
        ONE_NUMBER,
    ),
    (flaw("suite.note.list_sealed_text", "text > $1", "text >= $1"), "sealed_fields", ORDERED_VALUES),
    (flaw("suite.note.list_sealed_text", "BY text", "BY lower(text)"), "sealed_fields", ORDERED_VALUES),
    (flaw("suite.note.list_sealed_text", "LIMIT $2", "LIMIT $2 * 9"), "sealed_fields", ORDERED_VALUES),
    (
        flaw("suite.note.count_sealed_text", "text < $2", "text <= $2"),
        "sealed_fields",
        "values_are_counted_between_bounds",
    ),
    (flaw("suite.note.replace_sealed_text", "text = $2", "$2 = $2"), "sealed_fields", REPLACED_VALUE),
    (flaw("suite.note.replace_sealed_text", "id = $1 AND", "$1 = $1 AND"), "sealed_fields", REPLACED_VALUE),
    (flaw("jobs.job.insert", "DO NOTHING", "DO UPDATE SET lost = jobs.lost"), "jobs", HOLDER),
    (flaw("jobs.job.save", " AND version = $", " AND 0 < $"), "jobs", "a_stale_save_is_rejected"),
    (flaw("jobs.job.list_available", "BY priority, ready_at", "BY ready_at"), "jobs", AVAILABLE),
    (flaw("jobs.job.list_available", "AND queue = $1", "AND $1 = $1"), "jobs", AVAILABLE),
    (flaw("jobs.job.list_available", "earlier.id) <", "x'00') <"), "jobs", FIRST_OF_KEY),
    (flaw("jobs.job.list_available", "earlier.ordering_key = job.ordering_key", "0 = 1"), "jobs", FIRST_OF_KEY),
    (flaw("jobs.job.list_available", "AND earlier.queue = job.queue", ""), "jobs", "a_key_waits_for_no_other_queue"),
    (flaw("jobs.job.list_available", "running.ordering_key = job.ordering_key", "0 = 1"), "jobs", CLAIMED),
    (flaw("jobs.job.list_due", "'scheduled', 'retryable'", "'scheduled'"), "jobs", DUE),
    (flaw("jobs.job.list_due", "ready_at <= $1", "ready_at < $1"), "jobs", DUE),
    (flaw("jobs.job.list_due", "BY ready_at", "BY ready_at DESC"), "jobs", DUE),
    (flaw("jobs.job.next_ready_at", "'scheduled', 'retryable'", "'scheduled'"), "jobs", NEXT_TIME),
    (flaw("jobs.job.next_ready_at", "BY ready_at", "BY ready_at DESC"), "jobs", NEXT_TIME),
    (flaw("jobs.job.count_waiting", "owner_id = $1", "$1 = $1"), "jobs", WAITING),
    (flaw("jobs.job.count_waiting", "kind = $2", "$2 = $2"), "jobs", WAITING),
    (flaw("jobs.job.count_waiting", "'scheduled', 'retryable'", "'scheduled'"), "jobs", WAITING),
    (flaw("jobs.job.sweep", "state = $1", "$1 = $1"), "jobs", OLD_JOBS),
    (flaw("jobs.job.sweep", "finished_at <= $2", "finished_at < $2"), "jobs", OLD_JOBS),
    (flaw("jobs.job.sweep", "BY finished_at", "BY finished_at DESC"), "jobs", OLD_JOBS),
    (flaw("jobs.job.list_by_created_at_of_kind_up_first", "kind = $1", "$1 = $1"), "jobs", FILTERED),
    (flaw("jobs.job.count_of_state_of_kind", "state = $1", "$1 = $1"), "jobs", FILTERED),
    (flaw(MIGRATIONS, "UNIQUE INDEX jobs_running_key_key", "INDEX jobs_running_key_key"), "jobs", ONE_RUNS),
    (flaw("jobs.job.count_in_queue", "BY ready_at LIMIT 1", "BY ready_at DESC LIMIT 1"), "queues", COUNTED),
    (flaw("jobs.job.count_in_queue", "ORDER BY id LIMIT $2", "ORDER BY id"), "queues", COUNTED),
    (flaw("jobs.job.count_running", "queue = $1", "$1 = $1"), "queues", COUNTED),
    (flaw("jobs.job.count_running", "state = 'running'", "1 = 1"), "queues", COUNTED),
    (flaw("jobs.job.count_running", "LIMIT $2", "LIMIT $2 * 9"), "queues", COUNTED),
    (flaw("jobs.job.count_running", "state = 'running'", "0 = 1"), "jobs", LIMITED),
    (flaw("jobs.queue.list_unopened", "name = waiting.queue", "0 = 1"), "queues", UNOPENED),
    (flaw("jobs.queue.list_unopened", "jobs.queue > waiting.queue", "0 = 1"), "queues", UNOPENED),
    (flaw("jobs.queue.list_unopened", "LIMIT $1", "LIMIT $1 * 9"), "queues", UNOPENED),
    (flaw("jobs.queue.save", "concurrency = $", "concurrency = 0 * $"), "queues", REPLACES_READ),
    (flaw("events.unplaced_event.list", "< latest.aggregate_version", "< 0"), "event_log", EARLIER),
    (flaw("events.unplaced_event.list", "LIMIT $1", "LIMIT $1 * 9"), "event_log", EARLIER),
    (flaw("events.log.find", "max(swept)", "max(last)"), "event_log", DENSE),
    (flaw("events.log.save", "last = $1", "last = last + 0 * $1"), "event_log", DENSE),
    (flaw("kernel.outbox_event.list_placed", "position > $1", "position >= $1"), "event_log", DENSE),
    (flaw("kernel.outbox_event.list_placed", "BY placed.position", "BY placed.position DESC"), "event_log", DENSE),
    (flaw("events.position.find_last_before", "event_id >= $1", "event_id > $1"), "event_log", LAST_BEFORE),
    (flaw("events.position.find_last_before", "max(last)", "0 * max(last)"), "event_log", LAST_BEFORE),
    (flaw("events.position.find_last_before", "min(position)", "max(position)"), "event_log", CLOCK_IN_THE_PAST),
    (flaw("events.position.find_last_before", "LIMIT $2", "LIMIT 1 + 0 * $2"), "event_log", CLOCK_IN_THE_PAST),
    (flaw("events.position.sweep", "occurred_at <= $3", "occurred_at < $3"), "event_log", PASSED),
    (flaw("events.position.sweep", "position <= min(", "position <= 9 + min("), "event_log", PASSED),
    (flaw("events.position.sweep", "LIMIT $4", "LIMIT $4 * 9"), "event_log", PASSED),
    (flaw("events.position.sweep", "held.event_id = placed.event_id", "0 = 1"), "deliveries", KEPT),
    (flaw(MIGRATIONS, "DELETE FROM event_positions WHERE event_id = OLD.id;", ""), "event_log", PASSED),
    (flaw(MIGRATIONS, "SET swept = (SELECT", "SET swept = 0 * (SELECT"), "event_log", PASSED),
    (flaw(MIGRATIONS, "WHEN NEW.name <> ''", ""), "event_log", UNPLACED),
    (flaw("events.subscription.save", " AND version = $", " AND 0 < $"), "subscriptions", "a_stale_save_is_rejected"),
    (flaw("events.subscription.list", "created_at DESC", "created_at"), "deliveries", ONE_LIVE),
    (flaw("events.subscription.list", "IS NOT NULL", "IS NULL"), "deliveries", ONE_LIVE),
    (flaw(MIGRATIONS, "UNIQUE INDEX subscriptions_subscriber_key", "INDEX subscriptions_one"), "deliveries", ONE_LIVE),
    (flaw(MIGRATIONS, "(subscriber) WHERE replay_until IS NULL", "(subscriber)"), "deliveries", ONE_LIVE),
    (flaw("events.subscription.list_behind", "state = 'active'", "1 = 1"), "deliveries", BEHIND),
    (flaw("events.subscription.list_behind", "position < $1", "position <= $1"), "deliveries", BEHIND),
    (flaw("events.subscription.list_behind", "BY position, id", "BY id"), "deliveries", BEHIND),
    (flaw("events.subscription.delete", "version = $2", "0 < $2"), "subscriptions", "a_stale_deletion_is_rejected"),
    (flaw("events.subscription.count_replays", "state <> 'finished'", "1 = 1"), "deliveries", UNFINISHED),
    (flaw("events.subscription.count_replays", "replay_until IS NOT NULL", "1 = 1"), "deliveries", UNFINISHED),
    (flaw("events.subscription.count_replays", "LIMIT $1", "LIMIT 9 * $1"), "deliveries", UNFINISHED),
    (flaw("events.held_event.delete_of_subscription", "subscription_id = $1", "$1 = $1"), "deliveries", HOLDS_NOTHING),
    (flaw("events.held_event.delete_of_subscription", "subscription_id = $1", "0 = $1"), "deliveries", HOLDS_NOTHING),
    (flaw("events.received_event.insert", "DO NOTHING", "DO UPDATE SET received_at = 0"), "deliveries", RECEIVED_ONCE),
    (flaw("events.received_event.sweep", "received_at <= $1", "received_at < $1"), "deliveries", FORGOTTEN),
    (flaw("events.received_event.sweep", "LIMIT $2", "LIMIT $2 * 9"), "deliveries", FORGOTTEN),
    (
        flaw("events.subscription.sweep", "state = 'finished'", "replay_until IS NOT NULL"),
        "deliveries",
        REPLAYS_DELETED,
    ),
    (flaw("events.subscription.sweep", "updated_at <= $1", "updated_at < $1"), "deliveries", REPLAYS_DELETED),
    (flaw("events.subscription.sweep", "LIMIT $2", "LIMIT $2 * 9"), "deliveries", REPLAYS_DELETED),
    (flaw("events.held_event.save", " AND version = $", " AND 0 < $"), "held_events", "a_stale_save_is_rejected"),
    (flaw("events.held_event.find_next", "BY position", "BY position DESC"), "deliveries", COMES_NEXT),
    (flaw("events.held_event.find_next", "subscription_id = $1", "$1 = $1"), "deliveries", COMES_NEXT),
    (flaw("events.held_event.list_aggregates", "aggregate_id = given.value", "1 = 1"), "deliveries", COMES_NEXT),
    (flaw(MIGRATIONS, "UNIQUE INDEX held_events_event_key", "INDEX held_events_event_key"), "deliveries", COMES_NEXT),
    (flaw("events.held_event.list_due", "state = 'retryable'", "1 = 1"), "deliveries", DUE_EVENTS),
    (flaw("events.held_event.list_due", "ready_at <= $2", "ready_at < $2"), "deliveries", DUE_EVENTS),
    (flaw("events.held_event.list_due", "subscription_id = $1", "$1 = $1"), "deliveries", DUE_EVENTS),
    (flaw("events.held_event.list_due", "BY ready_at", "BY ready_at DESC"), "deliveries", DUE_EVENTS),
    (flaw("events.held_event.count_by_state", "state = 'parked'", "1 = 1"), "deliveries", BY_STATE),
    (flaw("events.held_event.count_of_subscription", "LIMIT $2", "LIMIT $2 * 9"), "deliveries", BY_STATE),
    (flaw("events.held_event.list_by_held_at_up_next", ", id) >", ", x'00') >"), "held_event_queries", EVERY_ROW),
    (flaw("events.held_event.count_of_state", "LIMIT $2", "LIMIT $2 - 1"), "held_event_queries", UP_TO_A_BOUND),
    (flaw("jobs.schedule.find_due", "next_fire_at <= $2", "next_fire_at < $2"), "schedules", FOUND_DUE),
    (flaw("jobs.schedule.save", " AND version = $", " AND 0 < $"), "schedules", "a_stale_save_is_rejected"),
    (flaw("jobs.schedule.save", "last_job_id = $", "last_job_id = 0 * $"), "schedules", STORES_EVERY_FIELD),
    (flaw("jobs.schedule.delete", "version = $2", "0 < $2"), "schedules", "a_stale_deletion_is_rejected"),
    (flaw("jobs.schedule.list_due", "next_fire_at <= $1", "next_fire_at < $1"), "schedules", DUE_SCHEDULES),
    (flaw("jobs.schedule.list_due", "BY next_fire_at, id", "BY id"), "schedules", DUE_SCHEDULES),
    (flaw("jobs.schedule.next_fire_at", "BY next_fire_at", "BY next_fire_at DESC"), "schedules", NEXT_FIRE_TIME),
    (flaw("jobs.schedule.count_up_to", " LIMIT $1", ""), "schedules", COUNTED_SCHEDULES),
    (flaw("jobs.schedule.list_by_name_of_kind_up_first", "kind = $1", "$1 = $1"), "schedules", OF_A_KIND),
    (flaw("jobs.schedule.count_of_kind", "kind = $1", "$1 = $1"), "schedules", OF_A_KIND),
    (flaw(MIGRATIONS, "CONSTRAINT schedules_name_key UNIQUE (name)", "CHECK (1)"), "schedules", EMAIL_KEYS),
];
const EARLIER: &str = "earlier_versions_come_with_later_ones";
const EVERY_ID: &str = "ids_are_listed_in_ascending_order_with_archived_ones";
const DENSE: &str = "positions_are_dense_and_follow_the_last_one";
const LAST_BEFORE: &str = "the_last_position_before_a_time";
const CLOCK_IN_THE_PAST: &str = "an_event_of_a_clock_in_the_past_does_not_end_the_old_ones";
const PASSED: &str = "events_that_every_subscription_has_passed_are_swept";
const KEPT: &str = "an_event_that_is_held_back_is_kept";
const UNPLACED: &str = "a_committed_event_is_unplaced_until_it_is_placed";
const ONE_LIVE: &str = "a_subscriber_has_one_subscription_and_any_number_of_replays";
const BEHIND: &str = "active_subscriptions_that_are_behind_are_listed";
const UNFINISHED: &str = "replays_that_are_not_finished_are_counted";
const HOLDS_NOTHING: &str = "a_deleted_subscription_holds_nothing_back";
const RECEIVED_ONCE: &str = "an_event_is_received_once";
const REPLAYS_DELETED: &str = "finished_replays_are_deleted_by_their_age";
const FORGOTTEN: &str = "received_events_are_forgotten_by_their_age";
const COMES_NEXT: &str = "the_first_held_event_of_an_aggregate_comes_next";
const DUE_EVENTS: &str = "due_events_are_those_that_are_retryable";
const BY_STATE: &str = "held_events_are_counted_by_state";
const HOLDER: &str = "the_holder_of_a_unique_key_is_returned";
const AVAILABLE: &str = "available_jobs_come_in_their_order";
const FIRST_OF_KEY: &str = "of_jobs_with_one_ordering_key_the_first_comes";
const CLAIMED: &str = "a_claimed_job_is_left_out_and_a_key_comes_back";
const DUE: &str = "due_jobs_come_in_the_order_of_their_times";
const NEXT_TIME: &str = "the_next_time_is_the_earliest_of_those_that_wait";
const WAITING: &str = "waiting_jobs_are_counted_by_owner_and_kind";
const OLD_JOBS: &str = "old_jobs_are_swept_and_nothing_else";
const FILTERED: &str = "a_list_has_the_jobs_that_its_filter_admits";
const ONE_RUNS: &str = "two_jobs_with_one_ordering_key_never_run";
const FOUND_DUE: &str = "a_schedule_is_found_when_its_time_has_come";
const DUE_SCHEDULES: &str = "due_schedules_come_in_the_order_of_their_times";
const NEXT_FIRE_TIME: &str = "the_next_fire_time_is_the_earliest";
const COUNTED_SCHEDULES: &str = "schedules_are_counted_up_to_a_bound";
const OF_A_KIND: &str = "a_list_has_the_schedules_of_a_kind";
const COUNTED: &str = "jobs_are_counted_up_to_a_bound";
const LIMITED: &str = "racing_workers_run_no_more_jobs_than_the_queue_allows";
const UNOPENED: &str = "queues_without_workers_are_those_with_jobs_and_no_settings";
const REPLACES_READ: &str = "a_save_replaces_only_the_version_that_was_read";
const MAIL_TEMPLATES: &str = "mail_templates";
const FILE_IMAGES: &str = "file_images";
const IMAGES_OF: &str = "the_pictures_of_a_file_are_listed_and_deleted";
const READY_ONLY: &str = "only_files_that_are_ready_are_listed";
const OPEN_ONLY: &str = "only_open_uploads_in_pieces_are_listed_as_such";
const EXPIRED: &str = "ready_files_expire_at_their_time";
const QUARANTINED: &str = "only_files_that_wait_for_a_verdict_are_quarantined";
const VERDICTS: &str = "a_verdict_is_kept_and_an_infected_file_is_removable_later";
const REMOVABLE: &str = "deleted_files_and_old_uploads_are_removable";
const TRANSLATIONS: &str = "the_translations_of_a_kind_are_found_and_no_others";
const RAISED: &str = "every_change_raises_the_version_at_once_on_every_instance";
const STORES_EVERY_FIELD: &str = "a_save_stores_every_field_and_answers_the_next_version";
const OLD_KEY: &str = "of_two_accounts_the_one_with_the_old_key_is_found";
const CREDENTIALS: &str = "credentials_are_those_of_the_address";
const ERASED: &str = "an_erased_account_leaves_nothing_and_others_stay";
const FILES_OF: &str = "the_files_of_a_user_are_found_in_any_state";
const ANOTHER: &str = "another_account_with_a_role_is_active_and_has_it";
const OF_A_FILTER: &str = "a_list_has_the_accounts_that_its_filter_admits";
const EACH_KEY: &str = "each_key_finds_its_accounts_and_no_others";
const EMAIL_KEYS: &str = "a_taken_value_is_refused_by_its_rule";
const BY_BYTE: &str = "a_filled_key_is_replayed_byte_by_byte";
const NOT_RESERVED: &str = "what_has_expired_is_not_shown_as_reserved";
const NO_EXPIRY: &str = "a_kept_reservation_does_not_expire";
const OPEN_LINES: &str = "the_lines_of_open_orders_are_counted";
const OVERDUE: &str = "overdue_orders_are_listed_and_no_others";
const GOES_ON: &str = "a_list_of_overdue_orders_goes_on_after_an_order";
const NEWEST: &str = "the_newest_sessions_of_a_user_stay";
const REVOKED_FIRST: &str = "revoked_sessions_go_before_the_others";
const ROTATED_ONCE: &str = "a_refresh_token_is_replaced_once";
const UNKNOWN_ORIGIN: &str = "a_rotation_may_know_nothing_about_its_origin";
const RENEWED: &str = "a_renewal_moves_the_end_of_a_session_with_a_cookie";
const ENDED_STAYS: &str = "a_session_that_has_ended_or_has_no_cookie_is_not_renewed";
const REVOKED_KEEPS_TOKEN: &str = "a_session_that_was_revoked_keeps_its_refresh_token";
const REVOCATION_SHOWS: &str = "a_revocation_shows_at_once_on_every_instance";
const ALL_BUT_ONE: &str = "all_sessions_of_a_user_end_except_one";
const SESSION_QUERIES: &str = "session_queries";
const HOLDING: &str = "the_sessions_that_hold_are_listed_the_newest_first";
const OF_THIS_EPOCH: &str = "sessions_of_an_earlier_epoch_are_not_listed";
const RENEWS: &str = "a_hash_is_renewed_only_in_place_of_the_old_one";
const LINKS: &str = "account_links";
const LINK_REPLACES: &str = "a_newer_link_replaces_the_one_of_its_account_and_purpose";
const LINK_ONCE: &str = "a_link_is_used_once_in_time_and_no_other_with_it";
const LINK_SWEEP: &str = "expired_links_are_swept_and_no_others";
const KNOWN: &str = "known_networks";
const REPLACES: &str = "a_list_replaces_the_earlier_one_of_its_account";
const HAS_LIST: &str = "credentials_have_the_list_of_their_account";
const ONE_NEXT: &str = "a_purpose_has_one_next_key_and_any_number_of_retired_ones";
const REWRAPPED: &str = "a_key_is_rewrapped_only_if_it_is_as_it_was_read";
const ONE_NUMBER: &str = "of_eight_instances_that_add_a_key_at_once_one_stores_it";
const ORDERED_VALUES: &str = "values_are_listed_in_the_order_of_their_bytes";
const REPLACED_VALUE: &str = "a_value_is_replaced_only_if_it_is_as_it_was_read";
const STILL_AS_READ: &str = "content_is_replaced_only_if_it_is_as_it_was_read";
const REPLACES_KEY: &str = "a_next_key_replaces_the_active_one";
const WITHOUT_ACTIVE: &str = "without_an_active_key_no_key_is_activated";
const NEVER_BOTH: &str = "a_child_and_the_deletion_of_its_parent_are_never_both_stored";
const POSTINGS: &str = "search_postings";
const COUNTED_TERMS: &str = "terms_of_documents_are_counted";
const LISTED_WORDS: &str = "words_come_by_key_and_word_up_to_a_limit";
const LISTED_POSTINGS: &str = "postings_come_in_descending_order_up_to_a_limit";
const POSTINGS_OF: &str = "postings_of_documents_are_those_with_the_terms";
const SAVED_BUILD: &str = "a_save_of_a_build_replaces_only_the_version_that_was_read";
const EVERY_ROW: &str = "every_row_is_on_one_page_in_every_order";
const EXTREMES: &str = "extreme_keys_are_sorted_and_paged";
const UP_TO_A_BOUND: &str = "rows_are_counted_up_to_a_bound";
const HAS_LEFT: &str = "what_has_left_is_not_listed_nor_counted";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_statement_is_caught() {
    let mut passed = Vec::new();
    for (flaw, subject, name) in CAUGHT {
        let all = clauses();
        let clause = all.iter().find(|clause| (clause.subject, clause.name) == (*subject, *name));
        let clause = clause.ok_or_else(|| format!("there is no {subject}::{name}")).unwrap();
        // If the statement does not have the text, the trial fails as well, but no flaw was planted.
        match run(&Sqlite::with(*flaw), clause).await {
            Ok(_) => passed.push(format!("{subject}::{name} does not catch {flaw:?}")),
            Err(failure) if failure.to_string().contains("no such part") => passed.push(failure.to_string()),
            Err(_) => {}
        }
    }
    assert!(passed.is_empty(), "{passed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flaw_that_changes_nothing_is_reported() {
    let all = clauses();
    let clause = all.iter().find(|clause| (clause.subject, clause.name) == ("products", "values_survive")).unwrap();
    let failure = run(&Sqlite::with(flaw("catalog.product.insert", "INSERT INTO bees", "")), clause).await.unwrap_err();
    assert!(failure.to_string().contains("no such part"), "{failure}");
    assert!(run(&Sqlite::with(flaw("catalog.bee.insert", "", "")), clause).await.is_ok());
}
