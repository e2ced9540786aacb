//! The operations of templates of mails.

use crate::{
    edge::BodyLimit,
    parts::{Cost, Operation},
};
use skep_application::{
    kernel::{GetError, ListError},
    notifications::{
        ChangeMailTemplateError, CreateMailTemplateError, DeleteMailTemplateError, PreviewMailTemplateError,
    },
};
use skep_domain::notifications::actions::MANAGE_MAIL_TEMPLATE;

/// The limit of a template: its sources have up to 25,500 characters.
const TEMPLATE: BodyLimit = BodyLimit::new(320, 30);
/// The limit of the data of a preview.
const DATA: BodyLimit = BodyLimit::new(64, 30);

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("create_mail_template", MANAGE_MAIL_TEMPLATE, CreateMailTemplateError::REFUSALS).body(TEMPLATE),
    Operation::new("list_mail_templates", MANAGE_MAIL_TEMPLATE, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_mail_template", MANAGE_MAIL_TEMPLATE, GetError::REFUSALS),
    Operation::new("change_mail_template", MANAGE_MAIL_TEMPLATE, ChangeMailTemplateError::REFUSALS).body(TEMPLATE),
    Operation::new("delete_mail_template", MANAGE_MAIL_TEMPLATE, DeleteMailTemplateError::REFUSALS),
    Operation::new("preview_mail_template", MANAGE_MAIL_TEMPLATE, PreviewMailTemplateError::REFUSALS).body(DATA),
];
