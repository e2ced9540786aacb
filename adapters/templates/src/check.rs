//! Reads a source without rendering it, and compares its variables with the sample.

use crate::FILTERS;
use minijinja::{
    Error,
    machinery::{
        Span, Token,
        ast::{BinOpKind, CallArg, CompareOpKind, Expr, Filter, ForLoop, GetAttr, Spanned, Stmt, UnaryOpKind, Var},
        parse, tokenize,
    },
    syntax::SyntaxConfig,
};
use serde_json::{Value, json};
use skep_application::notifications::{TemplateFault, TemplateFaultKind};
use std::sync::LazyLock;

/// The fields of `loop`.
static LOOP: LazyLock<Value> = LazyLock::new(|| json!({ "index": 1, "first": true, "last": true, "length": 1 }));

type Checked<T = ()> = Result<T, TemplateFault>;

/// The most tokens of one tag. Expressions such as `a.b.c` nest once for each field, and this check, the compiler and the
/// drop of the tree recurse into them, so a tag without a limit could overflow the stack.
const TOKENS_OF_TAG: usize = 200;

/// Checks a source.
pub(super) fn check(source: &str, sample: &Value) -> Checked {
    let mut tokens = 0;
    for token in tokenize(source, false, SyntaxConfig::default()) {
        let (token, span) = token.map_err(|error| unreadable(&error))?;
        tokens = if matches!(token, Token::VariableStart | Token::BlockStart) { 0 } else { tokens + 1 };
        if tokens > TOKENS_OF_TAG {
            return Err(fault(TemplateFaultKind::Syntax, span, "the tag is too long"));
        }
    }
    let parsed = parse(source, "template", SyntaxConfig::default()).map_err(|error| unreadable(&error))?;
    Scope { sample, loops: vec![] }.statement(&parsed)
}

/// The fault of a source that the parser does not understand.
pub(super) fn unreadable(error: &Error) -> TemplateFault {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let detail = error.detail().unwrap_or("the template cannot be read");
    TemplateFault::new(TemplateFaultKind::Syntax, line + detail)
}

fn fault(kind: TemplateFaultKind, span: Span, detail: &str) -> TemplateFault {
    TemplateFault::new(kind, format!("line {}: {detail}", span.start_line))
}

fn refused<T>(span: Span, what: &str) -> Checked<T> {
    Err(fault(TemplateFaultKind::Syntax, span, &format!("templates of mails do not have {what}")))
}

fn unknown(span: Span, what: &str) -> TemplateFault {
    fault(TemplateFaultKind::UnknownVariable, span, what)
}

/// The variables at a place of the source.
struct Scope<'s> {
    sample: &'s Value,
    /// The variables of the loops around the place, from the outermost one.
    loops: Vec<(&'s str, &'s Value)>,
}

impl<'s> Scope<'s> {
    fn statements(&mut self, statements: &[Stmt<'s>]) -> Checked {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt<'s>) -> Checked {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(emit) => self.value(&emit.expr).map(drop),
            Stmt::IfCond(condition) => {
                self.value(&condition.expr)?;
                self.statements(&condition.true_body)?;
                self.statements(&condition.false_body)
            }
            Stmt::ForLoop(each) => self.each(each),
            Stmt::WithBlock(block) => refused(block.span(), "`with`"),
            Stmt::Set(set) => refused(set.span(), "`set`"),
            Stmt::SetBlock(set) => refused(set.span(), "`set`"),
            Stmt::AutoEscape(block) => refused(block.span(), "`autoescape`: the HTML is always escaped"),
            Stmt::FilterBlock(block) => refused(block.span(), "`filter` blocks"),
            Stmt::Do(statement) => refused(statement.span(), "`do`"),
        }
    }

    /// A loop goes over a list of the sample. The variable stands for each of its items.
    fn each(&mut self, each: &Spanned<ForLoop<'s>>) -> Checked {
        let span = each.span();
        let Expr::Var(target) = &each.target else { return refused(span, "loops with several variables") };
        if each.recursive || each.filter_expr.is_some() {
            return refused(span, "loops that are recursive or have a condition");
        }
        let list = self.value(&each.iter)?.and_then(Value::as_array);
        let item = list.and_then(|list| list.first()).ok_or_else(|| unknown(span, "the loop needs a list"))?;
        self.loops.extend([(target.id, item), ("loop", &*LOOP)]);
        let body = self.statements(&each.body);
        self.loops.truncate(self.loops.len() - 2);
        body?;
        self.statements(&each.else_body)
    }

    /// Checks an expression. Returns its value in the sample, if it is a variable or a field.
    fn value(&mut self, expression: &Expr<'s>) -> Checked<Option<&'s Value>> {
        match expression {
            Expr::Var(variable) => self.variable(variable).map(Some),
            Expr::GetAttr(field) => self.field(field).map(Some),
            Expr::Const(_) => Ok(None),
            Expr::UnaryOp(operation) if matches!(operation.op, UnaryOpKind::Not) => self.all([&operation.expr]),
            Expr::BinOp(operation) if is_logical(operation.op) => self.all([&operation.left, &operation.right]),
            Expr::Compare(compare) => {
                if compare.ops.iter().any(|one| matches!(one.op, CompareOpKind::In | CompareOpKind::NotIn)) {
                    return refused(compare.span(), "`in` outside of loops");
                }
                self.value(&compare.expr)?;
                self.all(compare.ops.iter().map(|one| &one.expr))
            }
            Expr::IfExpr(choice) => {
                self.all([&choice.test_expr, &choice.true_expr])?;
                self.all(&choice.false_expr)
            }
            Expr::Filter(filter) => self.filter(filter),
            other => refused(other.span(), other.description()),
        }
    }

    fn all<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr<'s>>) -> Checked<Option<&'s Value>>
    where
        's: 'e,
    {
        expressions.into_iter().try_for_each(|expression| self.value(expression).map(drop))?;
        Ok(None)
    }

    fn variable(&self, variable: &Spanned<Var<'s>>) -> Checked<&'s Value> {
        let of_loop = self.loops.iter().rev().find(|(name, _)| *name == variable.id).map(|(_, value)| *value);
        of_loop
            .or_else(|| self.sample.get(variable.id))
            .ok_or_else(|| unknown(variable.span(), &format!("there is no variable `{}`", variable.id)))
    }

    fn field(&mut self, field: &Spanned<GetAttr<'s>>) -> Checked<&'s Value> {
        let value = self.value(&field.expr)?.and_then(|value| value.get(field.name));
        value.ok_or_else(|| unknown(field.span(), &format!("there is no field `{}`", field.name)))
    }

    fn filter(&mut self, filter: &Spanned<Filter<'s>>) -> Checked<Option<&'s Value>> {
        if !FILTERS.contains(&filter.name) {
            let detail = format!("there is no filter `{}`; there are {}", filter.name, FILTERS.join(", "));
            return Err(fault(TemplateFaultKind::UnknownFilter, filter.span(), &detail));
        }
        self.all(&filter.expr)?;
        for argument in &filter.args {
            let CallArg::Pos(argument) = argument else { return refused(filter.span(), "named arguments") };
            self.value(argument)?;
        }
        if filter.args.len() != usize::from(filter.name == "default") {
            return refused(filter.span(), &format!("`{}` with {} arguments", filter.name, filter.args.len()));
        }
        Ok(None)
    }
}

const fn is_logical(operation: BinOpKind) -> bool {
    use BinOpKind::{Eq, Gt, Gte, Lt, Lte, Ne, ScAnd, ScOr};
    matches!(operation, ScAnd | ScOr | Eq | Ne | Lt | Lte | Gt | Gte)
}
