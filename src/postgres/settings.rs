//! The settings that every connection of ours pins, whatever the role, the database or the server say.
//!
//! Values travel in their text form from end to end, so everything that shapes text must be the same on both sides.
//! Source: PostgreSQL manual, "Client Connection Defaults" and, for the escapes, libpq's `options`.

/// How long a statement of ours waits for a lock before it gives way (55P03, tried again): the application goes first.
const LOCK_TIMEOUT: &str = "10s";

/// Name and value of each setting; all exist in PostgreSQL 14 to 18 and may be set by any role.
/// Set in the startup packet they win over `ALTER ROLE … SET` and `ALTER DATABASE … SET`.
pub const PINNED: &[(&str, &str)] = &[
    // The text form of values.
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    // Money is written by this locale; read under another one it would be another amount.
    ("lc_monetary", "C"),
    ("standard_conforming_strings", "on"),
    // Nothing is found by luck: every name of ours is qualified, and names in text forms come out qualified.
    ("search_path", "pg_catalog"),
    // What the source may forget has to be on the target's disk.
    ("synchronous_commit", "on"),
    // Waiting is bounded for locks, and only there: a huge transaction may take its time.
    ("lock_timeout", LOCK_TIMEOUT),
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    // Where it waits for us, the server notices our death (and frees locks) within 25 seconds, not after two hours. Not where what it
    // has sent is on its way: for that there is `tcp_user_timeout`, which would also end sessions whose rows we take slowly. The
    // writer sets it for its own.
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    // Compiling costs more than short statements run.
    ("jit", "off"),
];

/// The pinned settings as the startup parameter `options`: `-c name=value …`.
pub fn options() -> String {
    let settings: Vec<_> =
        PINNED.iter().map(|(name, value)| format!("-c {}={}", escaped(name), escaped(value))).collect();
    settings.join(" ")
}

/// The server splits `options` at white space; a backslash takes the next character as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_whitespace() || character == '\\' {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_backslashes_stay_inside_a_value() {
        assert_eq!(escaped("ISO, MDY"), "ISO,\\ MDY");
        assert_eq!(escaped("a\\b\tc"), "a\\\\b\\\tc");
    }

    #[test]
    fn every_setting_is_in_the_options_once() {
        let options = options();
        assert!(options.starts_with("-c client_encoding=UTF8 -c DateStyle=ISO "));
        assert_eq!(options.matches("-c ").count(), PINNED.len());
    }
}
