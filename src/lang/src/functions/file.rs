//! Functions on files and paths. Paths are relative to the root module's folder.

use super::argument::{shown, text};
use super::glob::matching_files;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use crate::source::{SourceError, join_path, normalise_path};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_value::{Marks, Type, Value};

const STRING: ResultType = ResultType::Fixed(Shape::String);
const PATH: Parameter = Parameter::new("path", Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("abspath", &[PATH], STRING, absolute_path),
    Function::new("basename", &[PATH], STRING, base_name),
    Function::new("dirname", &[PATH], STRING, directory_name),
    Function::new("file", &[PATH.marked()], STRING, file),
    Function::new("filebase64", &[PATH.marked()], STRING, file_base64),
    Function::new("fileexists", &[PATH.marked()], ResultType::Fixed(Shape::Bool), file_exists),
    Function::new(
        "fileset",
        &[PATH.marked(), Parameter::new("pattern", Shape::String).marked()],
        ResultType::Fixed(Shape::Set(&Shape::String)),
        file_set,
    ),
    Function::new("pathexpand", &[PATH], STRING, expand_path),
];

/// A path with a leading `~` made absolute: the source knows whose home that is.
fn expanded(context: &FunctionContext<'_>, path: &str) -> String {
    if path == "~" || path.starts_with("~/") { context.files.absolute(path) } else { path.to_owned() }
}

/// The bytes of a file and the marks of its path.
pub(super) fn read_file(context: &FunctionContext<'_>, path: &Value) -> Result<(Vec<u8>, Marks), FunctionError> {
    let (path, marks) = path.unmark();
    let path = text(&path);
    let bytes = context.files.read(&join_path(".", &expanded(context, path))).map_err(|error| {
        let shown = shown(path, &marks);
        let message = match error {
            SourceError::NotFound => format!(
                "no file exists at {shown}; this function works only with files that are distributed as part of the \
                 configuration source code, so if this file will be created by a resource in this configuration you \
                 must instead obtain this result from an attribute of that resource"
            ),
            SourceError::Other(reason) => format!("failed to read {shown}: {reason}"),
        };
        FunctionError::argument(0, message)
    })?;
    Ok((bytes, marks))
}

/// The text of a file.
fn file(context: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (bytes, marks) = read_file(context, &arguments[0])?;
    let content = String::from_utf8(bytes).map_err(|_| {
        let message = format!(
            "contents of {} are not valid UTF-8; use the filebase64 function to obtain the Base64 encoded contents \
             or the other file functions (e.g. filemd5, filesha256) to obtain file hashing results instead",
            shown(text(&arguments[0].unmark().0), &marks)
        );
        FunctionError::new(message)
    })?;
    Ok(Value::from(content).with_marks(&marks))
}

/// The bytes of a file in Base64.
fn file_base64(context: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (bytes, marks) = read_file(context, &arguments[0])?;
    Ok(Value::from(STANDARD.encode(bytes)).with_marks(&marks))
}

/// Whether a file is there; a folder of that name is an error.
fn file_exists(context: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (given, marks) = arguments[0].unmark();
    let path = join_path(".", &expanded(context, text(&given)));
    match context.files.read(&path) {
        Ok(_) => Ok(Value::bool(true).with_marks(&marks)),
        Err(_) if context.files.list(&path).is_ok_and(|names| path == "." || !names.is_empty()) => {
            let message = format!("{} is a directory, not a file", shown(&path, &marks));
            Err(FunctionError::new(message))
        }
        Err(SourceError::NotFound) => Ok(Value::bool(false).with_marks(&marks)),
        Err(SourceError::Other(reason)) => {
            let message = format!("failed to look for {}: {reason}", shown(&path, &marks));
            Err(FunctionError::new(message))
        }
    }
}

/// The paths of the files below a folder that match a pattern.
fn file_set(context: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (path, path_marks) = arguments[0].unmark();
    let (pattern, pattern_marks) = arguments[1].unmark();
    let marks = path_marks.union(&pattern_marks);
    let found = matching_files(context.files, &normalise_path(text(&path)), text(&pattern)).map_err(|reason| {
        let message = format!("failed to glob pattern {}: {reason}", shown(text(&pattern), &marks));
        FunctionError::new(message)
    })?;
    let items = found.into_iter().map(Value::from).collect();
    Ok(Value::set(Type::String, items).with_marks(&marks))
}

/// The last part of a path.
fn base_name(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let path = text(&arguments[0]);
    let trimmed = path.trim_end_matches('/');
    let name = match (path, trimmed) {
        ("", _) => ".",
        (_, "") => "/",
        (_, trimmed) => trimmed.rsplit('/').next().unwrap_or(trimmed),
    };
    Ok(Value::from(name))
}

/// The path without its last part.
fn directory_name(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let path = text(&arguments[0]);
    let directory = path.rfind('/').map_or("", |slash| &path[..=slash]);
    Ok(Value::from(normalise_path(directory)))
}

/// The path from the root of the disk.
fn absolute_path(context: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let path = text(&arguments[0]);
    let absolute = if path.starts_with('/') { path.to_owned() } else { context.files.absolute(path) };
    Ok(Value::from(normalise_path(&absolute)))
}

/// The path with a leading `~` replaced by the home folder.
fn expand_path(context: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(expanded(context, text(&arguments[0]))))
}
