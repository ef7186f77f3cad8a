//! Expressions, what is found in them, and what must not be in them.

use super::*;

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Every column between angle brackets.
fn marked(text: &str) -> String {
    parse(text).render(&mut |column| match &column.qualifier {
        Some(qualifier) => format!("<{qualifier}|{}>", column.name),
        None => format!("<{}>", column.name),
    })
}

#[test]
fn every_column_is_replaced_and_all_else_stays() {
    let cases = [
        ("NOT inactive", "NOT <inactive>"),
        ("a + B * \"A b\"", "<a> + <b> * <A b>"),
        ("\"with \"\" mark\" = 'a'", "<with \" mark> = 'a'"),
        ("département = 'Ä'", "<département> = 'Ä'"),
        ("'Ä' || \n  département", "'Ä' || \n  <département>"),
        ("cpt_code.rev_code", "<cpt_code|rev_code>"),
        ("Cpt_Code . \"Rev\" + 1", "<cpt_code|Rev> + 1"),
        ("coalesce(line.rev, code.rev, '0420')", "coalesce(<line|rev>, <code|rev>, '0420')"),
        ("upper(trim(code))", "upper(trim(<code>))"),
        ("trim(BOTH x FROM code)", "trim(BOTH <x> FROM <code>)"),
        ("substring(code FROM 1 FOR n)", "substring(<code> FROM 1 FOR <n>)"),
        ("position('a' IN code)", "position('a' IN <code>)"),
        ("overlay(a PLACING b FROM 1)", "overlay(<a> PLACING <b> FROM 1)"),
        ("extract(year FROM end_date)", "extract(year FROM <end_date>)"),
        ("CAST(a AS numeric(10, 2))", "CAST(<a> AS numeric(10, 2))"),
        ("a::text::character varying(3)", "<a>::text::character varying(3)"),
        ("a::my_schema.my_type", "<a>::my_schema.my_type"),
        ("CASE WHEN a > 1 THEN b ELSE c END", "CASE WHEN <a> > 1 THEN <b> ELSE <c> END"),
        ("CASE a WHEN b THEN 1 END", "CASE <a> WHEN <b> THEN 1 END"),
        ("ARRAY[a, b][1]", "ARRAY[<a>, <b>][1]"),
        ("a[1]", "<a>[1]"),
        ("a[i:j]", "<a>[<i>:<j>]"),
        ("code.tags[1]", "<code|tags>[1]"),
        ("(a).b", "(<a>).b"),
        ("(code.address).city", "(<code|address>).city"),
        ("a = ANY (tags)", "<a> = ANY (<tags>)"),
        ("a <> ALL (ARRAY['x', b])", "<a> <> ALL (ARRAY['x', <b>])"),
        ("a IN ('x', b)", "<a> IN ('x', <b>)"),
        ("a NOT BETWEEN b AND c", "<a> NOT BETWEEN <b> AND <c>"),
        ("a NOT LIKE b || '%' ESCAPE '!'", "<a> NOT LIKE <b> || '%' ESCAPE '!'"),
        ("a ILIKE 'x%' AND b ~* '^y'", "<a> ILIKE 'x%' AND <b> ~* '^y'"),
        ("a SIMILAR TO b", "<a> SIMILAR TO <b>"),
        ("a AT TIME ZONE zone", "<a> AT TIME ZONE <zone>"),
        ("a IS DISTINCT FROM b", "<a> IS DISTINCT FROM <b>"),
        ("a IS NOT NULL OR b IS TRUE", "<a> IS NOT NULL OR <b> IS TRUE"),
        ("ROW(a, b) = ROW(1, 2)", "ROW(<a>, <b>) = ROW(1, 2)"),
        ("(a, b) = (1, 2)", "(<a>, <b>) = (1, 2)"),
        ("end_date - current_date <= 30", "<end_date> - current_date <= 30"),
        ("\"current_date\"", "<current_date>"),
        ("a + interval '1 day'", "<a> + interval '1 day'"),
        ("a >= date '2020-01-01'", "<a> >= date '2020-01-01'"),
        ("date > timestamp", "<date> > <timestamp>"),
        ("doc->'a'->>b", "<doc>->'a'->><b>"),
        ("doc ? 'a' AND doc @> '{}'::jsonb", "<doc> ? 'a' AND <doc> @> '{}'::jsonb"),
        ("a COLLATE \"C\" < b", "<a> COLLATE \"C\" < <b>"),
        ("E'it\\'s' || a", "E'it\\'s' || <a>"),
        ("'it''s a' || a", "'it''s a' || <a>"),
        ("$$a$$ || a", "$$a$$ || <a>"),
        ("lpad(string => a, length => 3)", "lpad(string => <a>, length => 3)"),
        ("-a ^ 2 % b", "-<a> ^ 2 % <b>"),
        ("name || value || type || status || \"user\"", "<name> || <value> || <type> || <status> || <user>"),
        ("true AND NOT false OR null", "true AND NOT false OR null"),
        ("a OPERATOR(pg_catalog.+) b", "<a> OPERATOR(pg_catalog.+) <b>"),
    ];
    for (text, expected) in cases {
        assert_eq!(marked(text), expected, "{text}");
    }
}

#[test]
fn a_column_is_told_once_and_in_order() {
    let columns = parse("b + A + b + code.a + \"A\"").columns();
    let names = columns.iter().map(|column| match &column.qualifier {
        Some(qualifier) => format!("{qualifier}.{}", column.name),
        None => column.name.to_string(),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["b", "a", "code.a", "A"]);
}

#[test]
fn functions_are_told_with_their_schema() {
    let cases: [(&str, &[&str]); 4] = [
        ("Upper(acequia.f(a)) || upper(b)", &["upper", "acequia.f"]),
        ("CURRENT_DATE + localtime", &["current_date", "localtime"]),
        ("current_user || session_user || current_role", &["current_user", "session_user", "current_role"]),
        ("\"Weird\"(ROW(1))", &["Weird"]),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).functions(), expected, "{text}");
        assert_eq!(parse(text).render(&mut |column| column.name.to_string()).len(), text.len(), "{text}");
    }
}

#[test]
fn a_rule_cannot_look_beyond_its_row() {
    let cases = [
        ("", "is missing"),
        ("(SELECT 1)", "a sub-select"),
        ("EXISTS (SELECT 1)", "a sub-select"),
        ("a IN (SELECT b FROM c)", "a sub-select"),
        ("a = ANY (SELECT b FROM c)", "a sub-select"),
        ("ARRAY(SELECT 1)", "a sub-select"),
        ("a; DROP TABLE b", "a semicolon"),
        ("a = 1, b = 2", "goes on at character 6"),
        ("a AS b", "goes on at character 3"),
        ("a b", "goes on at character 3"),
        ("a = $1", "a placeholder must not be in the SQL of a rule (character 5)"),
        ("a -- b", "a comment"),
        ("a /* b */", "a comment"),
        ("count(*) > 1", "an aggregate"),
        ("pg_catalog.sum(a)", "an aggregate"),
        ("f(DISTINCT a)", "an aggregate"),
        ("f(a ORDER BY b)", "an aggregate"),
        ("f(a) FILTER (WHERE b)", "an aggregate"),
        ("row_number() OVER ()", "a window function"),
        ("unnest(a)", "several rows"),
        ("f(*)", "all columns"),
        ("f(code.*)", "all columns"),
        ("a.b.c", "more than two parts"),
        ("a.b.c[1]", "more than two parts"),
        ("a +", "expected an expression"),
        ("a = 'b", "Unterminated string"),
        ("SELECT a", "goes on"),
        ("\"\"", "a name must not be empty"),
    ];
    for (text, expected) in cases {
        let error = Expression::parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn an_expression_without_end_takes_no_stack() {
    let nested = format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000));
    let chained = format!("a{}", " OR a".repeat(3_000));
    let longest = format!("a{}", " OR a".repeat(SIGNS_MAX / 2 - 1));
    let list = format!("a IN ({})", vec!["'x'"; 3_000].join(", "));
    assert!(Expression::parse(&nested).is_err());
    assert_eq!(Expression::parse(&chained), Err(ExpressionError::TooLong));
    assert_eq!(parse(&longest).columns().len(), 1);
    assert_eq!(parse(&list).columns().len(), 1);
}
