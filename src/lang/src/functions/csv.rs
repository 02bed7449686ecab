//! `csvdecode`: RFC 4180 as Go's `encoding/csv` reads it.

use super::argument::text;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Name, Type, Value};

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] =
    &[Function::new("csvdecode", &[Parameter::new("str", Shape::String)], ResultType::Of(any_type), decode_csv)];

fn any_type(_: &[Value]) -> Result<Type, FunctionError> {
    Ok(Type::Dynamic)
}

/// A list of objects, one a row; the first row names the attributes.
fn decode_csv(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut reader = Reader { rest: text(&arguments[0]), line: 1 };
    let headers: Vec<Name> = match reader.record().map_err(FunctionError::new)? {
        Some((_, headers)) => headers.into_iter().map(Name::from).collect(),
        None => return Err(FunctionError::new("missing header line")),
    };
    for (at, name) in headers.iter().enumerate() {
        if headers[..at].contains(name) {
            return Err(FunctionError::new(format!("duplicate column name {:?}", name.as_str())));
        }
    }
    let mut rows = Vec::new();
    while let Some((line, fields)) = reader.record().map_err(FunctionError::new)? {
        if fields.len() != headers.len() {
            let message = format!("CSV parse error on line {line}: wrong number of fields");
            return Err(FunctionError::new(message));
        }
        let attributes = headers.iter().cloned().zip(fields.into_iter().map(Value::from));
        rows.push(Value::object(attributes.collect()));
    }
    let row_type = Type::object(headers.into_iter().map(|name| (name, Type::String)));
    Ok(Value::list(row_type, rows))
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn error(&self, reason: &str) -> String {
        format!("CSV parse error on line {}: {reason}", self.line)
    }

    /// The next row with the line it begins on; empty lines are passed over.
    fn record(&mut self) -> Result<Option<(usize, Vec<String>)>, String> {
        while let Some(rest) = self.rest.strip_prefix('\n').or_else(|| self.rest.strip_prefix("\r\n")) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            let (field, is_last) = match self.rest.strip_prefix('"') {
                Some(quoted) => {
                    self.rest = quoted;
                    self.quoted()?
                }
                None => self.plain()?,
            };
            fields.push(field);
            if is_last {
                return Ok(Some((line, fields)));
            }
        }
    }

    fn plain(&mut self) -> Result<(String, bool), String> {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let (mut field, rest) = self.rest.split_at(end);
        let is_last = !rest.starts_with(',');
        if is_last {
            field = field.strip_suffix('\r').unwrap_or(field);
        }
        if field.contains('"') {
            return Err(self.error("bare \" in non-quoted field"));
        }
        let field = field.to_owned();
        self.step_over();
        Ok((field, is_last))
    }

    /// Passes the end of a field.
    fn step_over(&mut self) {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let rest = &self.rest[end..];
        if rest.starts_with('\n') {
            self.line += 1;
        }
        self.rest = rest.get(1..).unwrap_or("");
    }

    fn quoted(&mut self) -> Result<(String, bool), String> {
        let mut field = String::new();
        loop {
            let Some(end) = self.rest.find('"') else {
                return Err(self.error("extraneous or missing \" in quoted-field"));
            };
            let part = &self.rest[..end];
            self.line += part.matches('\n').count();
            field.push_str(&part.replace("\r\n", "\n"));
            self.rest = &self.rest[end + 1..];
            if let Some(rest) = self.rest.strip_prefix('"') {
                field.push('"');
                self.rest = rest;
                continue;
            }
            let is_last = !self.rest.starts_with(',');
            let ends = self.rest.is_empty() || [",", "\n", "\r\n"].iter().any(|end| self.rest.starts_with(end));
            if !ends && self.rest != "\r" {
                return Err(self.error("extraneous or missing \" in quoted-field"));
            }
            self.step_over();
            return Ok((field, is_last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_go_reads_them() {
        let rows = |text: &str| {
            let mut reader = Reader { rest: text, line: 1 };
            let mut rows = Vec::new();
            loop {
                match reader.record() {
                    Ok(Some((_, fields))) => rows.push(fields.join("|")),
                    Ok(None) => return Ok(rows.join("/")),
                    Err(message) => return Err(message),
                }
            }
        };
        for (text, expected) in [
            ("a,b\n1,2\n", Ok("a|b/1|2")),
            ("a,b\r\n\r\n1,2", Ok("a|b/1|2")),
            ("\"a\"\"b\",\"c\nd\"\n,", Ok("a\"b|c\nd/|")),
            ("a,", Ok("a|")),
            ("a\"b", Err("CSV parse error on line 1: bare \" in non-quoted field")),
            ("x\n\"a\"b", Err("CSV parse error on line 2: extraneous or missing \" in quoted-field")),
            ("\"a", Err("CSV parse error on line 1: extraneous or missing \" in quoted-field")),
        ] {
            assert_eq!(rows(text), expected.map(str::to_owned).map_err(str::to_owned), "{text:?}");
        }
    }
}
