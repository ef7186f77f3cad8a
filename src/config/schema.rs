//! The JSON Schema of the files, made from the manual. Draft 7: editors for TOML read that one.

use serde_json::{Map, Value, json};

use super::manual::{Bond, Chapter, Entry, FILE, Form, Shape};

/// The JSON Schema of one file. What it cannot see is for `acequia check`: names that nothing has, what several tables
/// say together, and the databases. It is stricter in one thing: a password that stands in the file itself is a warning
/// there, and refused here.
pub fn schema() -> Value {
    let mut schema = table(&FILE);
    schema.insert("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".to_owned(), "Acequia: acequia.toml and conf.d/*.toml".into());
    Value::Object(schema)
}

/// A table with its keys, and no others.
fn table(chapter: &Chapter) -> Map<String, Value> {
    let properties: Map<String, Value> =
        chapter.entries().map(|entry| (entry.key.to_owned(), Value::Object(property(entry)))).collect();
    let mut schema = object(json!({
        "type": "object",
        "description": chapter.about,
        "properties": properties,
        "additionalProperties": false,
    }));
    for bond in chapter.bonds {
        bind(&mut schema, bond);
    }
    schema
}

/// One key.
fn property(entry: &Entry) -> Map<String, Value> {
    let mut schema = value(&entry.shape);
    schema.insert("description".to_owned(), entry.about.into());
    // What holds is written as TOML writes it, and that is JSON too.
    if let Some(default) = entry.default.and_then(|text| serde_json::from_str(text).ok()) {
        schema.insert("default".to_owned(), default);
    }
    schema
}

/// What a value may be.
fn value(shape: &Shape) -> Map<String, Value> {
    match shape {
        Shape::Text(form) => text(form),
        Shape::Flag => object(json!({ "type": "boolean" })),
        Shape::Number { least, most } => {
            object(json!({ "type": "integer", "minimum": least, "maximum": most }))
        }
        Shape::Word(words) => object(json!({ "type": "string", "enum": words() })),
        Shape::List { entry, least, most } => {
            let mut schema = object(json!({ "type": "array", "items": value(entry), "minItems": least }));
            if let Some(most) = most {
                schema.insert("maxItems".to_owned(), (*most).into());
            }
            schema
        }
        Shape::Table(chapter) => table(chapter),
        Shape::Named(chapter) => named(&super::manual::NAME, &table(chapter)),
        Shape::Tables(chapter) => object(json!({ "type": "array", "items": table(chapter) })),
        Shape::Map { keys, value: inner } => named(keys, &value(inner)),
        Shape::Either(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(value).collect();
            object(json!({ "anyOf": shapes }))
        }
    }
}

/// A text that is not empty.
fn text(form: &Form) -> Map<String, Value> {
    let mut schema = object(json!({ "type": "string", "minLength": 1 }));
    if let Some(pattern) = form.pattern {
        schema.insert("pattern".to_owned(), pattern.into());
    }
    if let Some(most) = form.characters_max {
        schema.insert("maxLength".to_owned(), most.into());
    }
    schema
}

/// A table whose keys are names.
fn named(keys: &Form, value: &Map<String, Value>) -> Map<String, Value> {
    object(json!({ "type": "object", "propertyNames": text(keys), "additionalProperties": value }))
}

/// What holds between keys.
fn bind(schema: &mut Map<String, Value>, bond: &Bond) {
    match bond {
        Bond::Required(keys) => {
            schema.insert("required".to_owned(), json!(keys));
        }
        Bond::OneOf(sets) => {
            let sets: Vec<Value> = sets.iter().map(|keys| json!({ "required": keys })).collect();
            schema.insert("oneOf".to_owned(), sets.into());
        }
        Bond::NotBoth(one, other) => {
            schema.insert("not".to_owned(), json!({ "required": [one, other] }));
        }
        Bond::Needs(key, other) => {
            let dependencies = schema.entry("dependencies").or_insert_with(|| json!({}));
            if let Value::Object(dependencies) = dependencies {
                dependencies.insert((*key).to_owned(), json!([other]));
            }
        }
    }
}

/// The members of what is written as an object.
fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}
