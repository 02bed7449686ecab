//! Operators and the conditional.

use super::{Evaluator, unknown_not_null};
use crate::node::{BinaryOperator, Node};
use formwork_diagnostic::Diagnostic;
use formwork_value::{Marks, Number, OperationError, Refinements, Type, TypeSort, Value, convert, unify};

impl BinaryOperator {
    fn operand_type(self) -> Type {
        match self {
            Self::Or | Self::And => Type::Bool,
            Self::Equal | Self::NotEqual => Type::Dynamic,
            _ => Type::Number,
        }
    }

    fn result_type(self) -> Type {
        match self {
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Remainder => Type::Number,
            _ => Type::Bool,
        }
    }

    fn apply(self, left: &Value, right: &Value) -> Result<Value, OperationError> {
        match self {
            Self::Or => formwork_value::or(left, right),
            Self::And => formwork_value::and(left, right),
            Self::Equal => Ok(formwork_value::equals(left, right)),
            Self::NotEqual => Ok(formwork_value::not_equals(left, right)),
            Self::Greater => formwork_value::greater_than(left, right),
            Self::GreaterOrEqual => formwork_value::greater_than_or_equal(left, right),
            Self::Less => formwork_value::less_than(left, right),
            Self::LessOrEqual => formwork_value::less_than_or_equal(left, right),
            Self::Add => formwork_value::add(left, right),
            Self::Subtract => formwork_value::subtract(left, right),
            Self::Multiply => formwork_value::multiply(left, right),
            Self::Divide => formwork_value::divide(left, right),
            Self::Remainder => formwork_value::modulo(left, right),
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn unary(
        &mut self,
        node: &Node,
        operand: &Node,
        wanted: Type,
        apply: fn(&Value) -> Result<Value, OperationError>,
    ) -> Value {
        let start = self.diagnostics.len();
        let given = self.value(operand);
        let value = match convert(&given, &wanted) {
            Ok(value) => value,
            Err(error) => {
                let detail = format!("Unsuitable value for unary operand: {error}.");
                self.fail("Invalid operand", detail, operand.span, operand);
                return Value::unknown(wanted);
            }
        };
        if self.has_errors_since(start) {
            return Value::unknown(wanted).with_marks(&value.marks());
        }
        apply(&value).unwrap_or_else(|error| {
            self.fail("Operation failed", format!("Error during operation: {error}."), node.span, node);
            Value::unknown(wanted)
        })
    }

    pub(super) fn binary(
        &mut self,
        node: &Node,
        operator: BinaryOperator,
        left: &Node,
        right: &Node,
    ) -> Value {
        let (left_value, left_findings) = self.captured(left);
        let (right_value, right_findings) = self.captured(right);
        if left_findings.is_empty()
            && right_findings.is_empty()
            && let (Some(_), Some(_)) = (left_value.as_number(), right_value.as_number())
            && operator.operand_type() == Type::Number
            && let Ok(result) = operator.apply(&left_value, &right_value)
        {
            return result;
        }
        let left_converted = self.operand(left, &left_value, operator, "left");
        let right_converted = self.operand(right, &right_value, operator, "right");
        let (Some(left_value), Some(right_value)) = (left_converted, right_converted) else {
            self.diagnostics.extend(left_findings);
            self.diagnostics.extend(right_findings);
            return Value::unknown(operator.result_type());
        };
        let marks = left_value.marks().union(&right_value.marks());
        let findings = [left_findings, right_findings];
        let findings = match short_circuit(operator, left_value.reveal(), right_value.reveal(), findings) {
            Ok((value, findings)) => {
                self.diagnostics.extend(findings);
                return value.with_marks(&marks);
            }
            Err(findings) => findings,
        };
        let has_errors = findings.iter().flatten().any(Diagnostic::is_error);
        self.diagnostics.extend(findings.into_iter().flatten());
        if has_errors {
            return Value::unknown(operator.result_type()).with_marks(&marks);
        }
        operator.apply(&left_value, &right_value).unwrap_or_else(|error| {
            self.fail("Operation failed", format!("Error during operation: {error}."), node.span, node);
            Value::unknown(operator.result_type())
        })
    }

    fn operand(&mut self, node: &Node, value: &Value, operator: BinaryOperator, side: &str) -> Option<Value> {
        match convert(value, &operator.operand_type()) {
            Ok(value) => Some(value),
            Err(error) => {
                let detail = format!("Unsuitable value for {side} operand: {error}.");
                let mut diagnostic = Diagnostic::error("evaluation", "Invalid operand", detail).at(node.span);
                if operator == BinaryOperator::Add && value.sort() == TypeSort::String {
                    diagnostic.hint = Some(
                        "The sign + adds numbers. Texts are joined in a template: \"${first}${second}\"."
                            .to_owned(),
                    );
                }
                self.failed(diagnostic, &[node]);
                None
            }
        }
    }

    pub(super) fn conditional(
        &mut self,
        node: &Node,
        condition: &Node,
        truthy: &Node,
        falsy: &Node,
    ) -> Value {
        let (yes, yes_findings) = self.captured(truthy);
        let (no, no_findings) = self.captured(falsy);
        let Some(result_type) = common_type(&yes, &no) else {
            let (yes, no) = (yes.value_type(), no.value_type());
            let detail = format!(
                "The true and false result expressions must have consistent types. {}.",
                describe_mismatch(&yes, &no)
            );
            return self.fail(
                "Inconsistent conditional result types",
                detail,
                truthy.span.join(falsy.span),
                node,
            );
        };
        let chosen = self.value(condition);
        if chosen.is_null() {
            let detail = "The condition value is null. Conditions must either be true or false.";
            self.fail("Null condition", detail, condition.span, condition);
            return Value::unknown(result_type);
        }
        let (chosen, condition_marks) = chosen.into_unmarked();
        let marks = condition_marks.union(&yes.marks()).union(&no.marks());
        if !chosen.is_known() {
            return undecided(yes.reveal(), no.reveal(), result_type, &marks);
        }
        let Ok(chosen) = convert(&chosen, &Type::Bool) else {
            let detail = "The condition expression must be of type bool.";
            self.fail("Incorrect condition type", detail, condition.span, condition);
            return Value::unknown(result_type);
        };
        let (value, findings, branch, word) = if chosen.as_bool() == Some(true) {
            (yes, yes_findings, truthy, "true")
        } else {
            (no, no_findings, falsy, "false")
        };
        self.diagnostics.extend(findings);
        match convert(&value, &result_type) {
            Ok(value) => value.into_marked(&marks),
            Err(error) => {
                let detail = format!("The {word} result value has the wrong type: {error}.");
                self.fail("Inconsistent conditional result types", detail, branch.span, branch);
                Value::unknown(result_type).with_marks(&marks)
            }
        }
    }
}

type Findings = [Vec<Diagnostic>; 2];

/// What `&&` and `||` make of one side alone, with that side's findings; else the findings of both, given back.
fn short_circuit(
    operator: BinaryOperator,
    left: &Value,
    right: &Value,
    findings: Findings,
) -> Result<(Value, Vec<Diagnostic>), Findings> {
    let decisive = match operator {
        BinaryOperator::Or => true,
        BinaryOperator::And => false,
        _ => return Err(findings),
    };
    let has_errors = findings[0].iter().any(Diagnostic::is_error);
    let [left_findings, right_findings] = findings;
    let unknown = || unknown_not_null(Type::Bool);
    // As in HCL, what is known and not true counts as false here, null included.
    let is_true = |value: &Value| value.as_bool() == Some(true);
    let decides = |value: &Value| value.is_known() && is_true(value) == decisive;
    match (left.is_known(), right.is_known()) {
        (false, false) if !has_errors => Ok((unknown(), left_findings)),
        _ if decides(left) => Ok((Value::bool(decisive), left_findings)),
        _ if decides(right) => Ok((Value::bool(decisive), right_findings)),
        (false, true) => Ok((unknown(), left_findings)),
        (true, false) => Ok((unknown(), right_findings)),
        _ => Err([left_findings, right_findings]),
    }
}

/// The type of a conditional's result: `None` when there is none, any type when it stays open.
fn common_type(yes: &Value, no: &Value) -> Option<Type> {
    let (yes_type, no_type) = (yes.value_type(), no.value_type());
    if yes_type == no_type {
        return Some(yes_type);
    }
    let is_any_null = |value: &Value, value_type: &Type| {
        !matches!(value.kind(), formwork_value::Kind::Marked(..))
            && value.is_null()
            && *value_type == Type::Dynamic
    };
    if is_any_null(yes, &yes_type) {
        return Some(no_type);
    }
    if is_any_null(no, &no_type) {
        return Some(yes_type);
    }
    if yes_type == Type::Dynamic || no_type == Type::Dynamic {
        return Some(Type::Dynamic);
    }
    unify(&[yes_type, no_type])
}

/// What can be said of the result while the condition is unknown.
fn undecided(yes: &Value, no: &Value, result_type: Type, marks: &Marks) -> Value {
    if yes.is_null() && no.is_null() {
        return Value::null(result_type).with_marks(marks);
    }
    let (yes_type, no_type) = (yes.value_type(), no.value_type());
    let (yes_range, no_range) = (yes.range(), no.range());
    let mut refinements =
        Refinements { not_null: yes_range.not_null && no_range.not_null, ..Refinements::NONE };
    if yes_type == Type::Number && no_type == Type::Number {
        refinements.minimum = outer(yes_range.minimum, no_range.minimum, |left, right| left < right);
        refinements.maximum = outer(yes_range.maximum, no_range.maximum, |left, right| left > right);
    } else if yes_type.is_collection() && yes_type == no_type {
        refinements.length_minimum = yes_range.length_minimum.min(no_range.length_minimum);
        refinements.length_maximum = match (yes_range.length_maximum, no_range.length_maximum) {
            (Some(left), Some(right)) => Some(left.max(right)),
            _ => None,
        };
    }
    Value::unknown(result_type).refine(&refinements).with_marks(marks)
}

type Bound = Option<(Number, bool)>;

fn outer(left: Bound, right: Bound, is_outside: fn(&Number, &Number) -> bool) -> Bound {
    let ((left, left_inclusive), (right, right_inclusive)) = (left?, right?);
    if left == right {
        return Some((left, left_inclusive || right_inclusive));
    }
    Some(if is_outside(&left, &right) { (left, left_inclusive) } else { (right, right_inclusive) })
}

/// Why two results of a conditional have no type in common.
fn describe_mismatch(yes: &Type, no: &Type) -> String {
    match (yes, no) {
        (Type::Object(yes), Type::Object(no)) => {
            for (name, kind) in yes.attributes() {
                match no.get(name) {
                    None => {
                        return format!(
                            "The 'true' value includes object attribute \"{name}\", which is absent in the 'false' value"
                        );
                    }
                    Some(other) if other != kind => {
                        return format!(
                            "Type mismatch for object attribute \"{name}\": {}",
                            describe_mismatch(kind, other)
                        );
                    }
                    Some(_) => {}
                }
            }
            let extra = no.attributes().iter().find(|(name, _)| yes.get(name).is_none());
            match extra {
                Some((name, _)) => format!(
                    "The 'false' value includes object attribute \"{name}\", which is absent in the 'true' value"
                ),
                None => "The two object types differ".to_owned(),
            }
        }
        (Type::Tuple(yes), Type::Tuple(no)) if yes.len() != no.len() => {
            format!(
                "The 'true' tuple has length {}, but the 'false' tuple has length {}",
                yes.len(),
                no.len()
            )
        }
        (Type::Tuple(yes), Type::Tuple(no)) => {
            let differing = yes.iter().zip(no.iter()).enumerate().find(|(_, (yes, no))| yes != no);
            match differing {
                Some((at, (yes, no))) => {
                    format!("Type mismatch for tuple element {at}: {}", describe_mismatch(yes, no))
                }
                None => "The two tuple types differ".to_owned(),
            }
        }
        _ => format!(
            "The 'true' value is {}, but the 'false' value is {}",
            yes.friendly_name(),
            no.friendly_name()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mismatches_are_described() {
        let object = |name: &'static str, kind| Type::object([(name, kind)]);
        for (yes, no, expected) in [
            (
                Type::String,
                Type::list(Type::String),
                "The 'true' value is string, but the 'false' value is list of string",
            ),
            (
                object("a", Type::String),
                object("b", Type::String),
                "The 'true' value includes object attribute \"a\", which is absent in the 'false' value",
            ),
            (
                Type::tuple(vec![]),
                Type::tuple(vec![Type::Bool]),
                "The 'true' tuple has length 0, but the 'false' tuple has length 1",
            ),
        ] {
            assert_eq!(describe_mismatch(&yes, &no), expected);
        }
    }
}
