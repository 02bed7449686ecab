//! What an intent keeps so that its call can be sent again, by this process or another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use formwork_sdk::{ApplyRequest, Operation, Recovery, Token};
use formwork_state::{DeposedKey, Edge, ProviderConfigAddress};
use formwork_value::{Marks, Path, Type, Value, decode_msgpack, encode_msgpack, json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A call, and what its object is stored with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is stored under its own name, and none rules out another"
)]
pub struct Recipe {
    /// Resource kind.
    pub kind: String,
    /// Whose it is.
    pub provider: ProviderConfigAddress,
    /// Whether the call goes through the configuration that the state was read with.
    pub through_prior: bool,
    /// How an unknown outcome is taken up.
    pub recovery: Recovery,
    /// The object as it was.
    pub prior: Packed,
    /// The complete planned object.
    pub planned: Packed,
    /// The configuration.
    pub configuration: Packed,
    /// The provider's private bytes of the plan.
    pub private: String,
    /// The identity that was planned, where the provider told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Packed>,
    /// The id under which it can be imported once it is made, where somebody said how it comes about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_id: Option<String>,
    /// What in the object is never shown.
    pub sensitive: Vec<Box<RawValue>>,
    /// Says who owns the object.
    pub owner: String,
    /// What its expressions read.
    pub edges: Vec<Edge>,
    /// What its provider's configuration read.
    pub provider_edges: Vec<Edge>,
    /// Whether its replacement is made first.
    pub create_before_destroy: bool,
    /// Whether it is forgotten where it would be destroyed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_destroy: bool,
    /// Whether something in the configuration is never stored: it is null here, and evaluated again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evaluates_again: bool,
    /// The object that was set aside for this one.
    pub deposed: Option<DeposedKey>,
}

/// A value as MessagePack in base64, its type with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Packed {
    text: String,
    /// The value, where it is at hand.
    #[serde(skip)]
    value: Option<Value>,
}

impl Packed {
    /// Packs a value without marks.
    pub fn pack(value: &Value) -> Result<Self, String> {
        let bytes = encode_msgpack(value, &Type::Dynamic).map_err(|error| error.to_string())?;
        Ok(Self { text: BASE64.encode(bytes), value: Some(value.clone()) })
    }

    /// Unpacks it.
    pub fn unpack(&self) -> Result<Value, String> {
        if let Some(value) = &self.value {
            return Ok(value.clone());
        }
        let bytes = BASE64.decode(&self.text).map_err(|error| error.to_string())?;
        decode_msgpack(&bytes, &Type::Dynamic).map_err(|error| error.to_string())
    }
}

impl Recipe {
    /// The call.
    pub fn request(&self, operation: Operation, token: &str) -> Result<ApplyRequest, String> {
        Ok(ApplyRequest {
            operation,
            kind: self.kind.clone(),
            prior: self.prior.unpack()?,
            planned: self.planned.unpack()?,
            configuration: self.configuration.unpack()?,
            private: BASE64.decode(&self.private).map_err(|error| error.to_string())?,
            identity: self.identity.as_ref().map(Packed::unpack).transpose()?,
            import_id: self.import_id.clone(),
            token: Token(token.to_owned()),
            owner: self.owner.clone(),
        })
    }

    /// The marks that its object is stored with.
    pub fn marks(&self) -> Vec<(Path, Marks)> {
        let paths = self.sensitive.iter().filter_map(|path| json::path_from_json(path.get()).ok());
        paths.map(|path| (path, Marks::sensitive())).collect()
    }
}

/// How an unknown outcome of one act is taken up: what its kind declares, and whether the object that it makes is known
/// by an id or an identity.
pub fn recovery_of(declared: Recovery, operation: Operation, is_known: bool) -> Recovery {
    match (declared, operation) {
        (Recovery::Import, Operation::Create) if !is_known => Recovery::Ask,
        (Recovery::Import, _) => Recovery::Find,
        _ => declared,
    }
}

/// Private bytes as text.
pub fn private_text(private: &[u8]) -> String {
    BASE64.encode(private)
}

/// Paths as JSON.
pub fn paths_json<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<Box<RawValue>> {
    paths.filter_map(|path| RawValue::from_string(json::path_to_json(path).ok()?).ok()).collect()
}
