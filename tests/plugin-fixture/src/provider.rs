//! The provider: what it answers to each call, with its faults.

use crate::fault::Faults;
use crate::shape::{self, Attribute, Kind};
use crate::wire::{Message, Request};
use crate::world::World;
use formwork_value::{
    Kind as Seen, Name, Type, Value, decode, decode_msgpack, encode, encode_msgpack, type_to_json,
};
use serde_json::Value as Json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The provider.
#[derive(Debug)]
pub(crate) struct Provider {
    /// The version of the protocol that it speaks.
    pub(crate) version: i64,
    /// What it does wrong.
    pub(crate) faults: Faults,
    /// What exists.
    pub(crate) world: World,
}

/// Why a call fails, and at which attribute.
#[derive(Debug)]
pub(crate) struct Problem {
    summary: String,
    attribute: Option<&'static str>,
}

impl Problem {
    fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), attribute: None }
    }

    fn message(&self) -> Message {
        let message = Message::new().number(1, 1).text(2, &self.summary).text(3, "The fixture says so.");
        match self.attribute {
            Some(name) => message.message(4, &Message::new().message(1, &Message::new().text(1, name))),
            None => message,
        }
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

type Answer = Result<Message, Problem>;

/// Version 6's name of a call.
pub(crate) fn modern(call: &str) -> &str {
    match call {
        "GetSchema" => "GetProviderSchema",
        "PrepareProviderConfig" => "ValidateProviderConfig",
        "ValidateResourceTypeConfig" => "ValidateResourceConfig",
        "ValidateDataSourceConfig" => "ValidateDataResourceConfig",
        "Configure" => "ConfigureProvider",
        "Stop" => "StopProvider",
        other => other,
    }
}

/// Where a call's answer holds its diagnostics.
fn findings_at(call: &str) -> u32 {
    match call {
        "GetProviderSchema" | "PlanResourceChange" => 4,
        "ApplyResourceChange" => 3,
        "ValidateProviderConfig"
        | "UpgradeResourceState"
        | "GetResourceIdentitySchemas"
        | "ReadResource"
        | "UpgradeResourceIdentity"
        | "ImportResourceState"
        | "MoveResourceState"
        | "ReadDataSource"
        | "GenerateResourceConfig"
        | "GetFunctions"
        | "GetMetadata" => 2,
        _ => 1,
    }
}

impl Provider {
    /// Answers a call; none where there is no such call.
    pub(crate) fn answer(&self, call: &str, request: &Request) -> Option<Message> {
        let answered = match call {
            "GetProviderSchema" => Ok(self.schema()),
            "GetResourceIdentitySchemas" | "UpgradeResourceIdentity" if self.faults.has("no-identities") => {
                return None;
            }
            "GetResourceIdentitySchemas" => Ok(identity_schemas()),
            "UpgradeResourceIdentity" => upgrade_identity(request),
            "ValidateProviderConfig" | "StopProvider" | "ValidateEphemeralResourceConfig" => {
                Ok(Message::new())
            }
            "ConfigureProvider" => configure(request),
            "ValidateResourceConfig" => validate(request),
            "ValidateDataResourceConfig" => Ok(Message::new()),
            "CloseEphemeralResource" => {
                self.world.log("Closed", &request.text(2));
                Ok(Message::new())
            }
            "UpgradeResourceState" => upgrade(request),
            "ReadResource" => self.read(request),
            "PlanResourceChange" => self.plan(request),
            "ApplyResourceChange" => self.apply(request),
            "ImportResourceState" => self.import(request),
            "MoveResourceState" => moved(request),
            "ReadDataSource" => self.read_data(request),
            "OpenEphemeralResource" => self.open(request),
            "RenewEphemeralResource" => Ok(renew(request)),
            "GetFunctions" => Ok(functions(Message::new(), 1)),
            "CallFunction" => return Some(call_function(request)),
            _ => return None,
        };
        let answered = match answered {
            Ok(_) if self.faults.has_in("error", call, &request.text(1)) => {
                Err(Problem::new(format!("The fixture refuses {call}")))
            }
            other => other,
        };
        Some(answered.unwrap_or_else(|problem| Message::new().message(findings_at(call), &problem.message())))
    }

    fn schema(&self) -> Message {
        let with = |message: Message, field, kinds: Vec<Kind>| {
            let spoken = kinds.into_iter().filter(|kind| self.version == 6 || kind.body.is_plain());
            spoken.fold(message, |whole, kind| whole.entry(field, kind.name, &kind.message(self.version)))
        };
        let mut message = Message::new().message(1, &shape::provider().message(self.version));
        message = with(message, 2, shape::resources());
        message = with(message, 3, shape::data_sources());
        message = with(message, 8, shape::ephemeral());
        let able = Message::new().flag(1, true).flag(2, true).flag(3, true);
        self.worse(functions(message.message(6, &able), 7))
    }

    /// The schema with what is wrong in it.
    fn worse(&self, mut message: Message) -> Message {
        let with_block = |message: Message, name: &str, block: &Message| {
            message.entry(2, name, &Message::new().message(2, block))
        };
        if self.faults.has("huge-schema") {
            let words = "word ".repeat(20_000);
            let attribute =
                Message::new().text(1, "name").text(2, "\"string\"").text(3, &words).flag(5, true);
            let block = Message::new().message(2, &attribute);
            for number in 0..400 {
                message = with_block(message, &format!("fixture_huge_{number}"), &block);
            }
        }
        if self.faults.has("wide-schema") {
            let mut block = Message::new();
            for number in 0..40 {
                let attribute = Message::new()
                    .text(1, &format!("attribute_number_{number}"))
                    .text(2, "\"string\"")
                    .text(3, "What the provider's pages say of it, in a line or so.")
                    .flag(5, true);
                block = block.message(2, &attribute);
            }
            for number in 0..2_000 {
                message = with_block(message, &format!("fixture_wide_{number}"), &block);
            }
        }
        if self.faults.has("endless-schema") {
            let words = "word ".repeat(200_000);
            let attribute =
                Message::new().text(1, "name").text(2, "\"string\"").text(3, &words).flag(5, true);
            let block = Message::new().message(2, &attribute);
            for number in 0..70 {
                message = with_block(message, &format!("fixture_endless_{number}"), &block);
            }
        }
        if self.faults.has("deep-blocks") {
            let deep = (0..3_000).fold(Message::new(), |inner, _| {
                Message::new().message(3, &Message::new().text(1, "in").message(2, &inner).number(3, 1))
            });
            message = with_block(message, "fixture_deep", &deep);
        }
        let typed = |value_type: &str| {
            Message::new().message(2, &Message::new().text(1, "deep").text(2, value_type).flag(5, true))
        };
        if self.faults.has("deep-type") {
            let text = format!("{}\"string\"{}", "[\"list\",".repeat(100_000), "]".repeat(100_000));
            message = with_block(message, "fixture_deep", &typed(&text));
        }
        if self.faults.has("bad-type") {
            message = with_block(message, "fixture_bad", &typed("[\"lost\"]"));
        }
        message
    }

    fn read(&self, request: &Request) -> Answer {
        let kind = resource(&request.text(1))?;
        let stored = value_at(request, 2, &kind.body.value_type())?;
        let found = match text_of(&stored, "id").and_then(|id| self.world.get(kind.name, &id)) {
            Some(json) => decode(&json, &kind.body.value_type())?,
            None => Value::null(kind.body.value_type()),
        };
        let answer = Message::new().message(1, &self.sent(&found, &kind, "ReadResource")?);
        let answer = answer.bytes(3, request.bytes(3));
        Ok(with_identity(answer, 5, &found, &kind))
    }

    fn plan(&self, request: &Request) -> Answer {
        let kind = resource(&request.text(1))?;
        let value_type = kind.body.value_type();
        let (prior, proposed) = (value_at(request, 2, &value_type)?, value_at(request, 3, &value_type)?);
        let config = value_at(request, 4, &value_type)?;
        if proposed.is_null() {
            return Ok(Message::new().message(1, &self.sent(&proposed, &kind, "PlanResourceChange")?));
        }
        if prior.is_null() && request.bytes(5) == b"planned" {
            self.world.log("Replacement", kind.name);
        }
        let planned = self.planned(&kind, &prior, &proposed);
        let changed = |one: &&Attribute| {
            one.is('x') && !prior.is_null() && prior.get(one.name) != planned.get(one.name)
        };
        let replaced = kind.body.attributes.iter().filter(changed);
        let replaced = replaced.map(|one| Message::new().message(1, &Message::new().text(1, one.name)));
        let mut answer = Message::new()
            .message(1, &self.sent(&planned, &kind, "PlanResourceChange")?)
            .messages(2, replaced)
            .bytes(3, b"planned")
            .flag(5, self.faults.has("legacy"));
        if self.faults.has("deferred") {
            answer = answer.message(6, &Message::new().number(1, 3));
        }
        Ok(with_identity(answer, 7, &config, &kind))
    }

    fn planned(&self, kind: &Kind, prior: &Value, proposed: &Value) -> Value {
        let filled = kind.body.change(proposed, &|one, value| {
            if value.is_null() && one.is('c') { Value::unknown(value.value_type()) } else { value }
        });
        let filled = without_write_only(kind, &filled, self.faults.has("write-only-kept"));
        // A change counts; what only stays unknown-free and equal does not.
        let is_change = prior.is_null() || filled != *prior;
        kind.body.change(&filled, &|one, value| match one.name {
            "revision" if is_change => Value::unknown(Type::Number),
            "name" if self.faults.has("plan-breaks") => Value::string("planned by the fixture"),
            _ => value,
        })
    }

    fn apply(&self, request: &Request) -> Answer {
        let kind = resource(&request.text(1))?;
        let value_type = kind.body.value_type();
        let (prior, planned) = (value_at(request, 2, &value_type)?, value_at(request, 3, &value_type)?);
        if planned.is_null() {
            if self.faults.has("delete-left") {
                return Ok(Message::new().message(1, &self.sent(&prior, &kind, "ApplyResourceChange")?));
            }
            self.world.remove(kind.name, &text_of(&prior, "id").unwrap_or_default());
            return Ok(Message::new().message(1, &self.sent(&planned, &kind, "ApplyResourceChange")?));
        }
        let id = text_of(&prior, "id").unwrap_or_else(|| self.world.new_id(kind.name));
        let revision = prior.get("revision").and_then(Value::as_i64).unwrap_or(0) + 1;
        let made = kind.body.change(&planned, &|one, value| made(one, &value, &id, revision));
        let made = without_write_only(&kind, &made, self.faults.has("write-only-kept"));
        let told = kind.body.change(&made, &|one, value| match one.name {
            "zone" | "made" if self.faults.has("unknown-left") => Value::unknown(Type::String),
            "name" | "label" if self.faults.has("apply-changes") => Value::string("applied by the fixture"),
            _ => value,
        });
        if self.faults.has("nothing-made") {
            let null = Value::null(value_type);
            return Ok(Message::new().message(1, &self.sent(&null, &kind, "ApplyResourceChange")?));
        }
        self.world.put(kind.name, &id, &encode(&made, &value_type)?)?;
        let answer = Message::new()
            .message(1, &self.sent(&told, &kind, "ApplyResourceChange")?)
            .bytes(2, format!("applied {revision}").as_bytes())
            .flag(4, self.faults.has("legacy"));
        let answer = if self.faults.has("create-half") && prior.is_null() {
            answer.message(3, &Problem::new("The fixture made half of it").message())
        } else if text_of(&made, "name").as_deref() == Some("warned") {
            answer.message(3, &warning("The thing is warned about"))
        } else {
            answer
        };
        Ok(with_identity(answer, 5, &told, &kind))
    }

    fn import(&self, request: &Request) -> Answer {
        let kind = resource(&request.text(1))?;
        let (mut id, by_identity) = (request.text(2), request.message(4).message(1));
        if id.is_empty() && kind.name == "fixture_thing" {
            let identity = decode_msgpack(by_identity.bytes(1), &identity_type())?;
            let name = text_of(&identity, "name").unwrap_or_default();
            let found = self.world.named(kind.name, &name).unwrap_or_default();
            found["id"].as_str().unwrap_or("none").clone_into(&mut id);
        }
        let empty = decode("{}", &kind.body.value_type())?;
        let state = kind.body.change(&empty, &|one, value| match one.name {
            "id" => Value::string(id.clone()),
            _ => value,
        });
        let imported = Message::new().text(1, kind.name).message(2, &sent(&state, &kind.body.value_type())?);
        Ok(Message::new().message(1, &imported.bytes(3, b"imported")))
    }

    fn read_data(&self, request: &Request) -> Answer {
        let kind = one_of(shape::data_sources(), &request.text(1))?;
        let value_type = kind.body.value_type();
        let config = value_at(request, 2, &value_type)?;
        let value = if kind.name == "fixture_environment" {
            let mut names: Vec<String> =
                std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
            names.sort();
            let names = names.into_iter().map(Value::from).collect();
            Value::object(vec![(Name::from("names"), Value::list(Type::String, names))])
        } else {
            let name = text_of(&config, "name").unwrap_or_default();
            let Some(found) = self.world.named("fixture_thing", &name) else {
                return Err(Problem {
                    summary: format!("There is no thing {name}"),
                    attribute: Some("name"),
                });
            };
            let part = |name: &str| found.get(name).cloned().unwrap_or(Json::Null);
            let seen = serde_json::json!({ "name": part("name"), "id": part("id"), "size": part("size") });
            decode(&seen.to_string(), &value_type)?
        };
        Ok(Message::new().message(1, &self.sent(&value, &kind, "ReadDataSource")?))
    }

    fn open(&self, request: &Request) -> Answer {
        let kind = one_of(shape::ephemeral(), &request.text(1))?;
        let config = value_at(request, 2, &kind.body.value_type())?;
        let subject = text_of(&config, "subject").unwrap_or_default();
        let opened = kind.body.change(&config, &|one, value| match one.name {
            "secret" => Value::string(format!("ticket-for-{subject}")),
            _ => value,
        });
        let mut answer = Message::new()
            .message(3, &self.sent(&opened, &kind, "OpenEphemeralResource")?)
            .bytes(4, subject.as_bytes());
        if let Some(seconds) = config.get("lifetime_seconds").and_then(Value::as_i64) {
            answer = answer.message(2, &renewal(seconds.cast_unsigned()));
        }
        Ok(answer)
    }

    /// A value as it is sent, unless it is to be none.
    fn sent(&self, value: &Value, kind: &Kind, call: &str) -> Answer {
        if self.faults.has_in("undecodable", call, kind.name) {
            return Ok(Message::new().bytes(1, &[0xc1, 0xff, 0x00]));
        }
        sent(value, &kind.body.value_type())
    }
}

fn sent(value: &Value, value_type: &Type) -> Answer {
    Ok(Message::new().bytes(1, &encode_msgpack(value, value_type)?))
}

fn resource(name: &str) -> Result<Kind, Problem> {
    one_of(shape::resources(), name)
}

fn one_of(kinds: Vec<Kind>, name: &str) -> Result<Kind, Problem> {
    let found = kinds.into_iter().find(|kind| kind.name == name);
    found.ok_or_else(|| Problem::new(format!("There is no kind {name}")))
}

fn value_at(request: &Request, field: u64, value_type: &Type) -> Result<Value, Problem> {
    let dynamic = request.message(field);
    let (packed, json) = (dynamic.bytes(1), dynamic.bytes(2));
    if !packed.is_empty() {
        return Ok(decode_msgpack(packed, value_type)?);
    }
    if json.is_empty() {
        return Ok(Value::null(value_type.clone()));
    }
    Ok(decode(&String::from_utf8_lossy(json), value_type)?)
}

fn text_of(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(ToString::to_string)
}

/// A value of an attribute once the object is there.
fn made(one: &Attribute, value: &Value, id: &str, revision: i64) -> Value {
    match (one.name, value.kind()) {
        ("id", _) => Value::string(id.to_owned()),
        ("revision", Seen::Unknown(..)) => Value::from(revision),
        (_, Seen::Unknown(Type::String, _)) => Value::string(format!("{} of {id}", one.name)),
        (_, Seen::Unknown(value_type, _)) => Value::null(value_type.clone()),
        _ => value.clone(),
    }
}

fn without_write_only(kind: &Kind, value: &Value, is_kept: bool) -> Value {
    kind.body.change(value, &|one, value| {
        if one.is('w') && !is_kept { Value::null(value.value_type()) } else { value }
    })
}

fn configure(request: &Request) -> Answer {
    let config = value_at(request, 2, &shape::provider().body.value_type())?;
    match text_of(&config, "region").as_deref() {
        Some("nowhere") => {
            Err(Problem { summary: "There is no region nowhere".to_owned(), attribute: Some("region") })
        }
        Some("warned") => Ok(Message::new().message(1, &warning("The region is warned about"))),
        _ => Ok(Message::new()),
    }
}

fn validate(request: &Request) -> Answer {
    let kind = resource(&request.text(1))?;
    let config = value_at(request, 2, &kind.body.value_type())?;
    match text_of(&config, "name").as_deref() {
        Some("") => Err(Problem { summary: "A name must not be empty".to_owned(), attribute: Some("name") }),
        Some("warned") => Ok(Message::new().message(1, &warning("The name is warned about"))),
        _ => Ok(Message::new()),
    }
}

fn warning(summary: &str) -> Message {
    Message::new().number(1, 2).text(2, summary).text(3, "It is.")
}

/// Version 1 of a thing called its name a label; what a version does not know is dropped.
fn upgrade(request: &Request) -> Answer {
    let kind = resource(&request.text(1))?;
    let raw = request.message(3);
    let mut stored: Json = serde_json::from_slice(raw.bytes(1))?;
    if let (Some(object), "fixture_thing", 1) = (stored.as_object_mut(), kind.name, request.number(2))
        && let Some(label) = object.remove("label")
    {
        object.insert("name".to_owned(), label);
    }
    let known = kind.body.value_type();
    if let (Some(object), Type::Object(known)) = (stored.as_object_mut(), &known) {
        object.retain(|name, _| known.get(name).is_some());
    }
    let value = decode(&stored.to_string(), &known)?;
    Ok(Message::new().message(1, &sent(&value, &known)?))
}

/// Version 0 of a thing's identity called its name a label.
fn upgrade_identity(request: &Request) -> Answer {
    let stored: Json = serde_json::from_slice(request.message(3).bytes(1))?;
    let name = stored["label"].as_str().or(stored["name"].as_str()).unwrap_or_default();
    let identity = Value::object(vec![(Name::from("name"), Value::string(name.to_owned()))]);
    let identity = Message::new().message(1, &sent(&identity, &identity_type())?);
    Ok(Message::new().message(1, &identity))
}

/// A thing that was an old one.
fn moved(request: &Request) -> Answer {
    if (request.text(2).as_str(), request.text(5).as_str()) != ("fixture_old", "fixture_thing") {
        return Err(Problem::new(format!("{} cannot become {}", request.text(2), request.text(5))));
    }
    let kind = resource("fixture_thing")?;
    let stored: Json = serde_json::from_slice(request.message(4).bytes(1))?;
    let taken =
        serde_json::json!({ "id": stored["id"], "name": stored["label"], "revision": stored["revision"] });
    let value = decode(&taken.to_string(), &kind.body.value_type())?;
    Ok(Message::new().message(1, &sent(&value, &kind.body.value_type())?).bytes(3, b"moved"))
}

fn identity_type() -> Type {
    Type::object([("name", Type::String)])
}

/// A thing is known by its name.
fn identity_schemas() -> Message {
    let name = Message::new().text(1, "name").text(2, "\"string\"").flag(3, true);
    Message::new().entry(1, "fixture_thing", &Message::new().number(1, 1).message(2, &name))
}

fn with_identity(answer: Message, field: u32, value: &Value, kind: &Kind) -> Message {
    let (true, Some(name)) = (kind.name == "fixture_thing", value.get("name")) else { return answer };
    let identity = Value::object(vec![(Name::from("name"), name.clone())]);
    let Ok(identity) = sent(&identity, &identity_type()) else { return answer };
    answer.message(field, &Message::new().message(1, &identity))
}

fn renewal(seconds: u64) -> Message {
    let at = SystemTime::now() + Duration::from_secs(seconds);
    let at = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Message::new().number(1, at.cast_signed())
}

/// It lasts another second, under another name.
fn renew(request: &Request) -> Message {
    Message::new().message(2, &renewal(1)).bytes(3, format!("{} renewed", request.text(2)).as_bytes())
}

fn functions(message: Message, field: u32) -> Message {
    let parameter = |name: &str, value_type: &str| Message::new().text(1, name).text(2, value_type);
    let returns = |value_type: &str| Message::new().text(1, value_type);
    let joined = Message::new()
        .message(1, &parameter("separator", "\"string\""))
        .message(2, &parameter("words", "\"string\""))
        .message(3, &returns("\"string\""))
        .text(4, "Joins words.");
    let same = Message::new()
        .message(1, &parameter("value", "\"dynamic\"").flag(3, true))
        .message(3, &returns("\"dynamic\""));
    let failing =
        Message::new().message(1, &parameter("reason", "\"string\"")).message(3, &returns("\"string\""));
    message.entry(field, "joined", &joined).entry(field, "same", &same).entry(field, "failing", &failing)
}

fn call_function(request: &Request) -> Message {
    let failed = |text: &str| Message::new().message(2, &Message::new().text(1, text));
    let is_dynamic = request.text(1) == "same";
    let value_type = if is_dynamic { Type::Dynamic } else { Type::String };
    let arguments: Option<Vec<Value>> = request
        .all(2)
        .into_iter()
        .map(|bytes| decode_msgpack(Request::read(bytes)?.bytes(1), &value_type).ok())
        .collect();
    let Some(arguments) = arguments else { return failed("an argument is not of its type") };
    let texts = arguments.iter().map(|one| one.as_str().map(ToString::to_string).unwrap_or_default());
    let texts: Vec<String> = texts.collect();
    let result = match (request.text(1).as_str(), arguments.first()) {
        ("same", Some(value)) => value.clone(),
        ("joined", Some(_)) => Value::string(texts[1..].join(&texts[0])),
        ("failing", Some(_)) => return failed(&texts[0]),
        (name, _) => return failed(&format!("there is no function {name}, or it lacks arguments")),
    };
    match sent(&result, &value_type) {
        Ok(result) => Message::new().message(1, &result),
        Err(_) => failed(&format!("no value of {}", type_to_json(&value_type))),
    }
}
