//! A planted key is nowhere in what is told, however the file around it is broken.

use proptest::prelude::*;

use crate::config::file;
use crate::config::report::Report;
use crate::config::text::{TextName, Texts};
use crate::config::{Environment, Look, build, mask};

/// Distinct in every run of five characters, and with no sign that it is a key.
const PLANTED: &str = "Zq7Xv9Kp2Lm4Wn8Rb3Tc";

const WRITTEN: &str = r#"
[server]
listen = ["127.0.0.1:1"] # Zq7Xv9Kp2Lm4Wn8Rb3Tc
workers = 2

[[caller]]
name = "alice"
key = "tg-Zq7Xv9Kp2Lm4Wn8Rb3Tc"

[[provider]]
name = "a"
dialect = "openai"
base_url = "http://127.0.0.1:1"
key = [{ name = "x", value = "Zq7Xv9Kp2Lm4Wn8Rb3Tc" }, { value = 'Zq7Xv9Kp2Lm4Wn8Rb3Tc' }]

[[provider]]
name = "b"
dialect = "openai"
base_url = "http://127.0.0.1:1"

[[provider.key]]
name = 'x'
value = """
Zq7Xv9Kp2Lm4Wn8Rb3Tc"""

[timeouts]
connect = "5s"
"#;

/// Everything a load of this text tells, errors and warnings.
fn told(written: &str) -> String {
    let mut texts = Texts::default();
    let mut report = Report::default();
    let content = zeroize::Zeroizing::new(written.to_owned());
    let whole = texts.add(TextName::File("t.toml".into()), content);
    let table = file::parse(written, whole, &mut report);
    let environment = Environment::fixed([]);
    let context =
        build::Context { environment: &environment, stderr_is_terminal: false, texts: &texts };
    build::build(&table, &context, &mut report);
    let (errors, warnings, settings) = report.close(&texts);
    let mut told = format!("{settings:?}");
    for finding in errors.iter().chain(&warnings) {
        told.extend([format!("{finding:?}\n"), finding.render(Look::Plain)]);
    }
    told
}

/// The part of the planted key that was told, if any part is long enough to matter.
fn leaked(told: &str) -> Option<&'static str> {
    (0..PLANTED.len() - 5).map(|at| &PLANTED[at..at + 5]).find(|part| told.contains(part))
}

#[test]
fn the_planted_key_is_not_told_by_a_sound_file() {
    let told = told(WRITTEN);
    assert!(told.contains("is written out in the file"), "{told}");
    assert_eq!(leaked(&told), None, "{told}");
}

/// A slip of the keyboard.
#[derive(Clone, Debug)]
enum Slip {
    Delete(prop::sample::Index),
    Insert(prop::sample::Index, char),
    Swap(prop::sample::Index),
}

fn slip() -> impl Strategy<Value = Slip> {
    let index = any::<prop::sample::Index>;
    let signs = prop::sample::select("\"'=[]{},.#\\\n \tx0-é".chars().collect::<Vec<char>>());
    prop_oneof![
        index().prop_map(Slip::Delete),
        (index(), signs).prop_map(|(at, sign)| Slip::Insert(at, sign)),
        index().prop_map(Slip::Swap),
    ]
}

fn slipped(slips: &[Slip]) -> String {
    let mut chars: Vec<char> = WRITTEN.chars().collect();
    for slip in slips {
        let last = chars.len() - 1;
        match slip {
            Slip::Delete(at) => drop(chars.remove(at.index(last))),
            Slip::Insert(at, sign) => chars.insert(at.index(last), *sign),
            Slip::Swap(at) => chars.swap(at.index(last), at.index(last) + 1),
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_slip_of_the_keyboard_tells_the_planted_key(slips in prop::collection::vec(slip(), 1..4)) {
        let written = slipped(&slips);
        let told = told(&written);
        prop_assert_eq!(leaked(&told), None, "{}\n{}", written, told);
    }

    #[test]
    fn no_text_makes_the_loader_panic(written in r#"[\PC\n"'=\[\]{}.,#]{0,200}"#) {
        told(&written);
    }

    #[test]
    fn a_masked_line_keeps_its_columns(line in r#"[a-z"'= \[\]{}.,é]{0,60}"#) {
        let masked = mask::line(&line, &(0..0));
        for (shown, own) in masked.chars().zip(line.chars()) {
            prop_assert!(shown == own || shown == '*', "{}\n{}", line, masked);
        }
        let cut = line.chars().skip(masked.chars().count()).collect::<String>();
        prop_assert_eq!(cut.trim_end(), "", "{}\n{}", line, masked);
    }
}

#[test]
fn any_single_character_may_be_missing_without_telling_the_planted_key() {
    for (at, _) in WRITTEN.char_indices() {
        let written = format!("{}{}", &WRITTEN[..at], &WRITTEN[at + 1..]);
        let told = told(&written);
        assert_eq!(leaked(&told), None, "{written}\n{told}");
    }
}

#[test]
fn a_line_shows_what_is_known_and_hides_the_rest() {
    for (line, shown) in [
        ("connect = \"5s\"", "connect = \"5s\""),
        ("value = \"abc\"", "value = \"***\""),
        ("value = { env = \"NAME\" }", "value = { env = \"NAME\" }"),
        ("value = { env = \"sk-abc\" }", "value = { env = \"******\" }"),
        ("key = [{ name = \"a\", value = \"b\" }] # c", "key = [{ name = \"a\", value = \"*\" }]"),
        ("name = \"a\" \"b\"", "name = \"a\" \"*\""),
        ("name = \"open", "name = \"****"),
        ("name = 'a, value = \"b\", x = '", "name = '***********\"*\"******'"),
        ("base_url = \"https://u:p@h\"", "base_url = \"*************\""),
        ("listen = [\"a\", \"b\"]", "listen = [\"a\", \"b\"]"),
        ("xyz = 1", "*** = *"),
        ("[[provider.key]]", "[[provider.key]]"),
        ("[provider.secret]", "[provider.******]"),
        ("  abc", "  ***"),
        ("abc==", "***=="),
        ("driver = \"\u{1b}[31m\"", "driver = \" [31m\""),
    ] {
        assert_eq!(mask::line(line, &(0..0)), shown, "{line}");
    }
    assert_eq!(mask::line("xyz = 1", &(0..3)), "xyz = *");
    assert_eq!(mask::name("disk-a"), "disk-a");
    assert_eq!(mask::name("sk-a"), "****");
    assert_eq!(mask::flag("--provider a=http://u:p@h"), "--provider **************");
}
