//! `sim_image`: the images that machines start from, by name. They are part of the datacentre and cannot be made.

use crate::finding::{Findings, text};
use formwork_sdk::{Attribute, Block, ErrorKind, KindSchema, Permission, ProviderError};
use formwork_value::{Name, Path, Type, Value};

pub(crate) const DATA_KIND: &str = "sim_image";

/// One image: its name, its system, and whether it drives GPUs.
pub(super) struct Image {
    name: &'static str,
    system: &'static str,
    has_gpu_drivers: bool,
}

const IMAGES: [Image; 3] = [
    Image { name: "ubuntu-24.04", system: "ubuntu", has_gpu_drivers: false },
    Image { name: "ubuntu-24.04-cuda", system: "ubuntu", has_gpu_drivers: true },
    Image { name: "flatcar-stable", system: "flatcar", has_gpu_drivers: false },
];

impl Image {
    fn id(&self) -> String {
        format!("image-{}", self.name)
    }
}

/// The image of a name or id.
pub(super) fn find(name: &str) -> Option<&'static Image> {
    IMAGES.iter().find(|image| name == image.name || name == image.id())
}

pub(super) fn unknown_image(name: &str) -> String {
    let known = IMAGES.each_ref().map(|image| image.name).join(", ");
    format!("There is no image {name:?}; there are {known}.")
}

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

data "sim_image" "cuda" {
  name = "ubuntu-24.04-cuda"
}

output "image" {
  value = data.sim_image.cuda.id
}
"#;

pub(crate) fn schema() -> KindSchema {
    let block = Block::new([
        ("name", Attribute::required(Type::String, "The image's name.")),
        ("id", Attribute::computed(Type::String, "The image's id.")),
        ("system", Attribute::computed(Type::String, "The operating system.")),
        ("has_gpu_drivers", Attribute::computed(Type::Bool, "Whether it brings drivers for GPUs.")),
    ]);
    let mut schema = KindSchema::new(block, "An image that machines start from.");
    schema.example = EXAMPLE;
    schema.read_permissions = vec![Permission("sim_image:read".to_owned())];
    schema
}

pub(crate) fn validate(configuration: &Value, found: &mut Findings) {
    if text(configuration, "name").is_some_and(Name::is_empty) {
        found.refuse("name", "An image has a name.");
    }
}

pub(crate) fn read(configuration: &Value) -> Result<Value, ProviderError> {
    let name = text(configuration, "name").map_or("", |name| name.as_str());
    let image = IMAGES.iter().find(|image| image.name == name).ok_or_else(|| {
        ProviderError::new(ErrorKind::NotFound, unknown_image(name)).at(Path::root().attribute("name"))
    })?;
    Ok(Value::object(vec![
        ("name".into(), name.into()),
        ("id".into(), image.id().into()),
        ("system".into(), image.system.into()),
        ("has_gpu_drivers".into(), image.has_gpu_drivers.into()),
    ]))
}
