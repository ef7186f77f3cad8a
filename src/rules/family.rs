//! Whether values of one type can be values of another at all, and whether all of them fit.
//!
//! Values travel as text, so the server would take every pair of types and refuse row after row. What can never work is
//! found here, before it runs.

use crate::catalog::{BaseType, Column};

/// Types of the server whose text forms are read by each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Bool,
    Number,
    Moment,
    Clock,
    Interval,
    Json,
    Uuid,
    Bytes,
    Network,
    Geometry,
}

/// How values of a source column meet the customer's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Nothing is known against it.
    Good,
    /// Values that are longer than this will be refused.
    Shorter(u32),
    /// Numbers that are too large for it will be refused.
    Smaller,
    /// Texts that are none of its values will be refused.
    Parsed,
    /// None fits.
    Never,
}

/// The fit of two columns.
pub(super) fn fit(source: &Column, target: &Column) -> Fit {
    let (own, theirs) = (&source.base, &target.base);
    if theirs.is_string() {
        return match (length(own), length(theirs)) {
            (Some(own), Some(theirs)) if own > theirs => Fit::Shorter(theirs),
            _ => Fit::Good,
        };
    }
    if own.is_string() {
        return Fit::Parsed;
    }
    match (family(own), family(theirs)) {
        (Some(own), Some(theirs)) if own != theirs && !reads(theirs, own) => Fit::Never,
        (Some(Family::Number), Some(Family::Number)) if width(own) > width(theirs) && width(theirs) > 0 => {
            Fit::Smaller
        }
        _ => Fit::Good,
    }
}

/// Bytes of a whole number; 0 for what is none.
fn width(base: &BaseType) -> u8 {
    match base.name.as_str() {
        "int2" => 2,
        "int4" => 4,
        "int8" => 8,
        _other => 0,
    }
}

/// Families apart of which one still reads the other's usual text.
fn reads(target: Family, source: Family) -> bool {
    matches!(
        (target, source),
        (Family::Bool | Family::Json, Family::Number)
            | (Family::Json, Family::Bool)
            | (Family::Clock, Family::Moment)
            | (Family::Interval, Family::Clock)
    )
}

/// `None` for types of an extension or of a customer, for arrays, and for those that nobody has thought of.
fn family(base: &BaseType) -> Option<Family> {
    if !base.is_builtin() {
        return None;
    }
    Some(match base.name.as_str() {
        "bool" => Family::Bool,
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "oid" | "money" => Family::Number,
        "date" | "timestamp" | "timestamptz" => Family::Moment,
        "time" | "timetz" => Family::Clock,
        "interval" => Family::Interval,
        "json" | "jsonb" => Family::Json,
        "uuid" => Family::Uuid,
        "bytea" => Family::Bytes,
        "inet" | "cidr" | "macaddr" | "macaddr8" => Family::Network,
        "point" | "line" | "lseg" | "box" | "path" | "polygon" | "circle" => Family::Geometry,
        _ => return None,
    })
}

/// The length that a text column is limited to: 40 of `character varying(40)`.
fn length(base: &BaseType) -> Option<u32> {
    if !base.is_string() || !base.has_modifier {
        return None;
    }
    let (_, after) = base.text.rsplit_once('(')?;
    after.strip_suffix(')')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ColumnDefault;
    use crate::name::Ident;

    fn column(name: &str, text: &str) -> Column {
        let ident = |name| Ident::new(name).expect("a name");
        Column {
            name: ident("c"),
            number: 1,
            sent_oid: 0,
            sent_type: text.to_owned(),
            since: crate::lsn::Lsn::ZERO,
            base: BaseType {
                oid: 0,
                schema: ident("pg_catalog"),
                name: ident(name),
                text: text.to_owned(),
                has_modifier: text.contains('('),
            },
            not_null: false,
            generated: false,
            default: ColumnDefault::None,
            collation: None,
        }
    }

    #[test]
    fn what_can_never_be_read_is_told_from_what_may_be() {
        let (text, short) = (column("text", "text"), column("varchar", "character varying(5)"));
        let (long, number) = (column("varchar", "character varying(40)"), column("int8", "bigint"));
        let (day, flag) = (column("date", "date"), column("bool", "boolean"));
        assert_eq!(fit(&number, &day), Fit::Never);
        assert_eq!(fit(&day, &number), Fit::Never);
        assert_eq!(fit(&number, &flag), Fit::Good);
        assert_eq!(fit(&flag, &number), Fit::Never);
        assert_eq!(fit(&text, &day), Fit::Parsed);
        assert_eq!(fit(&day, &text), Fit::Good);
        assert_eq!(fit(&long, &short), Fit::Shorter(5));
        assert_eq!(fit(&short, &long), Fit::Good);
        assert_eq!(fit(&text, &short), Fit::Good);
        assert_eq!(fit(&number, &column("numeric", "numeric(12,2)")), Fit::Good);
    }
}
