//! What `.DAT` files hold, value by value; and that no bytes and no way of cutting them can spoil it.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::name::Ident;
use crate::snapshot::convert::cells::WHOLE_MAX_BYTES;
use crate::snapshot::loss::Loss;
use crate::snapshot::table::Class;

fn columns(classes: &[Class]) -> Vec<Column> {
    let column = |(place, class): (usize, &Class)| Column {
        name: Ident::new(&format!("c{place}")).expect("a name"),
        class: class.clone(),
        type_text: String::new(),
        not_null: false,
        comment: None,
    };
    classes.iter().enumerate().map(column).collect()
}

fn form(profile: Profile, guard_formulas: bool, combined: bool) -> Form {
    let zone = TimeZone::get("America/New_York").expect("a zone");
    Form { profile, guard_formulas, combined, zone }
}

/// What a copy becomes when it comes in pieces of these sizes.
fn passed(
    classes: &[Class],
    form: &Form,
    copy: &[u8],
    sizes: &[usize],
) -> Result<(Vec<u8>, Counts), Malformed> {
    let (mut pass, mut out) = (Pass::new(&columns(classes), form), Vec::new());
    let (mut rest, mut sizes) = (copy, sizes.iter().copied().cycle());
    pass.begin("hq");
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
        pass.push(piece, &mut out)?;
        rest = after;
    }
    pass.end()?;
    Ok((out, pass.finish()))
}

/// One cell of the market, and its loss.
fn market(class: Class, raw: &str) -> (String, Vec<Loss>) {
    let copy = format!("{raw}\n");
    let passed = passed(&[class], &form(Profile::Market, false, false), copy.as_bytes(), &[]);
    let (out, counts) = passed.expect("the server could write it");
    let text = String::from_utf8(out).expect("UTF-8");
    (text.trim_end_matches('\n').to_owned(), counts.losses[0].keys().copied().collect())
}

fn whole(text: &str) -> (String, Vec<Loss>) {
    (text.to_owned(), vec![])
}

fn lost(text: &str, loss: Loss) -> (String, Vec<Loss>) {
    (text.to_owned(), vec![loss])
}

#[test]
fn the_market_writes_dates_in_the_american_order_and_wall_times() {
    assert_eq!(market(Class::Date, "2026-01-16"), whole("01/16/2026"));
    assert_eq!(market(Class::Timestamp, "2026-01-16 08:30:00"), whole("01/16/2026 08:30:00"));
    assert_eq!(market(Class::TimestampTz, "2026-01-16 08:30:00-05"), whole("01/16/2026 08:30:00"));
    assert_eq!(
        market(Class::TimestampTz, "2026-01-16 08:30:00.5-05"),
        lost("01/16/2026 08:30:00", Loss::SecondFraction)
    );
    assert_eq!(
        market(Class::TimestampTz, "2026-11-01 01:30:00-04"),
        lost("11/01/2026 01:30:00", Loss::Offset)
    );
    assert_eq!(market(Class::Timestamp, "2026-11-01 01:30:00"), whole("11/01/2026 01:30:00"));
    assert_eq!(market(Class::Time, "24:00:00"), whole("24:00:00"));
    assert_eq!(market(Class::Time, "08:30:00.25"), lost("08:30:00", Loss::SecondFraction));
    assert_eq!(market(Class::TimeTz, "08:30:00-05"), lost("08:30:00", Loss::Offset));
    assert_eq!(market(Class::Interval, "P1Y-2M3DT-4H"), whole("P1Y-2M3DT-4H"));
}

#[test]
fn the_market_has_nothing_for_dates_and_numbers_that_its_readers_can_t_have() {
    for class in [Class::Date, Class::Timestamp, Class::TimestampTz] {
        assert_eq!(market(class.clone(), "infinity"), lost("", Loss::Infinity));
        assert_eq!(market(class, "-infinity"), lost("", Loss::Infinity));
    }
    assert_eq!(market(Class::Date, "0044-03-15 BC"), lost("", Loss::YearOutOfRange));
    assert_eq!(market(Class::Timestamp, "0044-03-15 00:00:00 BC"), lost("", Loss::YearOutOfRange));
    assert_eq!(market(Class::TimestampTz, "294276-12-31 23:59:59.5+00"), lost("", Loss::YearOutOfRange));
    assert_eq!(market(Class::Numeric(None), "NaN"), lost("", Loss::NotANumber));
    assert_eq!(market(Class::Real, "-Infinity"), lost("", Loss::NotANumber));
}

#[test]
fn the_market_writes_numbers_as_they_are_and_money_without_its_sign() {
    assert_eq!(market(Class::Numeric(Some((10, 2))), "-0.50"), whole("-0.50"));
    assert_eq!(market(Class::Double, "-0"), whole("-0"));
    assert_eq!(market(Class::Double, "1e-300"), whole("1e-300"));
    assert_eq!(market(Class::Money, "-$1,234,567.50"), whole("-1234567.50"));
    assert_eq!(market(Class::Boolean, "t"), whole("1"));
    assert_eq!(market(Class::Boolean, "f"), whole("0"));
    let digits = "9".repeat(147_455);
    assert_eq!(market(Class::Numeric(None), &digits), whole(&digits));
}

#[test]
fn the_market_flattens_texts_and_can_t_tell_an_empty_one_from_null() {
    assert_eq!(market(Class::Text, r"a\tb\nc\rd\\e"), lost(r"a b c d\e", Loss::ControlCharacter));
    assert_eq!(
        market(Class::Text, "\u{1}\u{7f}\u{85}é\u{a9}🐟\u{200b}"),
        lost("   é\u{a9}🐟\u{200b}", Loss::ControlCharacter)
    );
    assert_eq!(market(Class::Text, r"\\N \\."), whole(r"\N \."));
    assert_eq!(market(Class::Text, r"\N"), whole(""));
    assert_eq!(market(Class::Text, ""), lost("", Loss::EmptyText));
    assert_eq!(market(Class::Char(4), "AB  "), whole("AB  "));
    assert_eq!(market(Class::Json, r#"{"a":\n 1}"#), lost(r#"{"a":  1}"#, Loss::ControlCharacter));
    assert_eq!(market(Class::Array, r#"{1,NULL,"a\\"b"}"#), whole(r#"{1,NULL,"a\"b"}"#));
    assert_eq!(market(Class::Bytea, r"\\x00ff"), whole("00ff"));
    assert_eq!(market(Class::Bytea, r"\\x"), lost("", Loss::EmptyText));
}

#[test]
fn a_long_text_is_flattened_and_counted_once() {
    let value = r"a\tb\\🐟".repeat(WHOLE_MAX_BYTES / 5);
    assert_eq!(
        market(Class::Text, &value),
        lost(&value.replace(r"\t", " ").replace(r"\\", r"\"), Loss::ControlCharacter)
    );
    let copy = format!("{value}\n");
    let market = form(Profile::Market, false, false);
    let (_, counts) = passed(&[Class::Text], &market, copy.as_bytes(), &[100_003]).expect("a text");
    assert_eq!(counts.losses[0][&Loss::ControlCharacter], 1);
    let bytes = format!(r"\\x{}", "ab".repeat(WHOLE_MAX_BYTES));
    assert_eq!(self::market(Class::Bytea, &bytes), whole(&bytes[3..]));
}

#[test]
fn what_the_server_never_writes_is_an_error_that_shows_no_value() {
    let foreign = [
        (Class::Boolean, "true"),
        (Class::Date, "01/16/2026"),
        (Class::Timestamp, "2026-01-16"),
        (Class::Time, "noon"),
        (Class::Money, "EUR 5"),
        (Class::Bytea, "abc"),
        (Class::Text, r"\x41"),
    ];
    for (class, raw) in foreign {
        let market = form(Profile::Market, false, false);
        let error =
            passed(std::slice::from_ref(&class), &market, format!("{raw}\n").as_bytes(), &[]).expect_err(raw);
        assert_eq!(error, Malformed::Cell { row: 1, column: 1 }, "{class:?}");
        assert!(!error.to_string().contains(raw));
    }
}

#[test]
fn formulas_are_guarded_in_texts_of_both_profiles_and_only_when_asked() {
    let classes = [Class::Integer, Class::Text, Class::Text];
    let copy = b"-1\t=1+1\t\\tx\n-2\t-5\tplain\n";
    let of = |form: Form| passed(&classes, &form, copy, &[]).expect("well-formed");
    let (out, counts) = of(form(Profile::Lossless, true, false));
    assert_eq!(out, b"-1\t'=1+1\t'\\tx\n-2\t'-5\tplain\n");
    assert_eq!(counts.losses[1][&Loss::Guarded], 2);
    let (out, counts) = of(form(Profile::Market, true, false));
    assert_eq!(out, b"-1\t'=1+1\t' x\n-2\t'-5\tplain\n");
    assert_eq!((counts.losses[0].len(), counts.losses[2][&Loss::Guarded]), (0, 1));
    assert_eq!(of(form(Profile::Lossless, false, false)).0, copy);
    assert!(of(form(Profile::Market, false, false)).0.starts_with(b"-1\t=1+1\t x\n"));
}

#[test]
fn a_combined_file_says_whose_each_row_is() {
    for (profile, null) in [(Profile::Lossless, r"\N"), (Profile::Market, "")] {
        for guard in [false, true] {
            let (mut pass, mut out) =
                (Pass::new(&columns(&[Class::Text, Class::Text]), &form(profile, guard, true)), Vec::new());
            for (customer, copy) in [("hq", "a\tb\nc\t\\N\n"), ("none", ""), ("north", "d\te\n")] {
                pass.begin(customer);
                for byte in copy.as_bytes() {
                    pass.push(&[*byte], &mut out).expect("well-formed");
                }
                assert_eq!(pass.end(), Ok(copy.matches('\n').count() as u64));
            }
            let expected = format!("hq\ta\tb\nhq\tc\t{null}\nnorth\td\te\n");
            assert_eq!(String::from_utf8_lossy(&out), expected);
            assert_eq!(pass.finish().rows, 3);
        }
    }
}

#[test]
fn rows_without_columns_and_copies_without_rows_pass() {
    for profile in [Profile::Lossless, Profile::Market] {
        let (out, counts) = passed(&[], &form(profile, false, false), b"\n\n", &[]).expect("two rows");
        assert_eq!((out.as_slice(), counts.rows), (&b"\n\n"[..], 2));
        let (out, counts) = passed(&[], &form(profile, false, true), b"\n\n", &[]).expect("two rows");
        assert_eq!((out.as_slice(), counts.rows), (&b"hq\nhq\n"[..], 2));
        let (out, counts) = passed(&[Class::Text], &form(profile, true, true), b"", &[]).expect("no row");
        assert_eq!((out.len(), counts.rows), (0, 0));
        assert_eq!(
            passed(&[Class::Text], &form(profile, false, false), b"a\nb", &[]).err(),
            Some(Malformed::CutOff { row: 2 })
        );
    }
}

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(vec![
        Class::Integer,
        Class::Numeric(None),
        Class::Money,
        Class::Boolean,
        Class::Text,
        Class::Date,
        Class::Timestamp,
        Class::TimestampTz,
        Class::TimeTz,
        Class::Bytea,
        Class::Other,
    ])
}

/// A cell as the server might write it.
fn cell(class: &Class) -> BoxedStrategy<Vec<u8>> {
    if is_text(class) {
        let escaped = |text: String| {
            let mut raw = Vec::new();
            escape(text.replace('\0', "").as_bytes(), &mut raw);
            raw
        };
        let value = any::<String>().prop_map(escaped);
        return prop_oneof![1 => Just(br"\N".to_vec()), 6 => value].boxed();
    }
    let one_of = |known: &'static [&'static str]| {
        prop::sample::select(known).prop_map(|raw| raw.as_bytes().to_vec()).boxed()
    };
    let value = match class {
        Class::SmallInt
        | Class::Integer
        | Class::BigInt
        | Class::Real
        | Class::Double
        | Class::Time
        | Class::Interval
        | Class::Uuid
        | Class::Text
        | Class::Varchar(_)
        | Class::Char(_)
        | Class::Enum(_)
        | Class::Json
        | Class::Xml
        | Class::Array
        | Class::Other => any::<i64>().prop_map(|number| number.to_string().into_bytes()).boxed(),
        Class::Numeric(_) => one_of(&["NaN", "-Infinity", "0", "-12.340"]),
        Class::Money => one_of(&["$0.00", "-$1,234.50"]),
        Class::Boolean => one_of(&["t", "f"]),
        Class::Date => one_of(&["2026-01-16", "infinity", "0044-03-15 BC", "10000-01-01"]),
        Class::Timestamp => one_of(&["2026-01-16 08:30:00.5", "-infinity", "0044-03-15 00:00:00 BC"]),
        Class::TimestampTz => one_of(&["2026-11-01 01:30:00-04", "infinity", "294276-12-31 23:59:59+00"]),
        Class::TimeTz => one_of(&["08:30:00.5-05", "24:00:00+00"]),
        Class::Bytea => one_of(&[r"\\x", r"\\x00ff"]),
    };
    prop_oneof![1 => Just(br"\N".to_vec()), 6 => value].boxed()
}

/// Columns, and a copy of rows of them.
fn copy() -> impl Strategy<Value = (Vec<Class>, Vec<u8>)> {
    prop::collection::vec(class(), 0..6).prop_flat_map(|classes| {
        let row = classes.iter().map(cell).collect::<Vec<_>>().prop_map(|cells| {
            let mut line = cells.join(&b'\t');
            line.push(b'\n');
            line
        });
        (Just(classes), prop::collection::vec(row, 0..6).prop_map(|rows| rows.concat()))
    })
}

proptest! {
    #[test]
    fn any_way_of_cutting_gives_the_same_file((classes, copy) in copy(),
        sizes in prop::collection::vec(1_usize..12, 1..6), guard: bool, combined: bool) {
        for profile in [Profile::Lossless, Profile::Market] {
            let form = form(profile, guard, combined);
            let whole = passed(&classes, &form, &copy, &[]).expect("the server could write it");
            let cut = passed(&classes, &form, &copy, &sizes).expect("the server could write it");
            prop_assert_eq!(&cut, &whole);
            prop_assert_eq!(whole.1.rows, memchr_iter(b'\n', &copy).count() as u64);
            if profile == Profile::Lossless && !guard && !combined {
                prop_assert_eq!(&whole.0, &copy);
            }
            let text = String::from_utf8(whole.0).expect("UTF-8");
            for line in text.split_terminator('\n') {
                let cells = (classes.len() + usize::from(combined)).max(1);
                prop_assert_eq!(line.split('\t').count(), cells);
                let is_clean = !line.chars().any(|letter| letter.is_control() && letter != '\t');
                prop_assert!(profile == Profile::Lossless || is_clean);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(classes in prop::collection::vec(class(), 0..4),
        copy in prop::collection::vec(prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'\\'), Just(b'-'), Just(b':'),
            Just(b' '), Just(b'0'), any::<u8>()], 0..120),
        sizes in prop::collection::vec(1_usize..12, 1..6), guard: bool) {
        for profile in [Profile::Lossless, Profile::Market] {
            let form = form(profile, guard, false);
            let whole = passed(&classes, &form, &copy, &[]);
            let cut = passed(&classes, &form, &copy, &sizes);
            prop_assert_eq!(cut, whole);
        }
    }
}
