//! `local_file` and `local_sensitive_file`: a file of the working directory. A file whose content is another than
//! what was written counts as gone, so that it is written anew.

use crate::double::{Kind, Site, text, with};
use crate::files;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use formwork_sdk::{ApplyRequest, Attribute, Block, ErrorKind, KindSchema, ProviderError, Recovery};
use formwork_value::{Type, Value};
use sha1::{Digest, Sha1};
use std::path::PathBuf;

struct LocalFile {
    name: &'static str,
    schema: KindSchema,
}

pub(crate) fn kinds() -> Vec<Box<dyn Kind>> {
    let kind = |name, block| {
        let schema = KindSchema { recovery: Recovery::Replay, ..KindSchema::new(block, "A file.") };
        Box::new(LocalFile { name, schema }) as Box<dyn Kind>
    };
    vec![kind("local_file", plain()), kind("local_sensitive_file", sensitive())]
}

fn argument() -> Attribute {
    Attribute::optional(Type::String, "What stands in the file.").replaces()
}

fn shared(permission: &'static str) -> [(&'static str, Attribute); 4] {
    let mode = |doc| Attribute::with_default(Type::String, Value::string(permission), doc).replaces();
    [
        ("directory_permission", mode("The mode of folders.")),
        ("file_permission", mode("The mode of the file.")),
        ("filename", Attribute::required(Type::String, "The file's path.").replaces()),
        ("id", Attribute::computed(Type::String, "SHA-1 of the content.")),
    ]
}

fn plain() -> Block {
    Block::new(
        [
            ("content", argument()),
            ("content_base64", argument()),
            ("sensitive_content", argument().sensitive()),
            ("source", argument()),
        ]
        .into_iter()
        .chain(shared("0777")),
    )
}

fn sensitive() -> Block {
    Block::new(
        [
            ("content", argument().sensitive()),
            ("content_base64", argument().sensitive()),
            ("source", argument()),
        ]
        .into_iter()
        .chain(shared("0700")),
    )
}

fn path(site: &Site, object: &Value) -> Result<PathBuf, ProviderError> {
    let name = text(object, "filename").ok_or_else(|| ProviderError::invalid("filename is not known"))?;
    Ok(site.directory.join(name.as_str()))
}

fn digest(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

impl LocalFile {
    fn content(&self, site: &Site, object: &Value) -> Result<Vec<u8>, ProviderError> {
        for name in ["content", "sensitive_content"] {
            if let Some(content) = text(object, name) {
                return Ok(content.as_bytes().to_vec());
            }
        }
        if let Some(encoded) = text(object, "content_base64") {
            return BASE64_STANDARD
                .decode(encoded.as_bytes())
                .map_err(|error| ProviderError::invalid(format!("content_base64 is not base64: {error}")));
        }
        let Some(source) = text(object, "source") else {
            return Err(ProviderError::invalid(format!("{} needs content or source", self.name)));
        };
        files::read(&site.directory.join(source.as_str()))?
            .ok_or_else(|| ProviderError::new(ErrorKind::NotFound, format!("there is no file {source}")))
    }
}

impl Kind for LocalFile {
    fn name(&self) -> &str {
        self.name
    }

    fn schema(&self) -> &KindSchema {
        &self.schema
    }

    fn data_schema(&self) -> Option<KindSchema> {
        let block = Block::new([
            ("filename", Attribute::required(Type::String, "The file's path.")),
            ("content", Attribute::computed(Type::String, "What stands in it.")),
            ("id", Attribute::computed(Type::String, "SHA-1 of the content.")),
        ]);
        Some(KindSchema::new(block, "A file."))
    }

    fn read(&self, site: &Site, prior: &Value) -> Result<Option<Value>, ProviderError> {
        let stands = files::read(&path(site, prior)?)?;
        let is_same = stands.is_some_and(|bytes| text(prior, "id").is_some_and(|id| id == digest(&bytes)));
        Ok(is_same.then(|| prior.clone()))
    }

    fn write(&self, site: &Site, request: &ApplyRequest) -> Result<Value, ProviderError> {
        let content = self.content(site, &request.planned)?;
        files::write(&path(site, &request.planned)?, &content)?;
        Ok(with(&request.planned, "id", Value::string(digest(&content))))
    }

    fn remove(&self, site: &Site, prior: &Value) -> Result<(), ProviderError> {
        files::remove(&path(site, prior)?)
    }

    fn read_data(&self, site: &Site, configuration: &Value) -> Result<Value, ProviderError> {
        let path = path(site, configuration)?;
        let bytes = files::read(&path)?.ok_or_else(|| {
            ProviderError::new(ErrorKind::NotFound, format!("there is no file {}", path.display()))
        })?;
        let content = Value::string(String::from_utf8_lossy(&bytes).into_owned());
        Ok(with(&with(configuration, "content", content), "id", Value::string(digest(&bytes))))
    }
}
